import type { CentralMoments } from './moments';
import { mergeMoments, noMoments } from './moments';
import { type HistogramKind, isExactKind, mergeCounts, noCounts, type PatternCounts } from './patterns';
import { TopValues } from './topValues';
import type { PlacedValue } from './types';
import { widenCounts } from './wideCounts';

/** Figures of the channels of some rows of a matrix, and of all its columns as far as those rows go. */
export interface PartialChannels {
  readonly columns: number;
  /** The row that the row arrays begin with. */
  readonly firstRow: number;
  readonly rowMax: Float32Array;
  readonly rowSumSq: Float64Array;
  readonly columnMax: Float32Array;
  readonly columnSumSq: Float64Array;
  /** How many values of each row and column are NaN or infinite; undefined while there is none. */
  readonly nonFinite?: { readonly rows: Float64Array; readonly columns: Float64Array } | undefined;
}

/**
 * The statistics of a part of a tensor; parts merge in any order, and it can be posted between threads. For the exact kinds of
 * histogram, moments, extremes and counts are not those of the values before `completeStats` has taken them from the bins.
 */
export interface PartialStats {
  readonly kind: HistogramKind;
  /** Over the finite values. */
  readonly moments: CentralMoments;
  /** Infinity and -Infinity when there is no finite value. */
  readonly min: number;
  readonly max: number;
  readonly zeros: number;
  readonly nan: number;
  readonly posInf: number;
  readonly negInf: number;
  /** Denormal float64 values; those of other types follow from the histogram. */
  readonly denormals: number;
  /** The largest magnitudes, see `TensorStats`. */
  readonly top: readonly PlacedValue[];
  readonly histogram: PatternCounts;
  readonly channels?: PartialChannels | undefined;
}

/** The statistics of a whole tensor before they become figures; they need not merge any more. */
export type CountedStats = PartialStats;

/** The statistics of no values. With a matrix shape it has channel arrays for all rows, ready to merge into. */
export function emptyPartialStats(
  kind: HistogramKind,
  matrix?: { readonly rows: number; readonly columns: number },
): PartialStats {
  return {
    kind,
    moments: noMoments,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    zeros: 0,
    nan: 0,
    posInf: 0,
    negInf: 0,
    denormals: 0,
    top: [],
    histogram: noCounts,
    ...(matrix === undefined ? {} : { channels: emptyChannels(0, matrix.rows, matrix.columns) }),
  };
}

/**
 * The statistics of two parts of one tensor together. The channel arrays of `a` are taken over and changed, so `a` is not to
 * be used afterwards; `b` stays as it is. Moments may differ in their last digits with the order of merging: merge in the
 * order of the tensor for repeatable ones.
 */
export function mergeStats(a: PartialStats, b: CountedStats): PartialStats {
  if (a.kind !== b.kind && (isExactKind(a.kind) || isExactKind(b.kind)))
    throw new TypeError(`statistics of ${a.kind} and ${b.kind} do not merge`);
  const kind = a.kind === b.kind ? a.kind : 'f64';
  const histogramOf = (stats: CountedStats) =>
    stats.kind === kind ? stats.histogram : widenCounts(stats.histogram);
  return {
    kind,
    moments: mergeMoments(a.moments, b.moments),
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    zeros: a.zeros + b.zeros,
    nan: a.nan + b.nan,
    posInf: a.posInf + b.posInf,
    negInf: a.negInf + b.negInf,
    denormals: a.denormals + b.denormals,
    top: mergeTop(a.top, b.top),
    histogram: mergeCounts(histogramOf(a), histogramOf(b)),
    channels: mergeChannels(a.channels, b.channels),
  };
}

function mergeTop(a: readonly PlacedValue[], b: readonly PlacedValue[]): readonly PlacedValue[] {
  const merged = new TopValues(a);
  for (const value of b) merged.offer(value);
  return merged.list();
}

function mergeChannels(
  a: PartialChannels | undefined,
  b: PartialChannels | undefined,
): PartialChannels | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.columns !== b.columns) throw new TypeError('channels of different matrices do not merge');
  const target = covering(a, b);
  foldInto(target.rowMax, target.rowSumSq, b.rowMax, b.rowSumSq, b.firstRow - target.firstRow);
  foldInto(target.columnMax, target.columnSumSq, b.columnMax, b.columnSumSq, 0);
  if (b.nonFinite === undefined) return target;
  const counts = target.nonFinite ?? noNonFinite(target);
  addInto(counts.rows, b.nonFinite.rows, b.firstRow - target.firstRow);
  addInto(counts.columns, b.nonFinite.columns, 0);
  return { ...target, nonFinite: counts };
}

/** Room to count the values of channels that are not finite. */
function noNonFinite({
  rowMax,
  columns,
}: Pick<PartialChannels, 'rowMax' | 'columns'>): NonNullable<PartialChannels['nonFinite']> {
  return { rows: new Float64Array(rowMax.length), columns: new Float64Array(columns) };
}

function addInto(target: Float64Array, other: Float64Array, offset: number): void {
  for (let i = 0; i < other.length; i++) target[offset + i]! += other[i]!;
}

/** `a` itself when its rows reach over those of `b`, else a copy that does. */
function covering(a: PartialChannels, b: PartialChannels): PartialChannels {
  const firstRow = Math.min(a.firstRow, b.firstRow);
  const rows = Math.max(a.firstRow + a.rowMax.length, b.firstRow + b.rowMax.length) - firstRow;
  if (firstRow === a.firstRow && rows === a.rowMax.length) return a;
  const wider = emptyChannels(firstRow, rows, 0);
  wider.rowMax.set(a.rowMax, a.firstRow - firstRow);
  wider.rowSumSq.set(a.rowSumSq, a.firstRow - firstRow);
  let { nonFinite } = a;
  if (nonFinite !== undefined) {
    const { rows: old, columns } = nonFinite;
    nonFinite = { rows: new Float64Array(rows), columns };
    nonFinite.rows.set(old, a.firstRow - firstRow);
  }
  return { ...a, firstRow, rowMax: wider.rowMax, rowSumSq: wider.rowSumSq, nonFinite };
}

function foldInto(
  max: Float32Array,
  sumSq: Float64Array,
  otherMax: Float32Array,
  otherSumSq: Float64Array,
  offset: number,
): void {
  // Magnitudes are finite and never -0; `Math.max`, which asks for both, takes several times as long.
  for (let i = 0; i < otherMax.length; i++) {
    const magnitude = otherMax[i]!;
    if (magnitude > max[offset + i]!) max[offset + i] = magnitude;
  }
  addInto(sumSq, otherSumSq, offset);
}

function emptyChannels(firstRow: number, rows: number, columns: number): PartialChannels {
  return {
    columns,
    firstRow,
    rowMax: new Float32Array(rows),
    rowSumSq: new Float64Array(rows),
    columnMax: new Float32Array(columns),
    columnSumSq: new Float64Array(columns),
  };
}
