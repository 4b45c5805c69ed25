/** What running a pickle may keep, and what it was found to name. */
import { LoupeError } from '../../errors';
import type { PickleGlobal } from './pickleValues';

/** A name that is code and no tensor. */
export interface CodeUse {
  readonly path: string;
  readonly verdict: 'unknown' | 'dangerous';
  readonly byteOffset: number;
  /** Whether loading would call it, not only import it. */
  called: boolean;
}

/**
 * Estimated memory that values of one file may take, in bytes. Each opcode is charged for what it keeps, so that a
 * file cannot make more of a byte than a byte is worth.
 */
export class PickleBudget {
  private left: number;
  readonly code = new Map<string, CodeUse>();
  /** Every name once, however often the pickle brings it. */
  readonly globals = new Map<string, PickleGlobal>();

  constructor(
    bytes: number,
    private readonly file: string,
  ) {
    this.left = bytes;
  }

  charge(bytes: number, byteOffset: number): void {
    this.left -= bytes;
    if (this.left >= 0) return;
    throw new LoupeError('unsupported', 'The pickle builds more values than can be held in memory.', {
      file: this.file,
      byteOffset,
    });
  }
}
