/**
 * The statistics of many tensors, asked of the compute process in portions: what is on screen first, nothing while the
 * editor is hidden, and once more what was under way when the process ended. Knows nothing of VS Code.
 */
import { LoupeError, throwIfAborted } from '../errors';
import type { StatsRecords } from '../protocol/statsRecords';
import { RateMeter } from './rateMeter';

/** What a portion tells while it is worked on. */
export interface PortionProgress {
  readonly bytesDone: number;
  readonly records?: StatsRecords | undefined;
  readonly failed?:
    | readonly { readonly index: number; readonly error: { readonly message: string } }[]
    | undefined;
}

export interface AnalysisPorts {
  /** Asks the compute process; rejects with `engine-died` when it ends meanwhile, and starts it anew at the next call. */
  ask(
    tensors: readonly number[],
    signal: AbortSignal,
    progress: (told: PortionProgress) => void,
  ): Promise<unknown>;
  /** Stored bytes of a tensor. */
  bytesOf(tensor: number): number;
  nameOf(tensor: number): string;
  /** Figures as they come. */
  take(records: StatsRecords): void;
  /** Resolves when work may go on; undefined: it may. */
  pause(): Promise<void> | undefined;
  /** Hears how far the run is, also when it pauses and goes on. */
  report(progress: AnalysisProgress): void;
  /** The process ended and work goes on: one sentence. */
  tellRestart(message: string): void;
}

export interface AnalysisProgress {
  readonly done: number;
  readonly total: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Undefined until there is something to measure. */
  readonly bytesPerSecond?: number | undefined;
  readonly secondsLeft?: number | undefined;
  readonly isPaused: boolean;
}

/** A tensor that was left out, and why. */
export interface SkippedTensor {
  readonly index: number;
  readonly message: string;
}

/** A portion is small, so that a row that comes on screen waits for little. */
const portionBytes = 192 * 2 ** 20;
const portionTensors = 1024;
/** Two are under way: the end of one leaves no worker idle. */
const portionsAtOnce = 2;
/** Tensors that are asked for together after the process ended once: thousands one by one would take long. */
const suspectsAtOnce = 32;
/** Ends of the compute process without a single new figure between them. */
export const mostRestartsInARow = 6;

interface Portion {
  /** Tensors without an answer so far. */
  readonly open: Set<number>;
  /** What the process told of, and what of it belongs to tensors that have an answer. */
  bytesTold: number;
  bytesCounted: number;
  readonly epoch: number;
}

export class AnalysisRun {
  private readonly remaining: Set<number>;
  private first: readonly number[] = [];
  /** Tensors that were under way when the process ended, and how often; nothing else is asked for beside them. */
  private readonly suspects = new Map<number, number>();
  private readonly skipped: SkippedTensor[] = [];
  private readonly underWay = new Set<Portion>();
  private readonly meter = new RateMeter();
  private readonly bytesTotal: number;
  private readonly total: number;
  private done = 0;
  private bytesDone = 0;
  private isPaused = false;
  /** Grows with every end of the process: two portions that it takes along are one end. */
  private epoch = 0;
  private restartsInARow = 0;

  constructor(
    tensors: readonly number[],
    private readonly ports: AnalysisPorts,
  ) {
    this.remaining = new Set(tensors);
    this.total = this.remaining.size;
    let bytes = 0;
    for (const tensor of this.remaining) bytes += ports.bytesOf(tensor);
    this.bytesTotal = bytes;
  }

  /** Has these tensors taken before all others. */
  prioritize(tensors: readonly number[]): void {
    this.first = tensors;
  }

  /** Gives the tensors that were left out. Rejects with `cancelled`, or the first failure that is no tensor's own. */
  async run(signal: AbortSignal): Promise<readonly SkippedTensor[]> {
    const stop = new AbortController();
    const onAbort = () => stop.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) stop.abort();
    let failure: LoupeError | undefined;
    const asking = new Set<Promise<void>>();
    const fail = (error: LoupeError) => {
      failure ??= error;
      stop.abort();
    };
    try {
      while (!stop.signal.aborted) {
        await this.whilePaused(stop.signal);
        if (stop.signal.aborted) break;
        const isWary = this.suspects.size > 0;
        const portion = asking.size < (isWary ? 1 : portionsAtOnce) ? this.next() : undefined;
        if (portion) {
          const asked: Promise<void> = this.ask(portion, stop.signal)
            .catch((thrown) => fail(LoupeError.from(thrown)))
            .finally(() => asking.delete(asked));
          asking.add(asked);
        } else if (asking.size > 0) await Promise.race(asking);
        else break;
      }
      await Promise.all(asking);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    throwIfAborted(signal);
    if (failure) throw failure;
    return this.skipped;
  }

