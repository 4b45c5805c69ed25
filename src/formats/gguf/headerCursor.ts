/** Walks a GGUF header front to back through bounded reads, never holding more than a window of it. */
import { isAscii } from 'node:buffer';
import type { ByteSource } from '../../bytes/byteSource';
import { LoupeError, throwIfAborted } from '../../errors';
import { defaultHeaderCapBytes, type ReadOptions } from '../fileContents';

/** Bytes fetched at a time, so at most that much beyond the header is read. */
const windowBytes = 65_536;

export class HeaderCursor {
  private window: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(new ArrayBuffer(0));
  private windowStart = 0;
  private fetched = 0;
  private position = 0;

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
    const kept = this.has(0) ? this.window.subarray(this.position - this.windowStart) : new Uint8Array(0);
    this.fetched += wanted - kept.length;
    const cap = this.options.headerCapBytes ?? defaultHeaderCapBytes;
    if (this.fetched > cap + windowBytes) this.fail(`The header is longer than the allowed ${cap} bytes.`);
    const rest = await this.source.read(this.position + kept.length, wanted - kept.length);
    if (kept.length === 0) this.window = rest;
    else {
      const joined = new Uint8Array(wanted);
      joined.set(kept);
      joined.set(rest, kept.length);
      this.window = joined;
    }
    this.windowStart = this.position;
    this.view = new DataView(this.window.buffer, this.window.byteOffset, this.window.byteLength);
  }

  /** Steps over bytes without reading them; throws `malformed` when the file ends before them. */
  skip(length: number, what: string): void {
    if (length > this.remaining) this.fail(`The file ends inside ${what}.`);
    this.position += length;
  }

  /** The following need a `fetch` of as many bytes before. */
  u8 = (): number => this.view.getUint8(this.step(1));
  i8 = (): number => this.view.getInt8(this.step(1));
  u16 = (): number => this.view.getUint16(this.step(2), true);
  i16 = (): number => this.view.getInt16(this.step(2), true);
  u32 = (): number => this.view.getUint32(this.step(4), true);
  i32 = (): number => this.view.getInt32(this.step(4), true);
  f32 = (): number => this.view.getFloat32(this.step(4), true);
  u64 = (): bigint => this.view.getBigUint64(this.step(8), true);
  i64 = (): bigint => this.view.getBigInt64(this.step(8), true);
  f64 = (): number => this.view.getFloat64(this.step(8), true);

  /** The next bytes as text; invalid UTF-8 becomes U+FFFD, as real tokenizers hold such strings. */
  text(length: number): string {
    const start = this.step(length);
    const bytes = Buffer.from(this.window.buffer, this.window.byteOffset + start, length);
    return isAscii(bytes) ? bytes.toString('latin1') : new TextDecoder().decode(bytes);
  }

  /** The next bytes one char each, not consumed: tells apart names that text() would make equal. */
  peekBytes(length: number): string {
    const start = this.window.byteOffset + this.position - this.windowStart;
    return Buffer.from(this.window.buffer, start, length).toString('latin1');
  }

  private step(length: number): number {
    const at = this.position - this.windowStart;
    this.position += length;
    return at;
  }
}
