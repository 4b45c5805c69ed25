/**
 * Runs a pickle's opcodes (CPython's Lib/pickletools.py, protocols 0 to 5) over inert values: nothing is imported,
 * called or evaluated. Only what `globals` knows is understood; everything else stays a name.
 */
import { LoupeError } from '../../errors';
import type { ForwardCursor } from '../forwardCursor';
import { storageFrom } from './globals';
import type { PickleBudget } from './pickleBudget';
import { cost, emptyTuple, PickleStack } from './pickleStack';
import { PickleDict, PickleList, PickleObject, PickleOpaque, type PickleValue } from './pickleValues';

/** A text beyond this is stepped over; no name or setting is as long. */
const longestTextBytes = 1 << 16;
const longestLineBytes = 4096;
const longestIntegerBytes = 16;

export interface PickleResult {
  readonly value: PickleValue;
  readonly protocol: number;
}

/** Runs one pickle to its STOP; the cursor is left behind it. Throws `malformed` or `unsupported`. */
export async function runPickle(cursor: ForwardCursor, budget: PickleBudget): Promise<PickleResult> {
  return new PickleMachine(cursor, budget).run();
}

class PickleMachine extends PickleStack {
  private protocol = 0;

  async run(): Promise<PickleResult> {
    const { cursor } = this;
    for (;;) {
      // The longest opcode with arguments of fixed size has nine bytes.
      if (!cursor.has(9)) await cursor.fetch(Math.max(1, Math.min(9, cursor.remaining)), 'the pickle');
      this.opcodeOffset = cursor.byteOffset;
      const opcode = cursor.u8();
      if (opcode === 0x2e) break;
      try {
        if (!this.plain(opcode)) await this.sized(opcode);
      } catch (error) {
        if (error instanceof RangeError && !(error instanceof LoupeError))
          this.fail('The pickle ends inside an opcode.');
        if (error instanceof LoupeError && error.file === undefined) this.fail(error.message);
        throw error;
      }
    }
    const value = this.pop();
    return { value, protocol: this.protocol };
  }

  /** Opcodes with no argument or one of fixed size; false for the others. */
  private plain(opcode: number): boolean {
    const { cursor } = this;
    switch (String.fromCharCode(opcode)) {
      case '\x80':
        this.protocol = cursor.u8();
        if (this.protocol > 5) this.fail(`Pickle protocol ${this.protocol} does not exist.`);
        return true;
      case '\x95':
        if (cursor.u64() > BigInt(cursor.remaining)) this.fail('A frame of the pickle goes beyond its end.');
        return true;
      case '(':
        this.mark();
        return true;
      case '0':
        if (this.stack.length > this.floor) this.stack.pop();
        else this.popMark();
        return true;
      case '1':
        this.popMark();
        return true;
      case '2':
        this.push(this.top());
        return true;
      case 'N':
        this.push(null);
        return true;
      case '\x88':
      case '\x89':
        this.push(opcode === 0x88);
        return true;
      case 'J':
        this.push(cursor.i32());
        return true;
      case 'K':
        this.push(cursor.u8());
        return true;
      case 'M':
        this.push(cursor.u16());
        return true;
      case 'G':
        this.push(cursor.f64BigEndian(), cost.number);
        return true;
      case ')':
        this.push(emptyTuple);
        return true;
      case ']':
        this.push(new PickleList([], false), cost.container);
        return true;
      case '\x8f':
        this.push(new PickleList([], true), cost.container);
        return true;
      case '}':
        this.push(new PickleDict(), cost.object);
        return true;
      case 't':
      case '\x91':
        this.pushList(this.popMark(), true);
        return true;
      case 'l':
        this.pushList(this.popMark(), false);
        return true;
      case 'd': {
        const dict = new PickleDict();
        this.setItems(dict, this.popMark());
        this.push(dict, cost.object);
        return true;
      }
      case '\x85':
      case '\x86':
      case '\x87': {
        const length = opcode - 0x84;
        if (this.stack.length - length < this.floor) this.fail('The pickle takes more values than it has.');
        this.pushList(this.stack.splice(this.stack.length - length), true);
        return true;
      }
      case 'a': {
        const item = this.pop();
        this.append(this.top(), [item]);
        return true;
      }
      case 'e':
      case '\x90': {
        const items = this.popMark();
        this.append(this.top(), items);
        return true;
      }
      case 's': {
        const value = this.pop();
        const key = this.pop();
        this.setItems(this.top(), [key, value]);
        return true;
      }
      case 'u': {
        const items = this.popMark();
        this.setItems(this.top(), items);
        return true;
      }
      case 'q':
        this.remember(cursor.u8());
        return true;
      case 'r':
        this.remember(cursor.u32());
        return true;
      case '\x94':
        this.remember(this.memo.size);
        return true;
      case 'h':
        this.recall(cursor.u8());
        return true;
      case 'j':
        this.recall(cursor.u32());
        return true;
      case 'Q':
        this.push(storageFrom(this.pop()), cost.object);
        return true;
      case 'R':
      case '\x81': {
        const args = this.pop();
        this.call(this.pop(), args);
        return true;
      }
      case '\x92': {
        this.pop();
        const args = this.pop();
        this.call(this.pop(), args);
        return true;
      }
      case 'o': {
        const [callee = null, ...args] = this.popMark();
        this.call(callee, new PickleList(args, true));
        return true;
      }
      case 'b': {
        const state = this.pop();
        const object = this.top();
        // State of known containers is their bookkeeping, like a state dict's versions.
        if (object instanceof PickleObject) object.state = state;
        return true;
      }
      case '\x93': {
        const name = this.pop();
        const module = this.pop();
        if (typeof name !== 'string' || typeof module !== 'string') return this.fail('A global has no name.');
        this.global(module, name);
        return true;
      }
      case '\x82':
      case '\x83':
      case '\x84':
        return this.fail('The pickle uses an extension registry, which no checkpoint does.');
      case '\x97':
      case '\x98':
        return this.fail('The pickle keeps data outside of itself, which no checkpoint does.');
    }
    return false;
  }

