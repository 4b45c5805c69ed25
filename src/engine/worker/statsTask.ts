/** One pass over a part of a tensor, the sample before it, and the second pass where the first left counts open. */
import type { SigmaCounts } from '../../kernels/kernels';
import type { Bands } from '../../kernels/valueFolds';
import { findDtype, wideDtypes } from '../../numeric/dtypes';
import type { TensorStats } from '../../protocol/engineApi';
import { finalizeStats, sigmaCounts, sigmaThresholds } from '../../stats/finalizeStats';
import { centralMoments, mergeMoments, noMoments } from '../../stats/moments';
import type { CountedStats } from '../../stats/partialStats';
import { histogramKindOf } from '../../stats/patterns';
import { SegmentSigmaCounts } from '../../stats/segmentSigmaCounts';
import { NonFiniteMet, SegmentStats } from '../../stats/segmentStats';
import { bandsAround, SigmaBands } from '../../stats/sigmaBands';
import { type Block, divide, sampleBlocks, segmentElements } from '../matrix';
import type { TensorSource } from '../tensorSource';
import type { CountTask, PartAnswer, SampleAnswer, SampleTask, StatsTask } from './task';
import type { WorkerContext } from './workerContext';

export function runStats(context: WorkerContext, task: StatsTask): PartAnswer | TensorStats {
  const { source, part, figures } = task;
  if (!figures) {
    const segment = gather(context, task, task.bands).segment;
    return { partial: segment.finish(), bands: segment.finishBands() };
  }
  // What is read at once is still there when sigma is known; more is sampled first, so that it need not be read twice.
  const isSmall = part.rows * part.columns <= segmentElements;
  const bands = isSmall || kindOf(source) !== 'f32' ? undefined : bandsAround(sample(context, source));
  const { segment, last } = gather(context, task, bands);
  const whole = segment.finishWhole();
  const counts =
    sigmaCounts(whole) ??
    (bands && banded(bands, segment, whole)) ??
    (isSmall ? countAgain(context, source, last, whole) : secondPass(context, source, part, whole));
  return finalizeStats(whole, source, { ...figures, counts });
}

