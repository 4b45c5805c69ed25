/** What follows from a tensor's error, in one or two plain sentences. Pure; says only what the figures carry. */
import type {
  DisplayHistogram,
  ErrorDetail,
  Granularity,
  SchemeName,
  TensorError,
} from '../../../src/protocol/engineApi';
import { count, figure, fixed, ordinal } from './figures';
import { isQuantized, meanSqnr } from './metrics';

/** Share of the values that "the bulk" means. */
const bulk = 0.99;
/** Fewer levels than this for the bulk, and the scale is said to follow the outliers. */
const fewLevels = 64;
/** A row or column with so many times the median error stands out. */
export const standsOut = 3;

/**
 * Levels of an 8-bit grid that fall within +-`within`: multiples of step, zero included, at most all of them.
 */
export function levelsWithin(scheme: SchemeName, min: number, max: number, within: number): number {
  const all = scheme === 'int8-absmax' ? 255 : 256;
  const step =
    scheme === 'int8-absmax'
      ? Math.max(Math.abs(min), Math.abs(max)) / 127
      : (Math.max(0, max) - Math.min(0, min)) / 255;
  if (!(step > 0)) return all;
  return Math.min(all, 2 * Math.floor(within / step) + 1);
}

/**
 * Smallest bin edge magnitude m so that at least `share` of the values lie in -m..m, from whole bins: an upper
 * bound of the percentile of |x|. null without values.
 */
export function magnitudeHolding(histogram: DisplayHistogram, share: number): number | null {
  const { min, max, counts } = histogram;
  const bins = counts.length;
  const reach = Array.from(counts, (number, bin) => ({
    number,
    edge: Math.max(
      Math.abs(min + ((max - min) * bin) / bins),
      Math.abs(min + ((max - min) * (bin + 1)) / bins),
    ),
  }));
  reach.sort((one, other) => one.edge - other.edge);
  const total = reach.reduce((sum, { number }) => sum + number, 0);
  if (total === 0) return null;
  let within = 0;
  for (const { number, edge } of reach) {
    within += number;
    if (within >= share * total) return edge;
  }
  return reach.at(-1)!.edge;
}

/** Index and height of an axis's largest error, in medians of the axis; null without a median above 0. */
export function peakOf(
  profile: Float32Array,
): { readonly index: number; readonly timesMedian: number } | null {
  if (profile.length < 3) return null;
  const sorted = Float32Array.from(profile).sort();
  const median = sorted[sorted.length >> 1]!;
  if (!(median > 0)) return null;
  let index = 0;
  for (let i = 1; i < profile.length; i++) if (profile[i]! > profile[index]!) index = i;
  return { index, timesMedian: profile[index]! / median };
}

/** Where the tensor stands among the quantized ones, by SQNR. Empty when it is nothing special. */
export function standing(row: TensorError, rows: readonly TensorError[]): string {
  if (row.isUnmeasured) return '';
  if (row.sqnr === null) return 'The copy is exact.';
  const ranked = rows.filter((other) => isQuantized(other) && !other.isUnmeasured && other.sqnr !== null);
  if (ranked.length < 3) return '';
  const place = ranked.filter((other) => other.sqnr! < row.sqnr!).length + 1;
  const below = meanSqnr(rows)! - row.sqnr;
  const distance = `${fixed(Math.abs(below), 1)} dB ${below >= 0 ? 'below' : 'above'} the mean`;
  if (place === 1) return `The worst of ${count(ranked.length)} tensors, ${distance}.`;
  if (place <= Math.max(3, ranked.length / 10) && below > 1)
    return `${ordinal(place)} worst of ${count(ranked.length)} tensors, ${distance}.`;
  if (place === ranked.length) return `The best of ${count(ranked.length)} tensors, ${distance}.`;
  return '';
}

/** The remark for a tensor. Without details (still on the way) only its standing is known. */
export function remark(
  row: TensorError,
  rows: readonly TensorError[],
  scheme: { readonly scheme: SchemeName; readonly granularity: Granularity },
  detail: ErrorDetail | undefined,
): string {
  const sentences = [standing(row, rows)];
  if (detail && row.sqnr !== null) sentences.push(cause(scheme, detail, /\bpruned\b/.test(row.to)));
  return sentences.filter((sentence) => sentence !== '').join(' ');
}

function cause(
  { scheme, granularity }: { readonly scheme: SchemeName; readonly granularity: Granularity },
  detail: ErrorDetail,
  isPruned: boolean,
): string {
  const { min, max } = detail.original;
  if (granularity === 'tensor' && scheme.startsWith('int8-')) {
    const within = magnitudeHolding(detail.original, bulk);
    const largest = Math.max(Math.abs(min), Math.abs(max));
    const levels = within === null ? Number.POSITIVE_INFINITY : levelsWithin(scheme, min, max, within);
    if (levels < fewLevels)
      return `99 % of the values lie within \u00b1${figure(within!, 2)} and share ${levels} of ${scheme === 'int8-absmax' ? 255 : 256} levels, because the scale must reach ${figure(largest, 3)}; a scale per row keeps the outliers to their rows.`;
  }
  const row = peakOf(detail.rowError);
  const column = peakOf(detail.columnError);
  const worst = (row?.timesMedian ?? 0) >= (column?.timesMedian ?? 0) ? row : column;
  const kind = worst === row ? 'Row' : 'Column';
  if (worst && worst.timesMedian > standsOut) {
    const isOwnScale = granularity === 'row' && kind === 'Row';
    const why = isPruned
      ? ', what was pruned included'
      : isOwnScale
        ? ': its own largest value sets its scale'
        : '';
    return `${kind} ${count(worst.index)} has ${figure(worst.timesMedian, 2)} times the median error${why}.`;
  }
  return `The error is evenly spread: no row or column has more than ${standsOut} times the median.`;
}