  /** Opcodes whose argument says its own length, and the lines of protocol 0. */
  private async sized(opcode: number): Promise<void> {
    const { cursor } = this;
    switch (String.fromCharCode(opcode)) {
      case '\x8c':
      case 'U':
        return this.text(cursor.u8());
      case 'X':
      case 'T':
        return this.text(cursor.u32());
      case '\x8d':
        return this.text(this.length64());
      case 'C':
        return this.skipBytes(cursor.u8());
      case 'B':
        return this.skipBytes(cursor.u32());
      case '\x8e':
      case '\x96':
        return this.skipBytes(this.length64());
      case '\x8a':
        return this.integer(cursor.u8());
      case '\x8b':
        return this.integer(cursor.u32());
      case 'c': {
        const module = await this.line();
        return this.global(module, await this.line());
      }
      case 'i': {
        const module = await this.line();
        this.global(module, await this.line());
        const callee = this.stack.pop()!;
        return this.call(callee, new PickleList(this.popMark(), true));
      }
      case 'I': {
        const line = await this.line();
        return this.push(line === '00' || line === '01' ? line === '01' : this.decimal(line));
      }
      case 'L':
        return this.push(this.decimal((await this.line()).replace(/L$/, '')));
      case 'F': {
        const line = await this.line();
        return this.push(Number(line), cost.number);
      }
      case 'S':
      case 'V': {
        const line = await this.line(longestTextBytes);
        const text = opcode === 0x53 ? line.slice(1, -1) : line;
        return this.push(text, cost.text + text.length);
      }
      case 'P':
        await this.line();
        return this.fail('A persistent id is no storage of PyTorch.');
      case 'g':
        return this.recall(this.index(await this.line()));
      case 'p':
        return this.remember(this.index(await this.line()));
    }
    return this.fail(`0x${opcode.toString(16)} is no opcode of a pickle.`);
  }

  private pushList(items: PickleValue[], isTuple: boolean): void {
    this.push(new PickleList(items, isTuple), cost.container + items.length * cost.item);
  }

  private length64(): number {
    const length = this.cursor.u64();
    if (length > BigInt(this.cursor.remaining)) this.fail('A text or a run of bytes goes beyond the pickle.');
    return Number(length);
  }

  private async text(length: number): Promise<void> {
    if (length > longestTextBytes) return this.skipBytes(length);
    if (!this.cursor.has(length)) await this.cursor.fetch(length, 'a text of the pickle');
    this.push(this.cursor.text(length), cost.text + length);
  }

  private skipBytes(length: number): void {
    if (length > this.cursor.remaining) this.fail('A text or a run of bytes goes beyond the pickle.');
    this.cursor.seek(this.cursor.byteOffset + length);
    this.push(new PickleOpaque(`${length} bytes`), cost.object);
  }

  private async integer(length: number): Promise<void> {
    if (length > longestIntegerBytes) return this.skipBytes(length);
    if (!this.cursor.has(length)) await this.cursor.fetch(length, 'a number of the pickle');
    const bytes = this.cursor.bytes(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    this.push(asInteger(BigInt.asIntN(length * 8, value)), cost.object);
  }

  private async line(most = longestLineBytes): Promise<string> {
    const { cursor } = this;
    let length = cursor.distanceTo(0x0a);
    if (length < 0) {
      await cursor.fetch(Math.max(1, Math.min(most + 1, cursor.remaining)), 'a line of the pickle');
      length = cursor.distanceTo(0x0a);
    }
    if (length < 0 || length > most) this.fail(`A line of the pickle has no end within ${most} bytes.`);
    const line = cursor.text(length);
    cursor.u8();
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  }

  private decimal(line: string): PickleValue {
    if (!/^-?\d{1,40}$/.test(line)) return this.fail('A number of the pickle has no digits.');
    return asInteger(BigInt(line));
  }

  private index(line: string): number {
    const value = this.decimal(line);
    return typeof value === 'number' ? value : this.fail('A place in the memo is no small number.');
  }
}

const asInteger = (value: bigint): number | bigint => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};
