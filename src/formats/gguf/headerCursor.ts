/** Walks a GGUF header front to back through bounded reads, never holding more than a window of it. */
import { isUtf8 } from 'node:buffer';
import type { ByteSource } from '../../bytes/byteSource';
import { LoupeError, throwIfAborted } from '../../errors';
import { defaultHeaderCapBytes, type ReadOptions } from '../fileContents';

/** Bytes fetched at a time, so at most that much beyond the header is read. */
const windowBytes = 65_536;
/** A byte order mark is part of a text here: it tells names apart. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export class HeaderCursor {
  private window: Buffer = Buffer.alloc(0);
  private view: DataView = new DataView(new ArrayBuffer(0));
  private windowStart = 0;
  private fetched = 0;
  private position = 0;
  private littleEndian = true;
  /** Where the text read last begins. */
  private textStart = 0;
  /** Whether that text is ASCII. */
  private isAscii = false;
  /** Bytes of a count or a length: 4 in version 1, 8 since. */
  countBytes = 8;
  /** The key of the name read last: a field, as an object a name would cost memory for every tensor. */
  nameKey = '';
  /** Where the first name or text begins that `noteUtf8` found to be no UTF-8. */
  invalidUtf8At: number | undefined;

  constructor(
    private readonly source: ByteSource,
    private readonly options: ReadOptions,
  ) {}

  get path(): string {
    return this.source.path;
  }

  get byteOffset(): number {
    return this.position;
  }

  /** Bytes from here to the end of the file. */
  get remaining(): number {
    return this.source.size - this.position;
  }

  /** Reads numbers in the other byte order from here on. */
  useBigEndian(): void {
    this.littleEndian = false;
  }

  get isBigEndian(): boolean {
    return !this.littleEndian;
  }

  fail(message: string, byteOffset = this.position, tensor?: string): never {
    throw new LoupeError('malformed', message, { file: this.source.path, byteOffset, tensor });
  }

  /** Whether the next bytes are here already, so that loops over long arrays wait only once a window. */
  has(length: number): boolean {
    return (
      this.position >= this.windowStart && this.position + length <= this.windowStart + this.window.length
    );
  }

  /** Makes the next `length` bytes readable. Throws `malformed` when the file ends before them. */
  async fetch(length: number, what: string): Promise<void> {
    if (this.has(length)) return;
    if (length > this.remaining) this.fail(`The file ends inside ${what}.`);
    throwIfAborted(this.options.signal);
    const wanted = Math.min(Math.max(length, windowBytes), this.remaining);
    // Bytes at the window's edge are kept, so that none is read twice.
    const kept = this.has(0) ? this.window.subarray(this.position - this.windowStart) : Buffer.alloc(0);
    this.fetched += wanted - kept.length;
    const cap = this.options.headerCapBytes ?? defaultHeaderCapBytes;
    if (this.fetched > cap + windowBytes) this.fail(`The header is longer than the allowed ${cap} bytes.`);
    const rest = await this.source.read(this.position + kept.length, wanted - kept.length);
    if (kept.length === 0) this.window = Buffer.from(rest.buffer, rest.byteOffset, rest.byteLength);
    else this.window = Buffer.concat([kept, rest], wanted);
    this.windowStart = this.position;
    this.view = new DataView(this.window.buffer, this.window.byteOffset, this.window.byteLength);
  }

  /** Makes the next `length` bytes readable, or all that the file has left: for loops that wait once an entry. */
  async lookAhead(length: number): Promise<void> {
    await this.fetch(Math.min(length, this.remaining), 'the header');
  }

  /** After a `lookAhead` of as many bytes: throws `malformed` when the file ended before them. */
  expect(length: number, what: string): void {
    if (!this.has(length)) this.fail(`The file ends inside ${what}.`);
  }

  /** Steps over bytes without reading them; throws `malformed` when the file ends before them. */
  skip(length: number, what: string): void {
    if (length > this.remaining) this.fail(`The file ends inside ${what}.`);
    this.position += length;
  }

  /** The following need a `fetch` of as many bytes before. */
  u8(): number {
    return this.view.getUint8(this.step(1));
  }

  i8(): number {
    return this.view.getInt8(this.step(1));
  }

  u16(): number {
    return this.view.getUint16(this.step(2), this.littleEndian);
  }

  i16(): number {
    return this.view.getInt16(this.step(2), this.littleEndian);
  }

  u32(): number {
    return this.view.getUint32(this.step(4), this.littleEndian);
  }

  i32(): number {
    return this.view.getInt32(this.step(4), this.littleEndian);
  }

  f32(): number {
    return this.view.getFloat32(this.step(4), this.littleEndian);
  }

  u64(): bigint {
    return this.view.getBigUint64(this.step(8), this.littleEndian);
  }

  i64(): bigint {
    return this.view.getBigInt64(this.step(8), this.littleEndian);
  }

  f64(): number {
    return this.view.getFloat64(this.step(8), this.littleEndian);
  }

  /** A count or a length; one beyond 2^53 is rounded, and far beyond any file all the same. */
  count(): number {
    return this.countBytes === 4 ? this.u32() : this.wide();
  }

  /** A u64 as a number; one beyond 2^53 is rounded. */
  wide(): number {
    const { view, littleEndian } = this;
    const at = this.step(8);
    const low = view.getUint32(littleEndian ? at : at + 4, littleEndian);
    const high = view.getUint32(littleEndian ? at + 4 : at, littleEndian);
    // Small numbers, which nearly all are, stay integers for the compiler.
    return high === 0 ? low : high * 2 ** 32 + low;
  }

  /** The integer of `bytes` bytes that was read last, in full, for messages. */
  exact(bytes: number): bigint {
    const at = this.position - this.windowStart - bytes;
    return bytes === 4
      ? BigInt(this.view.getUint32(at, this.littleEndian))
      : this.view.getBigUint64(at, this.littleEndian);
  }

  /** A count or a length of things of at least `unitBytes` each, checked against the bytes that remain. */
  length(what: string, unitBytes: number): number {
    const length = this.count();
    if (length * unitBytes > this.remaining)
      this.fail(
        `A length of ${this.exact(this.countBytes)} in ${what} goes beyond the ${this.remaining} bytes that remain.`,
        this.position - this.countBytes,
      );
    return length;
  }

  /** Steps over texts with their lengths in front, at most `most`, that lie whole in the window; gives their number. */
  skipTexts(most: number): number {
    const { view, littleEndian, countBytes } = this;
    const end = this.window.length;
    let at = this.position - this.windowStart;
    let skipped = 0;
    if (at < 0) return 0;
    while (skipped < most && at + countBytes <= end) {
      const low = view.getUint32(countBytes === 8 && !littleEndian ? at + 4 : at, littleEndian);
      const high = countBytes === 8 ? view.getUint32(littleEndian ? at + 4 : at, littleEndian) : 0;
      const next = at + countBytes + low;
      if (high !== 0 || next > end) break;
      at = next;
      skipped++;
    }
    this.position = this.windowStart + at;
    return skipped;
  }

  /** The next bytes as text; invalid UTF-8 becomes U+FFFD, as real tokenizers hold such strings. */
  text(length: number): string {
    this.textStart = this.position;
    const start = this.step(length);
    const end = start + length;
    this.isAscii = isAsciiBetween(this.view, start, end);
    if (!this.isAscii) return decoder.decode(this.window.subarray(start, end));
    return this.window.toString('latin1', start, end);
  }

  /** A hash of the next bytes, four a step, without stepping over them: equal bytes give equal hashes. */
  hash(length: number, seed: number): number {
    const { view } = this;
    const start = this.position - this.windowStart;
    const end = start + length;
    let hash = seed ^ length;
    let at = start;
    for (; at + 4 <= end; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at, true), 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    for (; at < end; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x85ebca6b);
    return hash ^ (hash >>> 13);
  }

  /** The next bytes as a name; `nameKey` becomes what tells it from names of other bytes that text() would make equal. */
  name(length: number): string {
    const name = this.text(length);
    this.nameKey = this.isAscii || !name.includes('\ufffd') ? name : this.keyOfDamaged(name);
    return name;
  }

  private keyOfDamaged(name: string): string {
    this.noteUtf8(name);
    const start = this.textStart - this.windowStart;
    return `\ufffd${this.window.toString('latin1', start, this.position - this.windowStart)}`;
  }

  /** Remembers where the text read last begins when its bytes are no UTF-8. */
  noteUtf8(text: string): void {
    if (this.invalidUtf8At !== undefined || !text.includes('\ufffd')) return;
    const bytes = this.window.subarray(this.textStart - this.windowStart, this.position - this.windowStart);
    if (!isUtf8(bytes)) this.invalidUtf8At = this.textStart;
  }

  private step(length: number): number {
    const at = this.position - this.windowStart;
    this.position += length;
    return at;
  }
}

/** Looks at four bytes a step. */
function isAsciiBetween(view: DataView, start: number, end: number): boolean {
  let bits = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) bits |= view.getInt32(at, true);
  for (; at < end; at++) bits |= view.getUint8(at);
  return (bits & 0x80808080) === 0;
}
