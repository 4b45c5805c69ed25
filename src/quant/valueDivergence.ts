/** How far the distribution of dequantized values is from that of the originals: a divergence of two histograms. */

/** Bins of equal width over [min, max); the first and the last also take what lies beyond. */
export interface DivergenceBins {
  readonly min: number;
  readonly max: number;
  readonly bins: number;
}

/** Half a bin is 1/32 sigma: about the step of INT8 for normal values, so that 8 bits lie near 0 and 4 bits far off. */
export const divergenceBinCount = 128;
const sigmasEachSide = 4;

/**
 * Bins around the mean of the originals as far as 4 standard deviations. Bins between the extremes would be as wide
 * as an outlier wants them, and would hide that all other values have become 0.
 */
export function divergenceBins(mean: number, sigma: number): DivergenceBins {
  const reach = sigmasEachSide * (sigma > 0 ? sigma : Math.abs(mean) || 1);
  return { min: mean - reach, max: mean + reach, bins: divergenceBinCount };
}

/** Share of the uniform distribution that both histograms are mixed with. */
export const smoothing = 2 ** -10;

/**
 * KL(P || Q) = sum p log2(p / q) in bits (Kullback and Leibler 1951, On Information and Sufficiency), P the originals' and
 * Q the dequantized values' histogram over the same bins: what is lost when Q stands for P, the direction in which TensorRT
 * compares a quantized distribution with its reference (Migacz 2017, 8-bit Inference with TensorRT). An empty bin of Q
 * would make it infinite, so both are mixed with the uniform distribution, p = (1 - a) count / n + a / bins
 * with a = 2^-10 (Jelinek and Mercer 1980). Unlike adding a constant to counts, this does not depend on n, so
 * that samples and whole tensors compare. 0 when both are equal or empty.
 */
export function valueDivergence(original: ArrayLike<number>, dequantized: ArrayLike<number>): number {
  const bins = original.length;
  let [n, m] = [0, 0];
  for (let i = 0; i < bins; i++) {
    n += original[i]!;
    m += dequantized[i]!;
  }
  if (n === 0 || m === 0) return 0;
  let sum = 0;
  for (let i = 0; i < bins; i++) {
    const p = ((1 - smoothing) * original[i]!) / n + smoothing / bins;
    const q = ((1 - smoothing) * dequantized[i]!) / m + smoothing / bins;
    sum += p * Math.log2(p / q);
  }
  // Rounding may leave a sum of equal terms a hair below 0.
  return Math.max(0, sum);
}
