import { bf16ToNumber, f16ToNumber } from '../numeric/floats';

/** Bins of the working histogram: one for each 16-bit pattern. */
export const patternBins = 65536;

/**
 * What a pattern stands for. `f16`: a binary16. `bf16`: a bfloat16, which also equals any float of 4, 6 or 8 bits.
 * `int`: a small integer, binned as the bfloat16 that equals it. `f32`: every float32 that begins with these 16 bits. `f64`:
 * every float64 that does, for tensors with values outside float32's normal numbers. All but the last two are exact.
 */
export type HistogramKind = 'f16' | 'bf16' | 'int' | 'f32' | 'f64';

/** Whether a pattern stands for one value. */
export function isExactKind(kind: HistogramKind): boolean {
  return kind !== 'f32' && kind !== 'f64';
}

/** How the values of a type are binned. */
export function histogramKindOf(dtype: string): HistogramKind {
  if (dtype === 'F16') return 'f16';
  if (dtype === 'BF16' || /^F[468](_|$)/.test(dtype)) return 'bf16';
  return /^(BOOL|[IU][248])$/.test(dtype) ? 'int' : 'f32';
}

/** The values of all patterns without a sign, made when they are first asked for. */
const magnitudes = new Map<(pattern: number) => number, Float64Array>();

/** The float64 that begins with a pattern and goes on in zeros. */
function upperF64ToNumber(pattern: number): number {
  return new Float64Array(new BigUint64Array([BigInt(pattern) << 48n]).buffer)[0]!;
}

function magnitudesOf(kind: HistogramKind): Float64Array {
  const toNumber = kind === 'f16' ? f16ToNumber : kind === 'f64' ? upperF64ToNumber : bf16ToNumber;
  let values = magnitudes.get(toNumber);
  if (!values) {
    values = new Float64Array(patternBins / 2);
    for (let pattern = 0; pattern < values.length; pattern++) values[pattern] = toNumber(pattern);
    magnitudes.set(toNumber, values);
  }
  return values;
}

/** The value of a pattern; for `f32` and `f64` the one of smallest magnitude. NaN and infinity as they are. */
export function patternValue(pattern: number, kind: HistogramKind): number {
  const magnitude = magnitudesOf(kind)[pattern & 0x7fff]!;
  return pattern & 0x8000 ? -magnitude : magnitude;
}

/** Lower and upper end of what a pattern covers on the number line. */
export interface PatternCell {
  readonly low: number;
  readonly high: number;
}

/** An `f32` pattern covers its float32 values, an `f64` pattern its float64 values; an exact one half of the way to either neighbour. */
export function patternCell(pattern: number, kind: HistogramKind): PatternCell {
  const value = patternValue(pattern, kind);
  if (kind === 'int') return { low: value - 0.5, high: value + 0.5 };
  const magnitude = pattern & 0x7fff;
  const near = Math.abs(value);
  const above = Math.min(Math.abs(patternValue(magnitude + 1, kind)), largestFinite(kind));
  if (!isExactKind(kind))
    return pattern === magnitude ? { low: near, high: above } : { low: -above, high: -near };
  const half = (above - near) / 2;
  const below = magnitude === 0 ? near - half : (near + patternValue(magnitude - 1, kind)) / 2;
  const upper = near + half;
  return pattern === magnitude ? { low: below, high: upper } : { low: -upper, high: -below };
}

function infinityPatternOf(kind: HistogramKind): number {
  if (kind === 'f64') return 0x7ff0;
  return kind === 'f16' ? 0x7c00 : 0x7f80;
}

/** Whether a pattern is neither a NaN nor an infinity. */
export function isFinitePattern(pattern: number, kind: HistogramKind): boolean {
  return (pattern & 0x7fff) < infinityPatternOf(kind);
}

/** The patterns that occur, ascending, each with its count: what a small tensor needs instead of 65,536 bins. */
export interface SparseCounts {
  readonly patterns: Uint16Array;
  readonly counts: Float64Array;
}

/** Counts by pattern; float64, because a tensor may hold more than 2^32 equal values. */
export type PatternCounts = Float64Array | SparseCounts;

/**
 * The bins of a kernel's histogram that hold something. Its counts stay below 2^31. With `met`, the pattern of every value
 * counted, only those bins are looked at; `met` is used up by it.
 */
export function sparseCounts(histogram: Uint32Array, met?: Uint16Array | undefined): SparseCounts {
  if (met) {
    met.sort();
    let distinct = 0;
    for (let i = 0; i < met.length; i++) if (i === 0 || met[i] !== met[i - 1]) met[distinct++] = met[i]!;
    // Plain loops: of 100,000 tensors of a few values, iterators would take most of the time.
    const patterns = met.slice(0, distinct);
    const counts = new Float64Array(distinct);
    for (let i = 0; i < distinct; i++) counts[i] = histogram[patterns[i]!]!;
    return { patterns, counts };
  }
  // Two bins at a time, as a float64 that is zero when both are: most are.
  const pairs = new Float64Array(histogram.buffer, histogram.byteOffset, patternBins / 2);
  let found = 0;
  for (let pair = 0; pair < pairs.length; pair++) {
    if (pairs[pair] === 0) continue;
    if (histogram[2 * pair] !== 0) room[found++] = 2 * pair;
    if (histogram[2 * pair + 1] !== 0) room[found++] = 2 * pair + 1;
  }
  return countsOf(histogram, room.slice(0, found));
}

/** Where patterns are listed before their number is known. */
const room = new Uint16Array(patternBins);