function banded(bands: Bands, segment: SegmentStats, whole: CountedStats): SigmaCounts | undefined {
  const merged = new SigmaBands(bands);
  merged.merge(segment.finishBands(), whole);
  return merged.counts(whole);
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

/** Dequantized values of packed codes are any float32, whatever the codes' type is called. */
const kindOf = ({ dtype, packed }: TensorSource) => (packed ? 'f32' : histogramKindOf(dtype));

/** A run of values in the kernels' memory. */
interface Run {
  readonly pointer: number;
  readonly elements: number;
}

/** The statistics of a part, and its last run, which stays in memory. */
function gather(
  context: WorkerContext,
  task: Pick<StatsTask, 'source' | 'part' | 'channels'>,
  bands?: Bands | undefined,
): { readonly segment: SegmentStats; readonly last: Run } {
  const { source, part } = task;
  // Weights are seldom infinite or NaN: a large part that is costs a second reading, instead of a look at all beforehand.
  const isLarge = part.rows * part.columns > segmentElements && fedType(source) === 'F32';
  if (!isLarge || !task.channels) return gatherFrom(context, task, bands, false);
  const mark = context.kernels.mark();
  try {
    return gatherFrom(context, task, bands, true);
  } catch (thrown) {
    if (!(thrown instanceof NonFiniteMet)) throw thrown;
    context.kernels.reset(mark);
    return gatherFrom(context, task, bands, false);
  }
}

function gatherFrom(
  context: WorkerContext,
  { source, part, channels }: Pick<StatsTask, 'source' | 'part' | 'channels'>,
  bands: Bands | undefined,
  expectsFinite: boolean,
): { readonly segment: SegmentStats; readonly last: Run } {
  const segment = new SegmentStats(context.kernels, {
    dtype: fedType(source),
    kind: kindOf(source),
    startElement: part.row * source.columns + part.column,
    elements: part.rows * part.columns,
    columns: channels ? source.columns : undefined,
    bands,
    bins: context.bins,
    expectsFinite,
  });
  let last: Run = { pointer: 0, elements: 0 };
  feed(context, source, divide(part, runElements(source)), (run) => {
    segment.add(run.pointer, run.elements);
    last = run;
  });
  return { segment, last };
}

/**
 * Values that are read and folded at a time: few enough that they stay in the second-level cache beside what the system copies
 * them from, and of a matrix several rows, which are folded in pairs. A function of the shape, since sums depend on it.
 */
function runElements({ rows, columns }: TensorSource): number {
  // A small tensor stays in memory whole, see `runStats`.
  if (rows * columns <= segmentElements) return segmentElements;
  return Math.min(segmentElements, Math.max(segmentElements / 2, 8 * columns));
}

/** Reads blocks one after the other and hands each on where it lies in the kernels' memory. */
function feed(
  { kernels, reader, checkCancelled }: WorkerContext,
  source: TensorSource,
  blocks: Iterable<Block>,
  take: (run: Run) => void,
): void {
  const fed = fedType(source);
  const isRaw = fed === source.dtype && !source.packed;
  const most = Math.min(segmentElements, source.rows * source.columns);
  const pointer = kernels.alloc((fed === 'F64' ? 8 : 4) * most);
  for (const block of blocks) {
    checkCancelled();
    if (isRaw) reader.readRaw(source, block, pointer);
    else if (fed === 'F64') reader.readWide(source, block, pointer);
    else reader.read(source, block, pointer);
    take({ pointer, elements: block.rows * block.columns });
  }
}

/** 3 and 6 standard deviations of the finite values of some blocks; undefined when there is none. */
export function runSample(
  context: WorkerContext,
  { source, blocks, isLocal = false }: SampleTask,
): SampleAnswer | undefined {
  const { kernels, reader, checkCancelled } = context;
  const isWide = fedType(source) === 'F64';
  const most = blocks.reduce((longest, { rows, columns }) => Math.max(longest, rows * columns), 0);
  const pointer = kernels.alloc((isWide ? 8 : 4) * most);
  let moments = noMoments;
  for (const block of blocks) {
    checkCancelled();
    const elements = block.rows * block.columns;
    if (isWide) reader.readWide(source, block, pointer);
    else reader.read(source, block, pointer);
    const sums = isWide ? kernels.moments64(pointer, elements, 0) : kernels.moments(pointer, elements, 0);
    moments = mergeMoments(moments, centralMoments(sums, 0));
  }
  const thresholds = sigmaThresholds({ moments });
  // Values that share a scale say little more than one of them.
  const isRough = isLocal || source.packed !== undefined || (findDtype(source.dtype)?.blockElements ?? 1) > 1;
  return thresholds && { ...thresholds, isRough };
}

/** The same for a part, with what it used of the kernels' memory given back. */
function sample(context: WorkerContext, source: TensorSource): SampleAnswer | undefined {
  const mark = context.kernels.mark();
  const guess = runSample(context, { kind: 'sample', source, blocks: sampleBlocks(source) });
  context.kernels.reset(mark);
  return guess;
}

/** Counts over values that are still in memory. */
function countAgain(
  { kernels }: WorkerContext,
  source: TensorSource,
  run: Run,
  whole: CountedStats,
): SigmaCounts {
  const counts = new SegmentSigmaCounts(kernels, fedType(source), sigmaThresholds(whole)!);
  counts.add(run.pointer, run.elements);
  return counts.finish();
}

function secondPass(
  context: WorkerContext,
  source: TensorSource,
  part: Block,
  whole: CountedStats,
): SigmaCounts {
  return runCount(context, { source, part, thresholds: sigmaThresholds(whole)! });
}

export function runCount(context: WorkerContext, task: Omit<CountTask, 'kind'>): SigmaCounts {
  const { source, part, thresholds } = task;
  const counts = new SegmentSigmaCounts(context.kernels, fedType(source), thresholds);
  feed(context, source, divide(part, runElements(source)), ({ pointer, elements }) =>
    counts.add(pointer, elements),
  );
  return counts.finish();
}
