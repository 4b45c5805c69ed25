/** One pass over a part of a tensor, and the second one that counts beyond thresholds. */
import type { SigmaCounts } from '../../kernels/kernels';
import type { TensorStats } from '../../protocol/engineApi';
import { finalizeStats, sigmaCounts, sigmaThresholds } from '../../stats/finalizeStats';
import { type CentralMoments, centralMoments, mergeMoments, noMoments } from '../../stats/moments';
import type { PartialStats } from '../../stats/partialStats';
import { type HistogramKind, histogramKindOf, patternBins } from '../../stats/patterns';
import { type Block, divide, segmentElements } from '../matrix';
import type { TensorSource } from '../tensorSource';
import type { CountTask, StatsTask } from './task';
import type { WorkerContext } from './workerContext';

export function runStats(context: WorkerContext, task: StatsTask): PartialStats | TensorStats {
  const partial = partialStats(context, task);
  if (!task.finish) return partial;
  const thresholds = sigmaThresholds(partial);
  const counts = sigmaCounts(partial) ?? runCount(context, { ...task, thresholds: thresholds! });
  return finalizeStats(partial, task.source.name, { counts, outlierFactor: task.outlierFactor });
}

/** How the values of a type are held for statistics: float64 keeps kernels of its own. */
const isDouble = (source: TensorSource): boolean => source.dtype === 'F64';

/** Dequantized values of packed codes are any float32, whatever the codes' type is called. */
function kindOf(source: TensorSource): HistogramKind {
  return source.packed ? 'f32' : histogramKindOf(source.dtype);
}

function partialStats(context: WorkerContext, task: StatsTask): PartialStats {
  const { kernels, reader } = context;
  const { source, part } = task;
  const kind = kindOf(source);
  const byPattern = kind === 'f16' || kind === 'bf16';
  const double = isDouble(source);
  const most = Math.min(segmentElements, part.rows * part.columns);

  const values = kernels.alloc((double ? 8 : 4) * most);
  const raw = byPattern ? kernels.alloc(2 * most) : 0;
  const histogram = kernels.alloc(4 * patternBins);
  kernels.u32(histogram, patternBins).fill(0);
  const channels = task.channels ? allocateChannels(context, part, source.columns) : undefined;

  let moments: CentralMoments = noMoments;
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let [zeros, nan, inf] = [0, 0, 0];
  const sum = double ? kernels.moments64.bind(kernels) : kernels.moments.bind(kernels);

  for (const block of divide(part, segmentElements)) {
    context.checkCancelled();
    const n = block.rows * block.columns;
    if (byPattern) {
      reader.readRaw(source, block, raw);
      kernels.decode(source.dtype, raw, values, n);
      kernels.histogramU16(raw, n, histogram);
    } else if (double) {
      reader.readRaw(source, block, values);
      kernels.histogramF64(values, n, histogram);
    } else {
      reader.read(source, block, values);
      kernels.histogramF32(values, n, histogram);
    }
    // Sums around a value near the mean lose no digits; the first segment's own mean gives it.
    let shift = moments.mean;
    if (moments.n === 0) {
      const probe = sum(values, Math.min(n, probeElements), 0);
      shift = probe.finite === 0 ? 0 : probe.s1 / probe.finite;
    }
    const sums = sum(values, n, shift);
    moments = mergeMoments(moments, centralMoments(sums, shift));
    min = Math.min(min, sums.min);
    max = Math.max(max, sums.max);
    zeros += sums.zeros;
    nan += sums.nan;
    inf += sums.inf;
    if (channels) foldChannels(context, source, block, part, values, channels);
  }

  return {
    kind,
    moments,
    min,
    max,
    zeros,
    nan,
    inf,
    histogram: new Float64Array(kernels.u32(histogram, patternBins)),
    ...(channels
      ? {
          channels: {
            columns: source.columns,
            firstRow: part.row,
            rowMax: kernels.f32(channels.rowMax, part.rows).slice(),
            rowSumSq: kernels.f64(channels.rowSumSq, part.rows).slice(),
            columnMax: kernels.f32(channels.columnMax, source.columns).slice(),
            columnSumSq: kernels.f64(channels.columnSumSq, source.columns).slice(),
          },
        }
      : {}),
  };
}

/** Enough values to tell where a tensor's mean lies. */
const probeElements = 4096;

interface ChannelPointers {
  readonly rowMax: number;
  readonly rowSumSq: number;
  readonly columnMax: number;
  readonly columnSumSq: number;
}

function allocateChannels({ kernels }: WorkerContext, part: Block, columns: number): ChannelPointers {
  const zeroed = (bytes: number) => {
    const pointer = kernels.alloc(bytes);
    kernels.u8(pointer, bytes).fill(0);
    return pointer;
  };
  return {
    rowMax: zeroed(4 * part.rows),
    rowSumSq: zeroed(8 * part.rows),
    columnMax: zeroed(4 * columns),
    columnSumSq: zeroed(8 * columns),
  };
}

function foldChannels(
  { kernels }: WorkerContext,
  source: TensorSource,
  block: Block,
  part: Block,
  values: number,
  channels: ChannelPointers,
): void {
  const row = block.row - part.row;
  const fold = isDouble(source) ? kernels.channels64.bind(kernels) : kernels.channels.bind(kernels);
  fold(
    values,
    block.rows * block.columns,
    block.column,
    source.columns,
    channels.rowMax + 4 * row,
    channels.columnMax,
    channels.rowSumSq + 8 * row,
    channels.columnSumSq,
  );
}

export function runCount(context: WorkerContext, task: Omit<CountTask, 'kind'>): SigmaCounts {
  const { kernels, reader } = context;
  const { source, part, thresholds } = task;
  const double = isDouble(source);
  const values = kernels.alloc((double ? 8 : 4) * Math.min(segmentElements, part.rows * part.columns));
  let [sigma3, sigma6] = [0, 0];
  for (const block of divide(part, segmentElements)) {
    context.checkCancelled();
    if (double) reader.readRaw(source, block, values);
    else reader.read(source, block, values);
    const count = double ? kernels.countBeyond64 : kernels.countBeyond;
    const found = count.call(
      kernels,
      values,
      block.rows * block.columns,
      thresholds.mean,
      thresholds.sigma3,
      thresholds.sigma6,
    );
    sigma3 += found.sigma3;
    sigma6 += found.sigma6;
  }
  return { sigma3, sigma6 };
}
