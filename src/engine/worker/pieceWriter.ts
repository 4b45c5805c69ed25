/**
 * Writes the pieces of an encoded tensor. What follows one another is held until there is enough of it, up to where the file has a
 * multiple of `heldBytes`: the system takes long runs that begin and end with its pages with less work than short ones.
 */
import { closeSync, openSync } from 'node:fs';
import type { Chunk } from '../../quant/scheme';
import { writeAll } from './encodeTask';
import type { BandsTask } from './task';

/** Bytes of a piece that are held at most. */
const heldBytes = 2 ** 18;

/** Buffers of this thread that no writer uses. */
const spare: Uint8Array[] = [];

/** Bytes of one piece that follow one another. */
interface Held {
  /** Where they go in the file. */
  start: number;
  length: number;
  /** Of `heldBytes`. */
  readonly bytes: Uint8Array;
}

export class PieceWriter {
  private readonly file: number;
  private readonly held = new Map<string, Held>();

  /** Opens the file. */
  constructor(private readonly output: NonNullable<BandsTask['output']>) {
    this.file = openSync(output.path, 'r+');
  }

  /** Takes or copies the bytes: they may change afterwards. */
  write({ suffix, byteOffset, bytes }: Chunk): void {
    let position = this.output.pieces.get(suffix)! + byteOffset;
    const held = this.heldOf(suffix);
    if (held.start + held.length !== position) this.flush(held, position);
    for (let done = 0; done < bytes.length; ) {
      const rest = bytes.length - done;
      if (held.length === 0 && rest >= heldBytes) {
        writeAll(this.file, bytes.subarray(done), position, this.output.path);
        held.start = position + rest;
        return;
      }
      const room = heldBytes - (held.start % heldBytes) - held.length;
      const part = Math.min(rest, room);
      held.bytes.set(part === bytes.length ? bytes : bytes.subarray(done, done + part), held.length);
      held.length += part;
      position += part;
      done += part;
      if (part === room) this.flush(held, position);
    }
  }

  /** Writes what is held. */
  finish(): void {
    for (const held of this.held.values()) this.flush(held, held.start + held.length);
  }

  /** Closes the file; what is still held is dropped. */
  close(): void {
    closeSync(this.file);
    for (const { bytes } of this.held.values()) spare.push(bytes);
    this.held.clear();
  }

  private heldOf(suffix: string): Held {
    let held = this.held.get(suffix);
    if (!held) {
      held = { start: 0, length: 0, bytes: spare.pop() ?? new Uint8Array(heldBytes) };
      this.held.set(suffix, held);
    }
    return held;
  }

  /** Writes what is held; what comes next begins at `position`. */
  private flush(held: Held, position: number): void {
    const { start, length, bytes } = held;
    held.start = position;
    held.length = 0;
    if (length > 0) writeAll(this.file, bytes.subarray(0, length), start, this.output.path);
  }
}
