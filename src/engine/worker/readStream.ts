/** Reads of one thread, each of which goes on where the one before ended, as long as somebody asked for what comes next. */
import type { TaskOptions, TaskRunner } from './pool';
import type { WarmSpan } from './warmTask';

interface Waiting {
  readonly span: WarmSpan;
  readonly options: TaskOptions | undefined;
  resolve(isCached: boolean): void;
  reject(error: unknown): void;
}

export class ReadStream {
  private readonly waiting: Waiting[] = [];
  private isBusy = false;
  private at: { readonly path: string; readonly end: number } | undefined;

  constructor(
    /** A pool of a single thread. */
    private readonly reader: TaskRunner,
  ) {}

  /** Whether the bytes were in the system's file cache, see `runWarm`; by then they are. */
  read(span: WarmSpan, options: TaskOptions | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ span, options, resolve, reject });
      if (!this.isBusy) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.isBusy = true;
    for (let next = this.take(); next; next = this.take()) {
      const { span, options, resolve, reject } = next;
      this.at = { path: span.file.path, end: span.byteOffset + span.bytes };
      try {
        resolve(await this.reader.run({ kind: 'warm', span }, options));
      } catch (thrown) {
        reject(thrown);
      }
      // Whoever waited may now ask for what follows, which then comes before what others want elsewhere.
      await new Promise<void>((done) => setImmediate(done));
    }
    this.isBusy = false;
  }

  /** What lies next ahead in the file; else the first of the file that has waited longest. */
  private take(): Waiting | undefined {
    const { at, waiting } = this;
    const ahead = waiting.filter(({ span }) => at && span.file.path === at.path && span.byteOffset >= at.end);
    const path = waiting[0]?.span.file.path;
    const choice = ahead.length > 0 ? ahead : waiting.filter(({ span }) => span.file.path === path);
    let best = choice[0];
    for (const one of choice) if (one.span.byteOffset < best!.span.byteOffset) best = one;
    if (best) waiting.splice(waiting.indexOf(best), 1);
    return best;
  }
}