  private async whilePaused(signal: AbortSignal): Promise<void> {
    const pause = this.ports.pause();
    if (!pause) return;
    this.isPaused = true;
    this.tell();
    await Promise.race([
      pause,
      new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    ]);
    this.isPaused = false;
    this.meter.restart();
    this.tell();
  }

  /** The next tensors to ask for: a suspect alone, else those on screen, else as many as make a portion. */
  private next(): number[] | undefined {
    const suspects = this.nextSuspects();
    if (suspects.length > 0) {
      for (const suspect of suspects) this.remaining.delete(suspect);
      return suspects;
    }
    const portion: number[] = [];
    let bytes = 0;
    const fill = (tensors: Iterable<number>) => {
      for (const tensor of tensors) {
        if (portion.length >= portionTensors || bytes >= portionBytes) return;
        if (!this.remaining.delete(tensor)) continue;
        portion.push(tensor);
        bytes += this.ports.bytesOf(tensor);
      }
    };
    fill(this.first);
    // What is on screen is not kept waiting by what fills its portion.
    if (portion.length === 0) fill(this.remaining);
    return portion.length > 0 ? portion : undefined;
  }

  /** A few of many that were under way once; one by one those that are left, or were under way at another end. */
  private nextSuspects(): number[] {
    const once = [...this.suspects].filter(([, deaths]) => deaths === 1).map(([tensor]) => tensor);
    if (once.length > suspectsAtOnce) return once.slice(0, suspectsAtOnce);
    return [...this.suspects.keys()].slice(0, 1);
  }

  private async ask(tensors: readonly number[], signal: AbortSignal): Promise<void> {
    const portion: Portion = { open: new Set(tensors), bytesTold: 0, bytesCounted: 0, epoch: this.epoch };
    this.underWay.add(portion);
    try {
      await this.ports.ask(tensors, signal, (told) => this.hear(portion, told));
      for (const tensor of portion.open) this.count(portion, tensor);
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      if (error.code !== 'engine-died' || signal.aborted) throw error;
      this.recover(portion, error);
    } finally {
      this.underWay.delete(portion);
      this.tell();
    }
  }

  private hear(portion: Portion, { bytesDone, records, failed = [] }: PortionProgress): void {
    portion.bytesTold = bytesDone;
    if (records) {
      this.restartsInARow = 0;
      this.ports.take(records);
      for (const tensor of records.index) this.count(portion, tensor);
    }
    for (const { index, error } of failed) {
      this.skipped.push({ index, message: error.message });
      this.count(portion, index);
    }
    this.tell();
  }

  private count(portion: Portion, tensor: number): void {
    if (!portion.open.delete(tensor)) return;
    this.suspects.delete(tensor);
    this.done++;
    this.bytesDone += this.ports.bytesOf(tensor);
    portion.bytesCounted += this.ports.bytesOf(tensor);
  }

  private recover(portion: Portion, error: LoupeError): void {
    if (portion.epoch === this.epoch) {
      this.epoch++;
      this.restartsInARow++;
      if (this.restartsInARow > mostRestartsInARow) {
        throw new LoupeError(
          'engine-died',
          `The compute process ended ${this.restartsInARow} times in a row; the analysis has stopped.`,
        );
      }
      this.ports.tellRestart(`${error.message} It was started again, and the analysis goes on.`);
    }
    this.meter.restart();
    const [only] = portion.open;
    const isAlone = portion.open.size === 1;
    for (const tensor of portion.open) {
      const deaths = (this.suspects.get(tensor) ?? 0) + 1;
      if (deaths >= 2 && isAlone && tensor === only) {
        const name = this.ports.nameOf(tensor);
        const times = deaths === 2 ? 'twice' : `${deaths} times`;
        this.skipped.push({
          index: tensor,
          message: `The compute process ended ${times} while it read ${name}.`,
        });
        this.count(portion, tensor);
      } else {
        this.suspects.set(tensor, deaths);
        this.remaining.add(tensor);
      }
    }
  }

  private tell(): void {
    let bytesDone = this.bytesDone;
    for (const { bytesTold, bytesCounted } of this.underWay)
      bytesDone += Math.max(0, bytesTold - bytesCounted);
    bytesDone = Math.min(bytesDone, this.bytesTotal);
    const { done, total, bytesTotal, isPaused } = this;
    this.meter.add(performance.now(), bytesDone, done);
    const { bytesPerSecond, secondsLeft } = this.meter.estimate(bytesTotal - bytesDone, total - done);
    this.ports.report({
      done,
      total,
      bytesDone,
      bytesTotal,
      isPaused,
      ...(isPaused ? {} : { bytesPerSecond, secondsLeft }),
    });
  }
}
