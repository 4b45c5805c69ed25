/** How sure the signal-to-noise ratio of a sample is. */

/** Energies of one band of a sample. */
export interface BandEnergy {
  /** Sum of squared errors. */
  readonly error: number;
  /** Sum of squared originals. */
  readonly signal: number;
}

/** Student's t for 97.5 % by degrees of freedom, from 1 on: Abramowitz and Stegun, table 26.10. */
const quantiles = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];
/** For 40, 60 and more; rounded up in between. */
const quantileOf = (freedom: number): number =>
  quantiles[freedom - 1] ?? (freedom < 40 ? 2.042 : freedom < 60 ? 2.021 : 2);

/**
 * A 95 % interval, in dB, of 10 log10(sum x^2 / sum e^2) of the whole tensor, from bands that were drawn with equal chance.
 * The noise share r = sum e / sum s is a ratio estimator (Cochran 1977, Sampling Techniques, section 6.4): with
 * d = e - r s of each of k bands its variance is about (1 - f) k / (k - 1) sum d^2 / (sum s)^2, f being the share of the tensor
 * that was drawn; r +- t sd(r) becomes dB by the slope of the logarithm, 10 / ln 10. For k stands the number of
 * bands that count as much as these do, (sum s)^2 / sum s^2 (Kish 1965, Survey Sampling, section 11.7), also in t's
 * degrees of freedom: a few bands that hold most of the signal make the interval wide. Bands are whole runs of values, so that
 * what goes together within rows does not make it look surer than it is. Drawing one band of each stretch of the tensor,
 * as `sampleBands` does, errs on the wide side. Rows that hold much of the error and are missed by
 * the sample are beyond it. null when there is no error, or fewer than two bands.
 */
export function ratioInterval(
  bands: readonly BandEnergy[],
  drawn: number,
): { readonly low: number; readonly high: number } | null {
  const count = bands.length;
  let [error, signal] = [0, 0];
  for (const band of bands) {
    error += band.error;
    signal += band.signal;
  }
  if (count < 2 || error === 0 || signal === 0) return null;
  const ratio = error / signal;
  let [squares, weights] = [0, 0];
  for (const band of bands) {
    squares += (band.error - ratio * band.signal) ** 2;
    weights += band.signal ** 2;
  }
  const alike = signal ** 2 / weights;
  const freedom = Math.max(1, Math.round(alike) - 1);
  const variance = (1 - drawn) * ((freedom + 1) / freedom) * (squares / signal ** 2);
  const half = ((quantileOf(freedom) * Math.sqrt(variance)) / ratio) * (10 / Math.LN10);
  const center = -10 * Math.log10(ratio);
  return { low: center - half, high: center + half };
}
