/**
 * A JSON scanner for safetensors headers. JSON.parse will not do: it hides duplicate names, rounds integers
 * beyond 2^53, takes 2.0 for 2, and forgets where things were. This one walks the bytes once, without recursion,
 * and reports every fault with its offset. Grammar: RFC 8259, as strict as serde_json.
 */
import { LoupeError } from '../../errors';
import { quoteName } from '../fileContents';
import { ShapeCache } from '../shapeCache';

const quote = 0x22;
const backslash = 0x5c;
const braceOpen = 0x7b;
const braceClose = 0x7d;
const bracketOpen = 0x5b;
const bracketClose = 0x5d;
const colon = 0x3a;
const comma = 0x2c;
const digit0 = 0x30;
const digit9 = 0x39;

/** serde_json's recursion limit. */
const deepest = 127;
/** Strings of at most so many bytes are looked for among the ones before; a power of two of slots. */
const longestRepeated = 12;
const repeatedSlots = 64;
const repeatedSlot = (length: number, first: number, last: number): number =>
  (length * 5 + first + last * 3) & (repeatedSlots - 1);
const usualWords = ['F32', 'F16', 'BF16', 'format', 'data_offsets', 'shape', 'dtype'];
/** 1 for the bytes that mean nothing special inside a string. */
const ordinary = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte <= 0x7f && byte !== quote && byte !== backslash ? 1 : 0,
);
const loneSurrogate = /\p{Surrogate}/u;
const numberGrammar = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

/** How the reference writes an entry: what stands before the dtype, the shape and the offsets. */
const [plainStart, plainShape, plainOffsets] = ['{"dtype":"', '","shape":[', ',"data_offsets":['].map(
  (text) => Uint8Array.from(Buffer.from(text)),
) as [Uint8Array, Uint8Array, Uint8Array];

interface PlainEntry {
  dtype: string;
  shape: readonly number[];
  begin: number;
  end: number;
}

export class HeaderScanner {
  private at = 0;
  private readonly buffer: Buffer;
  private readonly listed: number[] = [];
  private readonly shapes = new ShapeCache();
  private readonly plain: PlainEntry = { dtype: '', shape: [], begin: 0, end: 0 };
  private plainValue = 0;
  private readonly repeatedStrings: string[] = new Array(repeatedSlots).fill('');

  /** `bytes` must be valid UTF-8. `startOffset` is their place in the file, for error messages. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly file: string,
    private readonly startOffset: number,
  ) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const word of usualWords)
      this.repeatedStrings[repeatedSlot(word.length, word.charCodeAt(0), word.charCodeAt(word.length - 1))] =
        word;
  }

  /** Absolute offset in the file of the next byte. */
  get byteOffset(): number {
    return this.startOffset + this.at;
  }

  fail(message: string, tensor?: string, byteOffset = this.byteOffset): never {
    throw new LoupeError('malformed', message, { file: this.file, tensor, byteOffset });
  }

