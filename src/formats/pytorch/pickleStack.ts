/** The values that a pickle works on: its stack, its marks, its memo, and what its opcodes do to them. */
import type { ForwardCursor } from '../forwardCursor';
import { applyGlobal, judgeGlobal } from './globals';
import type { PickleBudget } from './pickleBudget';
import {
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleObject,
  PickleOpaque,
  PickleTensor,
  type PickleValue,
} from './pickleValues';

/** Distinct names that are not understood. */
const mostGlobals = 1_000;

/**
 * Charges, in bytes: what V8 takes, measured with files of nothing else. `slot` is for the stack at its highest, whose
 * array is copied as it grows; `firstItems` for the room that an array gets with its first item.
 */
export const cost = {
  slot: 20,
  item: 12,
  firstItems: 150,
  memo: 60,
  number: 16,
  text: 40,
  container: 110,
  object: 130,
  tensor: 200,
} as const;

/** `()`, which every call without arguments has. */
export const emptyTuple = new PickleList([], true);

export class PickleStack {
  protected stack: PickleValue[] = [];
  protected readonly marks: number[] = [];
  protected readonly memo = new Map<number, PickleValue>();
  protected opcodeOffset = 0;
  private highest = 0;
  private mostMarks = 0;

  constructor(
    protected readonly cursor: ForwardCursor,
    protected readonly budget: PickleBudget,
  ) {}

  protected fail(message: string): never {
    return this.cursor.fail(message, this.opcodeOffset);
  }

  /** `bytes` is what the value takes beside its place on the stack. */
  protected push(value: PickleValue, bytes = 0): void {
    if (bytes > 0) this.charge(bytes);
    this.stack.push(value);
    if (this.stack.length <= this.highest) return;
    this.highest = this.stack.length;
    this.charge(cost.slot);
  }

  protected mark(): void {
    this.marks.push(this.stack.length);
    if (this.marks.length <= this.mostMarks) return;
    this.mostMarks = this.marks.length;
    this.charge(cost.slot);
  }

  protected charge(bytes: number): void {
    this.budget.charge(bytes, this.opcodeOffset);
  }

  protected get floor(): number {
    return this.marks.at(-1) ?? 0;
  }

  protected pop(): PickleValue {
    if (this.stack.length <= this.floor) this.fail('The pickle takes more values than it has.');
    return this.stack.pop()!;
  }

  protected top(): PickleValue {
    if (this.stack.length <= this.floor) this.fail('The pickle takes more values than it has.');
    return this.stack.at(-1)!;
  }

  protected popMark(): PickleValue[] {
    const mark = this.marks.pop();
    if (mark === undefined) return this.fail('The pickle closes a list that it never opened.');
    return this.stack.splice(mark);
  }

  protected remember(index: number): void {
    this.charge(cost.memo);
    this.memo.set(index, this.top());
  }

  protected recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) this.fail(`The pickle recalls ${index}, which it never remembered.`);
    this.push(value!);
  }

  protected append(target: PickleValue, items: readonly PickleValue[]): void {
    let list = target;
    if (target instanceof PickleObject) {
      target.contents ??= new PickleList([], false);
      list = target.contents;
    }
    if (list instanceof PickleOpaque || list instanceof PickleTensor) return;
    if (!(list instanceof PickleList) || list === emptyTuple)
      this.fail('The pickle appends to something that is no list.');
    this.charge(
      items.length * cost.item + (items.length > 0 && list.items.length === 0 ? cost.firstItems : 0),
    );
    for (const item of items) list.items.push(item);
  }

  protected setItems(target: PickleValue, items: readonly PickleValue[]): void {
    let dict = target;
    if (target instanceof PickleObject) {
      target.contents ??= new PickleDict();
      dict = target.contents;
    }
    if (!(dict instanceof PickleDict)) this.fail('The pickle sets an item of something that is no dict.');
    if (items.length % 2 !== 0) this.fail('The pickle gives a key without a value.');
    this.charge(
      items.length * cost.item + (items.length > 0 && dict.keys.length === 0 ? 3 * cost.firstItems : 0),
    );
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
  }

  protected global(module: string, name: string): void {
    const { code, globals } = this.budget;
    const made = new PickleGlobal(module, name);
    let value = globals.get(made.path);
    if (!value) {
      value = made;
      globals.set(made.path, made);
      this.charge(cost.object + cost.memo + made.path.length * 2);
      const verdict = judgeGlobal(made.path);
      if (verdict !== 'known' && code.size >= mostGlobals)
        this.fail(`The pickle names more than ${mostGlobals} pieces of code.`);
      if (verdict !== 'known')
        code.set(made.path, { path: made.path, verdict, byteOffset: this.opcodeOffset, called: false });
    }
    // Python remembers a name after its first use; a file that repeats one does so to waste time.
    this.push(value, cost.number);
  }

  protected call(callee: PickleValue, args: PickleValue): void {
    if (!(callee instanceof PickleGlobal)) {
      this.push(new PickleObject('a computed class', args), cost.object);
      return;
    }
    const use = this.budget.code.get(callee.path);
    if (use) use.called = true;
    const copied = args instanceof PickleList ? args.items[0] : undefined;
    // Containers made of other containers copy their items.
    const items =
      copied instanceof PickleList
        ? copied.items.length
        : copied instanceof PickleDict
          ? copied.keys.length * 2
          : 0;
    this.charge(items * cost.item);
    const made = applyGlobal(callee, args);
    this.push(made, made instanceof PickleTensor ? cost.tensor : cost.object);
  }
}
