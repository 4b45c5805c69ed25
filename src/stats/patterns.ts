import { bf16ToNumber, f16ToNumber } from '../numeric/floats';

/** Bins of the working histogram: one for each 16-bit pattern. */
export const patternBins = 65536;

/**
 * What a pattern stands for. `f16`: a binary16. `bf16`: a bfloat16. `int`: a small integer, binned as the
 * bfloat16 that equals it. `f32`: every float32 that begins with these 16 bits. All but the last are exact.
 */
export type HistogramKind = 'f16' | 'bf16' | 'int' | 'f32';

/** How the values of a type are binned. */
export function histogramKindOf(dtype: string): HistogramKind {
  if (dtype === 'F16') return 'f16';
  if (dtype === 'BF16') return 'bf16';
  if (dtype === 'I8' || dtype === 'U8') return 'int';
  return 'f32';
}

/** The value of a pattern; for `f32` the one of smallest magnitude. NaN and infinity as they are. */
export function patternValue(pattern: number, kind: HistogramKind): number {
  return kind === 'f16' ? f16ToNumber(pattern) : bf16ToNumber(pattern);
}

/** Lower and upper end of what a pattern covers on the number line. */
export interface PatternCell {
  readonly low: number;
  readonly high: number;
}

/** An `f32` pattern covers its float32 values; an exact one half of the way to either neighbour. */
export function patternCell(pattern: number, kind: HistogramKind): PatternCell {
  const value = patternValue(pattern, kind);
  if (kind === 'int') return { low: value - 0.5, high: value + 0.5 };
  const magnitude = pattern & 0x7fff;
  const near = Math.abs(value);
  const above = Math.min(Math.abs(patternValue(magnitude + 1, kind)), largestFinite(kind));
  if (kind === 'f32')
    return pattern === magnitude ? { low: near, high: above } : { low: -above, high: -near };
  const half = (above - near) / 2;
  const below = magnitude === 0 ? near - half : (near + patternValue(magnitude - 1, kind)) / 2;
  const upper = near + half;
  return pattern === magnitude ? { low: below, high: upper } : { low: -upper, high: -below };
}

/** Whether a pattern is a NaN or an infinity. */
export function isFinitePattern(pattern: number, kind: HistogramKind): boolean {
  return (pattern & 0x7fff) < (kind === 'f16' ? 0x7c00 : 0x7f80);
}

/** Calls back for every finite pattern that was counted, from the smallest value to the largest. */
export function forEachPattern(
  histogram: Float64Array,
  kind: HistogramKind,
  visit: (pattern: number, count: number) => void,
): void {
  const last = kind === 'f16' ? 0x7bff : 0x7f7f;
  for (let magnitude = last; magnitude >= 0; magnitude--) {
    const count = histogram[0x8000 | magnitude]!;
    if (count > 0) visit(0x8000 | magnitude, count);
  }
  for (let magnitude = 0; magnitude <= last; magnitude++) {
    const count = histogram[magnitude]!;
    if (count > 0) visit(magnitude, count);
  }
}

function largestFinite(kind: HistogramKind): number {
  return kind === 'f16' ? 65504 : 3.4028234663852886e38;
}