/** Plain loops: the arrays' own `from` with a function is ten times as slow. */
function countsOf(histogram: Uint32Array | Float64Array, patterns: Uint16Array): SparseCounts {
  const counts = new Float64Array(patterns.length);
  for (let i = 0; i < patterns.length; i++) counts[i] = histogram[patterns[i]!]!;
  return { patterns, counts };
}

/** The bins that hold something, of counts in either form. */
export function sparsePatterns(histogram: PatternCounts): SparseCounts {
  if (!(histogram instanceof Float64Array)) return histogram;
  let found = 0;
  for (let first = 0; first < patternBins; first += 4) {
    // Most bins hold nothing; no count is negative, so that sums cannot cancel.
    if (histogram[first]! + histogram[first + 1]! + histogram[first + 2]! + histogram[first + 3]! === 0)
      continue;
    for (let pattern = first; pattern < first + 4; pattern++)
      if (histogram[pattern] !== 0) room[found++] = pattern;
  }
  return countsOf(histogram, room.slice(0, found));
}

export const noCounts: SparseCounts = { patterns: new Uint16Array(0), counts: new Float64Array(0) };

const countRoom = new Float64Array(patternBins);

/** The counts of two sets of values together, in arrays of their own. */
export function mergeCounts(some: PatternCounts, others: PatternCounts): SparseCounts {
  const [a, b] = [sparsePatterns(some), sparsePatterns(others)];
  if (a.patterns.length === 0) return { patterns: b.patterns.slice(), counts: b.counts.slice() };
  let [i, k, found] = [0, 0, 0];
  // Both ascend. A pattern beyond the last one stands for a list that has come to its end.
  while (i < a.patterns.length || k < b.patterns.length) {
    const left = i < a.patterns.length ? a.patterns[i]! : patternBins;
    const right = k < b.patterns.length ? b.patterns[k]! : patternBins;
    let count = 0;
    if (left <= right) count = a.counts[i++]!;
    if (right <= left) count += b.counts[k++]!;
    room[found] = Math.min(left, right);
    countRoom[found++] = count;
  }
  return { patterns: room.slice(0, found), counts: countRoom.slice(0, found) };
}

/** The finite patterns that were counted, from the smallest value to the largest: -0 comes before 0. */
export interface FiniteCounts {
  /** Of the following arrays, the first `length` places are meant. */
  readonly length: number;
  readonly patterns: Uint16Array;
  /** As `patternValue` gives them. */
  readonly values: Float64Array;
  readonly counts: Float64Array;
  /** The sum of the counts. */
  readonly total: number;
}

/** Arrays of a hundred thousand small tensors would keep the collector busy for longer than their figures take. */
const finiteRoom = {
  patterns: new Uint16Array(patternBins),
  values: new Float64Array(patternBins),
  counts: new Float64Array(patternBins),
};
/** What the arrays hold: each figure of a tensor goes over the same list. */
let listed:
  | { readonly of: SparseCounts; readonly kind: HistogramKind; readonly finite: FiniteCounts }
  | undefined;

/** The list is good until this is called for other counts. */
export function finiteCounts(histogram: PatternCounts, kind: HistogramKind): FiniteCounts {
  if (listed?.of === histogram && listed.kind === kind) return listed.finite;
  const of = sparsePatterns(histogram);
  listed = { of, kind, finite: listFinite(of, kind) };
  return listed.finite;
}

function listFinite({ patterns, counts }: SparseCounts, kind: HistogramKind): FiniteCounts {
  const table = magnitudesOf(kind);
  const last = infinityPatternOf(kind) - 1;
  const room = finiteRoom;
  let [length, total] = [0, 0];
  let positive = patterns.length;
  while (positive > 0 && patterns[positive - 1]! >= 0x8000) positive--;
  // Among negative numbers the larger pattern is the smaller value.
  for (let i = patterns.length - 1; i >= positive; i--) {
    const magnitude = patterns[i]! & 0x7fff;
    if (magnitude > last) continue;
    room.patterns[length] = patterns[i]!;
    room.values[length] = -table[magnitude]!;
    room.counts[length++] = counts[i]!;
    total += counts[i]!;
  }
  for (let i = 0; i < positive && patterns[i]! <= last; i++) {
    room.patterns[length] = patterns[i]!;
    room.values[length] = table[patterns[i]!]!;
    room.counts[length++] = counts[i]!;
    total += counts[i]!;
  }
  return { length, patterns: room.patterns, values: room.values, counts: room.counts, total };
}

/** Calls back for every finite pattern that was counted, from the smallest value to the largest. */
export function forEachPattern(
  histogram: PatternCounts,
  kind: HistogramKind,
  visit: (pattern: number, count: number) => void,
): void {
  const { length, patterns, counts } = finiteCounts(histogram, kind);
  for (let i = 0; i < length; i++) visit(patterns[i]!, counts[i]!);
}

/** Calls back for every pattern that was counted, whatever it stands for, ascending. */
export function forEachCount(
  histogram: PatternCounts,
  visit: (pattern: number, count: number) => void,
): void {
  if (histogram instanceof Float64Array) {
    for (let pattern = 0; pattern < patternBins; pattern++)
      if (histogram[pattern] !== 0) visit(pattern, histogram[pattern]!);
    return;
  }
  for (let i = 0; i < histogram.patterns.length; i++) visit(histogram.patterns[i]!, histogram.counts[i]!);
}

function largestFinite(kind: HistogramKind): number {
  if (kind === 'f64') return Number.MAX_VALUE;
  return kind === 'f16' ? 65504 : 3.4028234663852886e38;
}
