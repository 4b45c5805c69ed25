/** The long jobs of this window: how far each is, who wants to see it, and how it is cancelled. Pure, so that it can be tested. */
import { LoupeError } from '../errors';
import type { QuantizeProgress } from '../protocol/engineApi';
import { RateMeter } from './rateMeter';

/** How far a job is. */
export interface JobState {
  /** Jobs that are done first; undefined: it runs. */
  readonly waitingFor: number | undefined;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly tensor: string;
  /** Undefined while it is too early to tell. */
  readonly secondsLeft: number | undefined;
}

export class Job {
  /** Nobody looks at its progress but in the status bar. */
  isInBackground = false;
  state: JobState = {
    waitingFor: undefined,
    bytesDone: 0,
    bytesTotal: 0,
    tensor: '',
    secondsLeft: undefined,
  };
  private readonly meter = new RateMeter();
  private readonly controller = new AbortController();

  constructor(
    readonly id: number,
    /** The model's name. */
    readonly name: string,
    /** What is made of it: "NF4 per block of 64". */
    readonly label: string,
    private readonly onChange: () => void,
  ) {}

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  cancel(): void {
    this.controller.abort();
    this.onChange();
  }

  get isCancelled(): boolean {
    return this.controller.signal.aborted;
  }

  sendToBackground(): void {
    this.isInBackground = true;
    this.onChange();
  }

  bringToFront(): void {
    this.isInBackground = false;
    this.onChange();
  }

  /** Takes what the engine tells. `nowMs`: a clock that only goes forward. */
  tell(
    { waitingFor, bytesDone, bytesTotal, tensor, tensorsDone, tensorsTotal }: QuantizeProgress,
    nowMs: number,
  ): void {
    let secondsLeft: number | undefined;
    if (waitingFor === undefined) {
      this.meter.add(nowMs, bytesDone, tensorsDone);
      ({ secondsLeft } = this.meter.estimate(bytesTotal - bytesDone, tensorsTotal - tensorsDone));
    }
    this.state = { waitingFor, bytesDone, bytesTotal, tensor, secondsLeft };
    this.onChange();
  }
}

export class JobTracker {
  private nextId = 1;
  private readonly running: Job[] = [];
  private readonly listeners = new Set<() => void>();

  /** Those that run or wait, in the order in which they were started. */
  get jobs(): readonly Job[] {
    return this.running;
  }

  job(id: number): Job | undefined {
    return this.running.find((job) => job.id === id);
  }

  /** Hears of every change, also of the end of jobs. Returns how to stop. */
  onDidChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Runs `work` as a job until it settles. A job that was still waiting when the compute process ended is started once more: nothing
   * of it was lost.
   */
  start<T>(name: string, label: string, work: (job: Job) => Promise<T>): { job: Job; result: Promise<T> } {
    const job = new Job(this.nextId++, name, label, () => this.changed());
    this.running.push(job);
    this.changed();
    const attempt = async (): Promise<T> => {
      try {
        return await work(job);
      } catch (thrown) {
        const isLost = LoupeError.from(thrown).code === 'engine-died';
        if (!isLost || job.state.waitingFor === undefined || job.isCancelled) throw thrown;
        return work(job);
      }
    };
    const result = attempt().finally(() => {
      this.running.splice(this.running.indexOf(job), 1);
      this.changed();
    });
    return { job, result };
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}
