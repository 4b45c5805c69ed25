/**
 * Walks bytes front to back through bounded reads. Windows start small after a jump and grow while reading goes on:
 * formats whose headers lie between the data are read without their data.
 */
import { isAscii } from 'node:buffer';
import type { ByteSource } from '../bytes/byteSource';
import { LoupeError, throwIfAborted } from '../errors';
import { defaultHeaderCapBytes, type ReadOptions } from './fileContents';

const smallestWindowBytes = 256;
const largestWindowBytes = 65_536;

/** Thrown where the bytes end too early; readers that can show what came before tell it from other faults. */
export class EarlyEndError extends LoupeError {}

export class ForwardCursor {
  private window: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(new ArrayBuffer(0));
  private windowStart = 0;
  private nextWindowBytes = smallestWindowBytes;
  private fetched = 0;
  private position: number;
  readonly end: number;

  /** Reads within `start` .. `end` of the source; offsets are always the source's. */
  constructor(
    private readonly source: ByteSource,
    private readonly options: ReadOptions,
    start = 0,
    end = source.size,
  ) {
    this.position = start;
    this.end = end;
  }

  get path(): string {
    return this.source.path;
  }

  get byteOffset(): number {
    return this.position;
  }

  get remaining(): number {
    return Math.max(0, this.end - this.position);
  }

  fail(message: string, byteOffset = this.position, tensor?: string): never {
    throw new LoupeError('malformed', message, {
      file: this.source.path,
      byteOffset: Math.min(byteOffset, this.source.size),
      tensor,
    });
  }

  /** Whether the next bytes are here already, so that loops wait only once a window. */
  has(length: number): boolean {
    return (
      this.position >= this.windowStart && this.position + length <= this.windowStart + this.window.length
    );
  }

  /** Makes the next `length` bytes readable. Throws an EarlyEndError when there are fewer. */
  async fetch(length: number, what: string): Promise<void> {
    if (this.has(length)) return;
    if (length > this.remaining)
      throw new EarlyEndError('malformed', `The file ends inside ${what}.`, {
        file: this.source.path,
        byteOffset: Math.min(this.position, this.source.size),
      });
    throwIfAborted(this.options.signal);
    const windowEnd = this.windowStart + this.window.length;
    const goesOn = this.position >= this.windowStart && this.position <= windowEnd;
    if (!goesOn) this.nextWindowBytes = smallestWindowBytes;
    const wanted = Math.min(Math.max(length, this.nextWindowBytes), this.remaining);
    this.nextWindowBytes = Math.min(this.nextWindowBytes * 2, largestWindowBytes);
    // Bytes at the window's edge are kept, so that none is read twice.
    const kept = goesOn ? this.window.subarray(this.position - this.windowStart) : new Uint8Array(0);
    this.fetched += wanted - kept.length;
    const cap = this.options.headerCapBytes ?? defaultHeaderCapBytes;
    if (this.fetched > cap + largestWindowBytes)
      this.fail(`The header is longer than the allowed ${cap} bytes.`);
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

  /** Bytes before the next one of a value, or -1 when that is not among those fetched. */
  distanceTo(byte: number): number {
    const start = this.position - this.windowStart;
    const at = this.has(1) ? this.window.indexOf(byte, start) : -1;
    return at < 0 ? -1 : at - start;
  }

  /** Goes to another place without reading; one behind the end is noticed by the next fetch. */
  seek(byteOffset: number): void {
    this.position = byteOffset;
  }

  /** The following need a `fetch` of as many bytes before. */
  u8 = (): number => this.view.getUint8(this.step(1));
  u16 = (): number => this.view.getUint16(this.step(2), true);
  u32 = (): number => this.view.getUint32(this.step(4), true);
  i32 = (): number => this.view.getInt32(this.step(4), true);
  f32 = (): number => this.view.getFloat32(this.step(4), true);
  u64 = (): bigint => this.view.getBigUint64(this.step(8), true);
  f64BigEndian = (): number => this.view.getFloat64(this.step(8), false);

  /** The next bytes, as a view that the next fetch leaves behind. */
  bytes(length: number): Uint8Array {
    const start = this.step(length);
    return this.window.subarray(start, start + length);
  }

  /** The next bytes as text; invalid UTF-8 becomes U+FFFD. */
  text(length: number): string {
    const bytes = this.bytes(length);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, length);
    return isAscii(buffer) ? buffer.toString('latin1') : new TextDecoder().decode(buffer);
  }

  private step(length: number): number {
    const at = this.position - this.windowStart;
    this.position += length;
    return at;
  }
}
