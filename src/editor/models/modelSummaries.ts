/** What models' headers say, read a few at a time and kept until the file changes. */
import { stat } from 'node:fs/promises';
import type { EngineClient } from '../../engine/client';
import { LoupeError } from '../../errors';
import type { ModelSummary } from './modelTexts';

/** Headers that are read at the same time. */
const concurrency = 2;
const capacity = 2000;

interface Kept {
  /** Size and time of the file that was read. */
  readonly stamp: string;
  readonly summary: ModelSummary;
}

/** Looks at a file: its size and time, or undefined when it is not there. For tests. */
export type StampOf = (path: string) => Promise<string | undefined>;

const stampOf: StampOf = async (path) => {
  const found = await stat(path).catch(() => undefined);
  return found && `${found.size}:${found.mtimeMs}`;
};

export class ModelSummaries {
  private readonly kept = new Map<string, Kept>();
  private readonly running = new Map<string, Promise<ModelSummary | undefined>>();
  private readonly waiting: (() => void)[] = [];
  private active = 0;

  constructor(
    private readonly engine: Pick<EngineClient, 'call'>,
    private readonly stamp: StampOf = stampOf,
  ) {}

  /** What was read last, without looking whether the file has changed since. */
  known(path: string): ModelSummary | undefined {
    return this.kept.get(path)?.summary;
  }

  /** Undefined for a file that is not there, or when the engine has ended meanwhile. */
  get(path: string): Promise<ModelSummary | undefined> {
    const running = this.running.get(path);
    if (running) return running;
    const reading = this.read(path).finally(() => this.running.delete(path));
    this.running.set(path, reading);
    return reading;
  }

  /** Of a model whose other files have changed. */
  forget(path: string): void {
    this.kept.delete(path);
  }

  private async read(path: string): Promise<ModelSummary | undefined> {
    if (this.active >= concurrency) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.active++;
    try {
      const stamp = await this.stamp(path);
      if (stamp === undefined) {
        this.kept.delete(path);
        return undefined;
      }
      const kept = this.kept.get(path);
      if (kept?.stamp === stamp) return kept.summary;
      const summary = await this.ask(path);
      if (summary) {
        this.kept.delete(path);
        this.kept.set(path, { stamp, summary });
        if (this.kept.size > capacity) this.kept.delete(this.kept.keys().next().value!);
      }
      return summary;
    } finally {
      // The place goes to who waits longest.
      const next = this.waiting.shift();
      if (next) next();
      else this.active--;
    }
  }

  private async ask(path: string): Promise<ModelSummary | undefined> {
    try {
      return { brief: await this.engine.call('brief', { path, once: true }) };
    } catch (thrown) {
      const { code, message } = LoupeError.from(thrown);
      return code === 'engine-died' || code === 'cancelled' ? undefined : { refusal: message };
    }
  }
}