  /** The next byte that is no white space, or undefined at the end. Does not consume it. */
  peek(): number | undefined {
    for (;;) {
      const byte = this.bytes[this.at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.at++;
    }
  }

  /**
   * Enters an object; false when it is empty, and then it is behind the scanner. Else the scanner stands at the first
   * name: take it with `key`, read the value, and ask `nextMember`. `what` and `tensor` name the object in messages;
   * they are put together only when something is wrong, as in all methods below.
   */
  enterObject(what: string, tensor?: string): boolean {
    if (this.peek() !== braceOpen) this.failExpected(what, tensor, 'a JSON object');
    return this.enter(braceClose);
  }

  /** After a member's value: true when another member follows, and then the scanner stands at its name. */
  nextMember(): boolean {
    return this.next(braceClose);
  }

  /** A member's name; the scanner then stands at its value. */
  key(): string {
    const key = this.string('A name');
    if (this.peek() !== colon) this.fail(`":" was expected, but ${this.found()}.`);
    this.at++;
    this.peek();
    return key;
  }

  /** Enters an array; false when it is empty. Else read the first value and ask `nextItem`. */
  enterArray(what: string, tensor?: string): boolean {
    if (this.peek() !== bracketOpen) this.failExpected(what, tensor, 'a list');
    return this.enter(bracketClose);
  }

  nextItem(): boolean {
    return this.next(bracketClose);
  }

  private enter(close: number): boolean {
    this.at++;
    if (this.peek() !== close) return true;
    this.at++;
    return false;
  }

  private next(close: number): boolean {
    if (this.separator(close)) return false;
    this.peek();
    return true;
  }

  string(what: string, tensor?: string): string {
    if (this.peek() !== quote) this.failExpected(what, tensor, 'a string');
    const start = this.at + 1;
    let end = start;
    let escaped = false;
    // Ten times as fast to turn into a string as UTF-8, and what names nearly always are.
    let ascii = true;
    const { bytes } = this;
    const limit = bytes.length;
    for (;;) {
      while (end < limit && ordinary[bytes[end]!] === 1) end++;
      if (end >= limit) {
        this.at = limit;
        this.fail('The header ends inside a string.');
      }
      const byte = bytes[end]!;
      if (byte === quote) break;
      if (byte < 0x20)
        this.fail('A string holds a raw control character.', undefined, this.startOffset + end);
      if (byte === backslash) {
        escaped = true;
        end++;
      } else ascii = false;
      end++;
    }
    this.at = end + 1;
    if (ascii && !escaped && end - start <= longestRepeated) return this.repeated(start, end);
    const raw = this.buffer.toString(ascii ? 'latin1' : 'utf8', start, end);
    return escaped ? this.unescape(raw, start) : raw;
  }

  /**
   * Short strings come again and again ("dtype", "BF16", "data_offsets"): the last one of about the same look is compared
   * with the bytes, which is several times as fast as making a new one.
   */
  private repeated(start: number, end: number): string {
    const { bytes } = this;
    const length = end - start;
    const slot = repeatedSlot(length, bytes[start]!, bytes[end - 1]!);
    const known = this.repeatedStrings[slot]!;
    let same = known.length === length;
    for (let i = 0; same && i < length; i++) same = known.charCodeAt(i) === bytes[start + i];
    if (same) return known;
    const text = this.buffer.toString('latin1', start, end);
    this.repeatedStrings[slot] = text;
    return text;
  }

  /** An integer from 0 to 2^53 - 1, written as one: 2.0, -1, 1e3 and "2" are refused, as by the reference. */
  unsigned(what: string, tensor: string): number {
    this.peek();
    const start = this.at;
    let value = 0;
    let end = start;
    for (; ; end++) {
      const byte = this.bytes[end];
      if (byte === undefined || byte < digit0 || byte > digit9) break;
      value = value * 10 + (byte - digit0);
    }
    const next = this.bytes[end];
    const leadingZero = end - start > 1 && this.bytes[start] === digit0;
    // '.', 'e' and 'E' make a float of it.
    if (end === start || leadingZero || next === 0x2e || next === 0x65 || next === 0x45)
      this.failExpected(what, tensor, 'non-negative integers');
    if (!Number.isSafeInteger(value))
      this.fail(
        `${describe(what, tensor)} holds ${this.text(start, Math.min(end, start + 40))}, beyond 2^53 - 1.`,
        tensor,
      );
    this.at = end;
    return value;
  }

  /** An array of such integers. */
  unsignedList(what: string, tensor: string): number[] {
    // An array that grows by pushing takes room for 17 values at first, which counts when every tensor has two.
    const values = this.listed;
    let count = 0;
    let more = this.enterArray(what, tensor);
    for (; more; more = this.nextItem()) values[count++] = this.unsigned(what, tensor);
    return values.slice(0, count);
  }

  /**
   * Takes a tensor's entry when it is written as the reference writes it: `{"dtype":"..","shape":[..],"data_offsets":[..]}`
   * without white space, and numbers of at most 15 digits. Else takes nothing and gives undefined, so that the caller
   * reads it member by member: this is only quicker, never laxer. What is given is good until the next call.
   */
  plainEntry(): PlainEntry | undefined {
    const { bytes, plain } = this;
    let at = this.follows(this.at, plainStart);
    const dtypeStart = at;
    while (at > 0 && at - dtypeStart <= longestRepeated && ordinary[bytes[at]!] === 1 && bytes[at]! < 0x7f)
      at++;
    if (at <= dtypeStart || at - dtypeStart > longestRepeated) return undefined;
    const dtypeEnd = at;
    at = this.follows(at, plainShape);
    if (at < 0) return undefined;
    let count = 0;
    if (bytes[at] === bracketClose) at++;
    else
      for (;;) {
        at = this.plainNumber(at);
        if (at < 0) return undefined;
        this.listed[count++] = this.plainValue;
        const byte = bytes[at++];
        if (byte === bracketClose) break;
        if (byte !== comma) return undefined;
      }
    at = this.plainNumber(this.follows(at, plainOffsets));
    plain.begin = this.plainValue;
    if (at < 0 || bytes[at] !== comma) return undefined;
    at = this.plainNumber(at + 1);
    plain.end = this.plainValue;
    if (at < 0 || bytes[at] !== bracketClose || bytes[at + 1] !== braceClose) return undefined;
    plain.dtype = this.repeated(dtypeStart, dtypeEnd);
    plain.shape = this.shapes.take(this.listed, count);
    this.at = at + 2;
    return plain;
  }

  /** The place behind some bytes when they stand at a place, else -1. */
  private follows(at: number, expected: Uint8Array): number {
    const { bytes } = this;
    if (at < 0 || at + expected.length > bytes.length) return -1;
    for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return -1;
    return at + expected.length;
  }

  /** The place behind a number, which goes to `plainValue`; -1 when there is none or it is out of the ordinary. */
  private plainNumber(start: number): number {
    const { bytes } = this;
    if (start < 0) return -1;
    let value = 0;
    let at = start;
    for (; at < bytes.length; at++) {
      const digit = bytes[at]! - digit0;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const digits = at - start;
    if (digits === 0 || digits > 15 || (digits > 1 && bytes[start] === digit0)) return -1;
    this.plainValue = value;
    return at;
  }

  /** Consumes `null` when it stands here. */
  takeNull(): boolean {
    return this.peek() === 0x6e && this.literal('null');
  }

  /** Steps over any value, checking its grammar. Nesting beyond serde_json's limit is refused. */
  skipValue(): void {
    const open: number[] = [];
    for (;;) {
      const byte = this.peek();
      if (byte === braceOpen || byte === bracketOpen) {
        if (open.length >= deepest) this.fail(`The header nests more than ${deepest} levels.`);
        this.at++;
        const close = byte === braceOpen ? braceClose : bracketClose;
        if (this.peek() !== close) {
          open.push(close);
          if (close === braceClose) this.key();
          continue;
        }
        this.at++;
      } else this.scalar();
      // A value has ended: step over separators, closing what they close.
      for (;;) {
        const close = open.at(-1);
        if (close === undefined) return;
        if (!this.separator(close)) {
          if (close === braceClose) this.key();
          break;
        }
        open.pop();
      }
    }
  }

  /** Only white space may follow. */
  end(): void {
    if (this.peek() !== undefined) this.fail(`Something follows the header's JSON: ${this.found()}.`);
  }

  private scalar(): void {
    const byte = this.peek();
    if (byte === quote) {
      this.string('A value');
      return;
    }
    for (const word of ['true', 'false', 'null'])
      if (byte === word.charCodeAt(0) && this.literal(word)) return;
    const start = this.at;
    let end = start;
    // Bytes that a number can have: + - . 0-9 E e.
    for (; ; end++) {
      const c = this.bytes[end];
      const numeric =
        c !== undefined &&
        ((c >= digit0 && c <= digit9) || c === 0x2b || c === 0x2d || c === 0x2e || c === 0x45 || c === 0x65);
      if (!numeric) break;
    }
    if (!numberGrammar.test(this.text(start, end))) this.fail(`A value was expected, but ${this.found()}.`);
    this.at = end;
  }

  private literal(word: string): boolean {
    const end = this.at + word.length;
    if (this.buffer.toString('latin1', this.at, end) !== word) return false;
    this.at = end;
    return true;
  }

  /** After a value: true when the container closes, false when another member follows. */
  private separator(close: number): boolean {
    const byte = this.peek();
    if (byte !== close && byte !== comma)
      this.fail(`"," or "${String.fromCharCode(close)}" was expected, but ${this.found()}.`);
    this.at++;
    return byte === close;
  }

  private text(start: number, end: number): string {
    return this.buffer.toString('latin1', start, end);
  }

  private unescape(raw: string, start: number): string {
    let value: string;
    try {
      value = JSON.parse(`"${raw}"`) as string;
    } catch {
      this.fail('A string holds an escape that JSON does not know.', undefined, this.startOffset + start);
    }
    if (loneSurrogate.test(value))
      this.fail('A string holds half a surrogate pair.', undefined, this.startOffset + start);
    return value;
  }

  private failExpected(what: string, tensor: string | undefined, expected: string): never {
    const verb = expected.endsWith('s') ? 'must hold' : 'must be';
    this.fail(`${describe(what, tensor)} ${verb} ${expected}, but ${this.found()}.`, tensor);
  }

  /** What stands at the scanner, for messages. */
  private found(): string {
    const byte = this.bytes[this.at];
    if (byte === undefined) return 'the header ends here';
    const shown = this.buffer.toString('utf8', this.at, Math.min(this.at + 16, this.bytes.length));
    return `here stands ${JSON.stringify(shown)}`;
  }
}

const describe = (what: string, tensor: string | undefined): string =>
  tensor === undefined ? what : `${what} of tensor ${quoteName(tensor)}`;
