/**
 * Has a file written to the disk while more of it is being made, so that the sync at the end has little left to do. One request
 * is under way at a time.
 */
import * as fs from 'node:fs/promises';
import { LoupeError } from '../../errors';

/** Written bytes that are worth a request. */
const worthwhileBytes = 16 * 2 ** 20;

type Synced = (writes: number) => void | Promise<void>;

export class EarlySync {
  private running: Promise<void> | undefined;
  private waitingBytes = 0;
  private wholeBytes = 0;
  private failure: unknown;
  private told = 0;

  private constructor(
    private readonly file: string,
    private readonly handle: fs.FileHandle,
    private readonly synced: Synced,
  ) {}

  /** `synced` hears after each request of how many calls of `wrote` it covers; what it throws counts as a failure to write. */
  static async open(file: string, synced: Synced = () => {}): Promise<EarlySync> {
    return new EarlySync(file, await fs.open(file, 'r+'), synced);
  }

  /** Hears of bytes that have been written to the file, of something that is not whole yet. */
  grew(bytes: number): void {
    this.waitingBytes += bytes;
    this.request();
  }

  /** Hears that something of so many bytes is whole. */
  wrote(bytes: number): void {
    this.wholeBytes += bytes;
    this.told++;
    this.request();
  }

  private request(): void {
    if (this.running || this.failure !== undefined) return;
    if (Math.max(this.waitingBytes, this.wholeBytes) < worthwhileBytes) return;
    this.waitingBytes = 0;
    this.wholeBytes = 0;
    const covered = this.told;
    this.running = this.handle
      .datasync()
      .then(() => this.synced(covered))
      .catch((thrown: unknown) => {
        this.failure = thrown;
      })
      .then(() => {
        this.running = undefined;
      });
  }

  /** Of a file that is not going on: has what is worth it written to the disk, too. */
  async end(): Promise<void> {
    await this.running;
    this.request();
    await this.running;
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
