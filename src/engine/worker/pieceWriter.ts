/** Writes the pieces of an encoded tensor: what is large at once, and what is small when enough of it has come. */
import { closeSync, openSync } from 'node:fs';
import type { Chunk } from '../../quant/scheme';
import { writeAll } from './encodeTask';
import type { BandsTask } from './task';

/** A write costs about as much as moving this many bytes. */
const smallBytes = 2 ** 14;
/** Bytes of a piece that are held at most. */
const heldBytes = 2 ** 16;

/** Bytes of one piece that follow one another. */
interface Held {
  readonly start: number;
  readonly bytes: Uint8Array;
  length: number;
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
    const position = this.output.pieces.get(suffix)! + byteOffset;
    if (bytes.length > smallBytes) {
      writeAll(this.file, bytes, position, this.output.path);
      return;
    }
    let held = this.held.get(suffix);
    if (held && (held.start + held.length !== position || held.length + bytes.length > heldBytes)) {
      this.flush(held);
      held = undefined;
    }
    if (!held) {
      held = { start: position, bytes: new Uint8Array(heldBytes), length: 0 };
      this.held.set(suffix, held);
    }
    held.bytes.set(bytes, held.length);
    held.length += bytes.length;
  }

  /** Writes what is held. */
  finish(): void {
    for (const held of this.held.values()) this.flush(held);
    this.held.clear();
  }

  close(): void {
    closeSync(this.file);
  }

  private flush({ start, bytes, length }: Held): void {
    writeAll(this.file, bytes.subarray(0, length), start, this.output.path);
  }
}
