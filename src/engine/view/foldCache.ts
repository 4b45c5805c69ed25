/**
 * Folded cells that are kept for the next look, up to a number of bytes; the ones not used longest go first. Several
 * requests may wait for the same cells: the work stops when all of them have gone.
 */
import { throwIfAborted } from '../../errors';
import type { FoldResult } from '../worker/viewTasks';

interface Entry {
  readonly result: Promise<FoldResult>;
  readonly controller: AbortController;
  waiting: number;
  /** 0 until the result is there. */
  bytes: number;
}

export class FoldCache {
  /** In order of last use. */
  private readonly entries = new Map<string, Entry>();
  private bytes = 0;

  constructor(private readonly mostBytes: number) {}

  /** The cells kept under a key, or those that `compute` gives; rejects with `cancelled` when `signal` fires. */
  async get(
    key: string,
    signal: AbortSignal,
    compute: (signal: AbortSignal) => Promise<FoldResult>,
  ): Promise<FoldResult> {
    throwIfAborted(signal);
    const entry = this.entries.get(key) ?? this.start(key, compute);
    this.entries.delete(key);
    this.entries.set(key, entry);
    entry.waiting++;
    let leave = () => {};
    try {
      return await Promise.race([
        entry.result,
        new Promise<never>((_, reject) => {
          leave = () => reject(signal.reason);
          signal.addEventListener('abort', leave, { once: true });
        }),
      ]);
    } catch (thrown) {
      throwIfAborted(signal);
      throw thrown;
    } finally {
      signal.removeEventListener('abort', leave);
      entry.waiting--;
      if (entry.waiting === 0 && entry.bytes === 0 && signal.aborted) {
        entry.controller.abort();
        this.forget(key, entry);
      }
    }
  }

  private start(key: string, compute: (signal: AbortSignal) => Promise<FoldResult>): Entry {
    const controller = new AbortController();
    const entry: Entry = { result: compute(controller.signal), controller, waiting: 0, bytes: 0 };
    entry.result.then(
      ({ extreme, sums }) => {
        if (this.entries.get(key) !== entry) return;
        entry.bytes = (extreme?.byteLength ?? 0) + (sums?.byteLength ?? 0) + key.length;
        this.bytes += entry.bytes;
        this.shrink();
      },
      () => this.forget(key, entry),
    );
    return entry;
  }

  private shrink(): void {
    for (const [key, entry] of this.entries) {
      if (this.bytes <= this.mostBytes) return;
      // What is still being computed holds no bytes.
      if (entry.bytes > 0) this.forget(key, entry);
    }
  }

  private forget(key: string, entry: Entry): void {
    if (this.entries.get(key) !== entry) return;
    this.entries.delete(key);
    this.bytes -= entry.bytes;
  }
}
