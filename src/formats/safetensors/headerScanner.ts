/**
 * A JSON scanner for safetensors headers. JSON.parse will not do: it hides duplicate names, rounds integers
 * beyond 2^53, takes 2.0 for 2, and forgets where things were. This one walks the bytes once, without recursion,
 * and reports every fault with its offset. Grammar: RFC 8259, as strict as serde_json.
 */
import { LoupeError } from '../../errors';
import { quoteName } from '../fileContents';

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
const loneSurrogate = /\p{Surrogate}/u;
const numberGrammar = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

export class HeaderScanner {
  private at = 0;
  private readonly buffer: Buffer;

  /** `bytes` must be valid UTF-8. `startOffset` is their place in the file, for error messages. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly file: string,
    private readonly startOffset: number,
  ) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
   * Walks an object: calls `member` with each key, the scanner standing at its value. `what` and `tensor` name
   * the object in messages; they are put together only when something is wrong, as in all methods below.
   */
  object(what: string, tensor: string | undefined, member: (key: string, keyOffset: number) => void): void {
    if (this.peek() !== braceOpen) this.failExpected(what, tensor, 'a JSON object');
    this.at++;
    if (this.peek() === braceClose) {
      this.at++;
      return;
    }
    for (;;) {
      this.peek();
      const keyOffset = this.byteOffset;
      const key = this.string('A name');
      this.expect(colon, ':');
      this.peek();
      member(key, keyOffset);
      if (this.separator(braceClose, '}')) return;
    }
  }

  /** Walks an array: calls `item` for each value, the scanner standing at it. */
  array(what: string, tensor: string | undefined, item: (index: number) => void): void {
    if (this.peek() !== bracketOpen) this.failExpected(what, tensor, 'a list');
    this.at++;
    if (this.peek() === bracketClose) {
      this.at++;
      return;
    }
    for (let index = 0; ; index++) {
      this.peek();
      item(index);
      if (this.separator(bracketClose, ']')) return;
    }
  }

  string(what: string, tensor?: string): string {
    if (this.peek() !== quote) this.failExpected(what, tensor, 'a string');
    const start = this.at + 1;
    let end = start;
    let escaped = false;
    // Ten times as fast to turn into a string as UTF-8, and what names nearly always are.
    let ascii = true;
    for (;;) {
      const byte = this.bytes[end];
      if (byte === quote) break;
      if (byte === undefined) this.fail('The header ends inside a string.');
      if (byte < 0x20)
        this.fail('A string holds a raw control character.', undefined, this.startOffset + end);
      if (byte === backslash) {
        escaped = true;
        end++;
      } else if (byte > 0x7f) ascii = false;
      end++;
    }
    this.at = end + 1;
    const raw = this.buffer.toString(ascii ? 'latin1' : 'utf8', start, end);
    return escaped ? this.unescape(raw, start) : raw;
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
        if (!this.separator(close, String.fromCharCode(close))) {
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

  private key(): void {
    this.string('A name');
    this.expect(colon, ':');
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
  private separator(close: number, closeText: string): boolean {
    const byte = this.peek();
    if (byte !== close && byte !== comma)
      this.fail(`"," or "${closeText}" was expected, but ${this.found()}.`);
    this.at++;
    return byte === close;
  }

  private expect(byte: number, text: string): void {
    if (this.peek() !== byte) this.fail(`"${text}" was expected, but ${this.found()}.`);
    this.at++;
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
