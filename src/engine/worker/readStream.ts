/** Reads of one thread, each of which goes on where the one before ended, as long as somebody asked for what comes next. */
import type { TaskOptions, TaskRunner } from './pool';
import type { WarmSpan } from './warmTask';

interface Waiting {
  readonly span: WarmSpan;
  readonly options: TaskOptions | undefined;
  resolve(isCached: boolean): void;
  reject(error: unknown): void;
}

/** Tensors follow each other with no more than this between them. */
const paddingBytes = 256;

export class ReadStream {
  private readonly waiting: Waiting[] = [];
  private sent = 0;
  private at: { readonly path: string; readonly end: number } | undefined;

  constructor(
    /** A pool of a single thread. */
    private readonly reader: TaskRunner,
  ) {}

  /** Whether the bytes were in the system's file cache, see `runWarm`; by then they are. */
  read(span: WarmSpan, options: TaskOptions | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ span, options, resolve, reject });
      this.send();
    });
  }

  /**
   * The span that follows on the one that is being read is sent at once, so that the disk goes on while an answer is on its way; any
   * other waits for the answer, after which something nearer may be asked for.
   */
  private send(): void {
    while (this.sent < 2) {
      const next = this.take(this.sent > 0);
      if (!next) return;
      this.sent++;
      this.at = { path: next.span.file.path, end: next.span.byteOffset + next.span.bytes };
      void this.follow(next);
    }
  }

  private async follow({ span, options, resolve, reject }: Waiting): Promise<void> {
    try {
      resolve(await this.reader.run({ kind: 'warm', span }, options));
    } catch (thrown) {
      reject(thrown);
    }
    // Whoever waited may now ask for what follows, which then comes before what others want elsewhere.
    await new Promise<void>((done) => setImmediate(done));
    this.sent--;
    this.send();
  }

  /** What lies next ahead in the file; else, unless it has to follow on, the first of the file that has waited longest. */
  private take(mustFollow: boolean): Waiting | undefined {
    const { at, waiting } = this;
    const further = waiting.filter(
      ({ span }) => at && span.file.path === at.path && span.byteOffset >= at.end,
    );
    const path = waiting[0]?.span.file.path;
    const choice = further.length > 0 ? further : waiting.filter(({ span }) => span.file.path === path);
    let best = choice[0];
    for (const one of choice) if (one.span.byteOffset < best!.span.byteOffset) best = one;
    const follows = at && best && further.includes(best) && best.span.byteOffset - at.end < paddingBytes;
    if (!best || (mustFollow && !follows)) return undefined;
    waiting.splice(waiting.indexOf(best), 1);
    return best;
  }
}
