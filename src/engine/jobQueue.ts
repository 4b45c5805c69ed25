/** Lets one long job run at a time, in the order asked for: memory and disk are bounded, and who came first is done first. */
import { LoupeError } from '../errors';

interface Waiting {
  readonly begin: () => void;
  readonly tell: (waitingFor: number) => void;
}

export class JobQueue {
  private isBusy = false;
  private readonly waiting: Waiting[] = [];

  /** Jobs that run or wait. */
  get size(): number {
    return this.waiting.length + (this.isBusy ? 1 : 0);
  }

  /**
   * Runs `work` when all jobs before it have ended, well or not. Until then `tell` hears how many those are, whenever that
   * changes. Rejects with `cancelled` when the signal fires while it waits: `work` is never called then.
   */
  async run<T>(signal: AbortSignal, tell: (waitingFor: number) => void, work: () => Promise<T>): Promise<T> {
    await this.turn(signal, tell);
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      this.tellFrom(0);
      if (next) next.begin();
      else this.isBusy = false;
    }
  }

  private turn(signal: AbortSignal, tell: (waitingFor: number) => void): Promise<void> {
    if (signal.aborted) return Promise.reject(cancelled());
    if (!this.isBusy) {
      this.isBusy = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        const place = this.waiting.indexOf(entry);
        this.waiting.splice(place, 1);
        this.tellFrom(place);
        reject(cancelled());
      };
      const entry: Waiting = {
        tell,
        begin: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.waiting.push(entry);
      tell(this.waiting.length);
    });
  }

  private tellFrom(place: number): void {
    for (const [index, { tell }] of this.waiting.entries()) if (index >= place) tell(index + 1);
  }
}

const cancelled = (): LoupeError => new LoupeError('cancelled', 'Cancelled.');
