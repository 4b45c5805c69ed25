/** One pass over a part of a tensor, and the second one that counts beyond thresholds. */
import type { SigmaCounts } from '../../kernels/kernels';
import { wideDtypes } from '../../numeric/dtypes';
import type { TensorStats } from '../../protocol/engineApi';
import { finalizeStats, sigmaCounts, sigmaThresholds } from '../../stats/finalizeStats';
import type { PartialStats } from '../../stats/partialStats';
import { histogramKindOf } from '../../stats/patterns';
import { SegmentSigmaCounts, SegmentStats } from '../../stats/segmentStats';
import { type Block, divide, segmentElements } from '../matrix';
import type { TensorSource } from '../tensorSource';
import type { CountTask, StatsTask } from './task';
import type { WorkerContext } from './workerContext';

export function runStats(context: WorkerContext, task: StatsTask): PartialStats | TensorStats {
  const segment = gather(context, task);
  if (!task.figures) return segment.finish();
  const whole = segment.finishWhole();
  const thresholds = sigmaThresholds(whole);
  const counts = sigmaCounts(whole) ?? runCount(context, { ...task, thresholds: thresholds! });
  return finalizeStats(whole, task.source, { ...task.figures, counts });
}

/**
 * The type that a source's values are fed to the statistics as: the 16-bit floats as they are, float64 for what
 * float32 cannot hold, else float32.
 */
function fedType({ dtype, packed }: TensorSource): string {
  if (packed) return 'F32';
  if (wideDtypes.has(dtype)) return 'F64';
  return dtype === 'F16' || dtype === 'BF16' ? dtype : 'F32';
}

function gather(context: WorkerContext, task: StatsTask): SegmentStats {
  const { source, part } = task;
  const segment = new SegmentStats(context.kernels, {
    dtype: fedType(source),
    // Dequantized values of packed codes are any float32, whatever the codes' type is called.
    kind: source.packed ? 'f32' : histogramKindOf(source.dtype),
    startElement: part.row * source.columns + part.column,
    elements: part.rows * part.columns,
    columns: task.channels ? source.columns : undefined,
  });
  feed(context, source, part, (values, elements) => segment.add(values, elements));
  return segment;
}

/** Reads a part piece by piece and hands each on where it lies in the kernels' memory. */
function feed(
  { kernels, reader, checkCancelled }: WorkerContext,
  source: TensorSource,
  part: Block,
  take: (pointer: number, elements: number) => void,
): void {
  const fed = fedType(source);
  const isRaw = fed === source.dtype && !source.packed;
  const most = Math.min(segmentElements, part.rows * part.columns);
  const pointer = kernels.alloc((fed === 'F64' ? 8 : 4) * most);
  for (const block of divide(part, segmentElements)) {
    checkCancelled();
    if (isRaw) reader.readRaw(source, block, pointer);
    else if (fed === 'F64') reader.readWide(source, block, pointer);
    else reader.read(source, block, pointer);
    take(pointer, block.rows * block.columns);
  }
}

export function runCount(context: WorkerContext, task: Omit<CountTask, 'kind'>): SigmaCounts {
  const { source, part, thresholds } = task;
  const counts = new SegmentSigmaCounts(context.kernels, fedType(source), thresholds);
  feed(context, source, part, (values, elements) => counts.add(values, elements));
  return counts.finish();
}
