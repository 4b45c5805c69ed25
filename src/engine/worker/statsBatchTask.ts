/** Statistics of small tensors that lie near one another: one message, one read, and then each tensor by itself. */
import type { CheckpointFile } from '../../formats/checkpoint';
import { encodeRecords } from '../../protocol/statsRecords';
import type { TensorStats } from '../../stats/types';
import { wholeBlock } from '../matrix';
import type { FileSpan } from '../tensorSource';
import { FileCache } from './fileCache';
import { SegmentReader } from './segmentReader';
import { runStats } from './statsTask';
import type { StatsBatchResult, StatsBatchTask } from './task';
import type { WorkerContext } from './workerContext';

/** The same figures, to the last bit, as one `stats` task for each source gives. */
export function runStatsBatch(context: WorkerContext, task: StatsBatchTask): StatsBatchResult {
  const { kernels } = context;
  const files = new ReadAhead(context.files, task.span);
  const reader = new SegmentReader(kernels, files);
  const batch: WorkerContext = { ...context, files, reader, bins: { isClear: false } };
  const mark = kernels.mark();
  const stats = task.sources.map((source) => {
    kernels.reset(mark);
    context.checkCancelled();
    const part = wholeBlock(source);
    const { channels, figures } = task;
    return runStats(batch, { kind: 'stats', source, part, channels, figures }) as TensorStats;
  });
  if (!task.asRecords) return { stats };
  return { records: encodeRecords(stats.map((one, i) => ({ index: task.indices[i]!, stats: one }))) };
}

/** Room for what is read ahead: one a thread, as large as the largest span so far. */
let room = new Uint8Array(0);

/** Answers reads within a span, which is read at once, from memory, and others from the file. */
class ReadAhead extends FileCache {
  private bytes: Uint8Array | undefined;

  constructor(
    private readonly files: FileCache,
    private readonly span: FileSpan & { readonly bytes: number },
  ) {
    super();
  }

  override read(file: CheckpointFile, byteOffset: number, target: Uint8Array): void {
    const { span } = this;
    const at = byteOffset - span.byteOffset;
    const isAhead = file.path === span.file.path && at >= 0 && at + target.length <= span.bytes;
    if (!isAhead) {
      this.files.read(file, byteOffset, target);
      return;
    }
    if (!this.bytes) {
      if (room.length < span.bytes) room = new Uint8Array(span.bytes);
      const bytes = room.subarray(0, span.bytes);
      this.files.read(span.file, span.byteOffset, bytes);
      this.bytes = bytes;
    }
    target.set(this.bytes.subarray(at, at + target.length));
  }
}
