/**
 * A pool whose statistics tasks begin once their bytes are in the system's file cache, where one thread reads them in
 * one stream. A disk serves one reader that goes forward faster than several that take turns, and while the others
 * compute nobody waits for it.
 */
import { throwIfAborted } from '../../errors';
import { findDtype } from '../../numeric/dtypes';
import { type Block, parts, sampleBlocks } from '../matrix';
import type { TensorSource } from '../tensorSource';
import type { TaskOptions, TaskRunner } from './pool';
import { ReadStream } from './readStream';
import type { SampleTask, Task, TaskResult } from './task';
import type { WarmSpan } from './warmTask';

/** Fewer bytes are read sooner than they are asked for. */
const leastBytes = 2 ** 20;
/** Tasks whose bytes are taken to be in the cache after one whose bytes were. */
const trusted = 15;

export class WarmedPool implements TaskRunner {
  private trust = 0;
  /** Parts that are read before somebody asks for them. */
  private readonly ahead = new Map<string, Promise<boolean>>();
  private readonly stream: ReadStream;

  constructor(
    private readonly pool: TaskRunner,
    /** A pool of a single thread. */
    reader: TaskRunner,
  ) {
    this.stream = new ReadStream(reader);
  }

  /** One more than the workers: its bytes come while they compute. */
  get size(): number {
    return this.pool.size + 1;
  }

  async run<T extends Task>(task: T, options?: TaskOptions): Promise<TaskResult<T>> {
    if (task.kind === 'sample')
      return this.pool.run({ ...task, ...(await this.inStream(task, options)) }, options);
    if (this.trust > 0) this.trust--;
    else {
      const [span] = spansOf(task);
      if (span) await (this.ahead.get(keyOf(span)) ?? this.warm(span, options));
      if (span) this.ahead.delete(keyOf(span));
    }
    return this.pool.run(task, options);
  }

  /**
   * A sample of all places of a tensor whose bytes are in the cache, and else of its first part, which comes next in the
   * stream anyway: each place by itself would make the disk leave the stream and find it again. The parts behind that one are
   * asked for at once, so that no other tensor's come between.
   */
  private async inStream(task: SampleTask, options: TaskOptions | undefined): Promise<Partial<SampleTask>> {
    const [first, ...others] = [...parts(task.source)].slice(0, this.size + 1);
    const [span] = first ? spanOf(task.source, first) : [];
    if (this.trust > 0 || !first || !span || (await this.warm(span, options))) return {};
    this.ahead.set(keyOf(span), Promise.resolve(false));
    for (const other of others.flatMap((part) => spanOf(task.source, part))) {
      const reading = this.warm(other, options);
      // The part itself will wait for it, and tell.
      reading.catch(() => {});
      this.ahead.set(keyOf(other), reading);
    }
    const blocks = sampleBlocks(first).map((block) => ({
      ...block,
      row: first.row + block.row,
      column: first.column + block.column,
    }));
    return { blocks, isLocal: true };
  }

  /** Whether the bytes were in the cache; then the next ones are trusted to be. Reading ahead may fail: the task itself will tell. */
  private async warm(span: WarmSpan, options: TaskOptions | undefined): Promise<boolean> {
    if (span.bytes < leastBytes) return false;
    try {
      const isCached = await this.stream.read(span, options);
      if (isCached) this.trust = trusted;
      return isCached;
    } catch {
      throwIfAborted(options?.signal);
      return false;
    }
  }
}

/** The run of bytes that a task reads from one end to the other; none where its values lie in several places. */
function spansOf(task: Task): readonly WarmSpan[] {
  switch (task.kind) {
    case 'statsBatch':
      return [task.span];
    case 'stats':
    case 'count':
      return spanOf(task.source, task.part);
    default:
      return [];
  }
}

const keyOf = ({ file, byteOffset }: WarmSpan) => `${byteOffset} ${file.path}`;

function spanOf(source: TensorSource, { row, column, rows, columns }: Block): readonly WarmSpan[] {
  const dtype = findDtype(source.dtype);
  if (source.packed || !dtype) return [];
  const bytes = (elements: number) => (elements / dtype.blockElements) * dtype.blockBytes;
  const byteOffset = source.byteOffset + bytes(row * source.columns + column);
  return [{ file: source.file, byteOffset, bytes: bytes(rows * columns) }];
}
