/**
 * A pool whose statistics tasks begin once their bytes are in the system's file cache, where one thread reads them in
 * one stream. A disk serves one reader that goes forward faster than several that take turns, and while the others
 * compute nobody waits for it.
 */
import { throwIfAborted } from '../../errors';
import { findDtype } from '../../numeric/dtypes';
import type { Block } from '../matrix';
import type { TensorSource } from '../tensorSource';
import type { TaskOptions, TaskRunner } from './pool';
import type { Task, TaskResult } from './task';
import { touchSpans } from './touchSpans';
import type { WarmSpan } from './warmTask';

/** Fewer bytes are read sooner than they are asked for. */
const leastBytes = 2 ** 20;
/** Tasks whose bytes are taken to be in the cache after one whose bytes were. */
const trusted = 15;

export class WarmedPool implements TaskRunner {
  private trust = 0;

  constructor(
    private readonly pool: TaskRunner,
    /** A pool of a single thread, so that what it reads comes in the order asked for. */
    private readonly reader: TaskRunner,
  ) {}

  /** One more than the workers: its bytes come while they compute. */
  get size(): number {
    return this.pool.size + 1;
  }

  async run<T extends Task>(task: T, options?: TaskOptions): Promise<TaskResult<T>> {
    // A sample's places are read beside the stream, while the tensors before it are still at work.
    if (task.kind === 'sample') {
      if (this.trust === 0) await touchSpans(task.blocks.flatMap((block) => spanOf(task.source, block)));
    } else if (this.trust > 0) this.trust--;
    else {
      const [span] = spansOf(task);
      if (span && span.bytes >= leastBytes && (await this.warm(span, options))) this.trust = trusted;
    }
    return this.pool.run(task, options);
  }

  /** Whether the bytes were in the cache. Reading ahead may fail: the task itself will tell. */
  private async warm(span: WarmSpan, options: TaskOptions | undefined): Promise<boolean> {
    try {
      return await this.reader.run({ kind: 'warm', span }, options);
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

function spanOf(source: TensorSource, { row, column, rows, columns }: Block): readonly WarmSpan[] {
  const dtype = findDtype(source.dtype);
  if (source.packed || !dtype) return [];
  const bytes = (elements: number) => (elements / dtype.blockElements) * dtype.blockBytes;
  const byteOffset = source.byteOffset + bytes(row * source.columns + column);
  return [{ file: source.file, byteOffset, bytes: bytes(rows * columns) }];
}
