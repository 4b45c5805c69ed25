/**
 * Has a file written to the disk while more of it is being made, so that the sync at the end has little left to do. One request
 * is under way at a time.
 */
import * as fs from 'node:fs/promises';
import { LoupeError } from '../../errors';

/** Written bytes that are worth a request. */
const worthwhileBytes = 16 * 2 ** 20;

export class EarlySync {
  private running: Promise<void> | undefined;
  private waitingBytes = 0;
  private failure: unknown;

  private constructor(
    private readonly file: string,
    private readonly handle: fs.FileHandle,
  ) {}

  static async open(file: string): Promise<EarlySync> {
    return new EarlySync(file, await fs.open(file, 'r+'));
  }

  /** Hears of bytes that have been written to the file. */
  wrote(bytes: number): void {
    this.waitingBytes += bytes;
    if (this.running || this.failure !== undefined || this.waitingBytes < worthwhileBytes) return;
    this.waitingBytes = 0;
    this.running = this.handle
      .datasync()
      .catch((thrown: unknown) => {
        this.failure = thrown;
      })
      .then(() => {
        this.running = undefined;
      });
  }

  /**
   * Waits for what is under way. Throws `io` when writing failed: a system tells of that once, and not again at the
   * last sync.
   */
  async close(): Promise<void> {
    await this.running;
    await this.handle.close();
    if (this.failure !== undefined) throw LoupeError.from(this.failure, { file: this.file });
  }
}
