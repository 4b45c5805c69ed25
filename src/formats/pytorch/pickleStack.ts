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

/** Charges, in bytes: roughly what V8 takes. */
export const cost = { slot: 8, memo: 40, text: 32, container: 72, object: 120, tensor: 160 } as const;

export class PickleStack {
  protected stack: PickleValue[] = [];
  protected readonly marks: number[] = [];
  protected readonly memo = new Map<number, PickleValue>();
  protected opcodeOffset = 0;

  constructor(
    protected readonly cursor: ForwardCursor,
    protected readonly budget: PickleBudget,
  ) {}

  protected fail(message: string): never {
    return this.cursor.fail(message, this.opcodeOffset);
  }

  protected push(value: PickleValue, bytes: number = cost.slot): void {
    this.budget.charge(bytes, this.opcodeOffset);
    this.stack.push(value);
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
    this.budget.charge(cost.memo, this.opcodeOffset);
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
    if (!(list instanceof PickleList)) this.fail('The pickle appends to something that is no list.');
    this.budget.charge(items.length * cost.slot, this.opcodeOffset);
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
    this.budget.charge(items.length * cost.slot, this.opcodeOffset);
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
  }

  protected global(module: string, name: string): void {
    const value = new PickleGlobal(module, name);
    this.push(value, cost.object + value.path.length * 2);
    const verdict = judgeGlobal(value.path);
    const { code } = this.budget;
    if (verdict === 'known' || code.has(value.path)) return;
    if (code.size >= mostGlobals) this.fail(`The pickle names more than ${mostGlobals} pieces of code.`);
    code.set(value.path, { path: value.path, verdict, byteOffset: this.opcodeOffset, called: false });
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
    this.budget.charge(items * cost.slot, this.opcodeOffset);
    const made = applyGlobal(callee, args);
    this.push(made, made instanceof PickleTensor ? cost.tensor : cost.object);
  }
}
