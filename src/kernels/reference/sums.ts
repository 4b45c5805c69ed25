import type { ErrorSums, ShiftedSums, SigmaCounts } from '../kernels';

/** Error sums of pairs, added one after the other in float64. */
export function errorSumsReference(x: Float32Array, y: Float32Array): ErrorSums {
  let [squaredError, absoluteError, squaredX, productXY, squaredY, maxAbsError] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const error = x[i]! - y[i]!;
    squaredError += error * error;
    absoluteError += Math.abs(error);
    squaredX += x[i]! * x[i]!;
    productXY += x[i]! * y[i]!;
    squaredY += y[i]! * y[i]!;
    maxAbsError = Math.max(maxAbsError, Math.abs(error));
  }
  return { squaredError, absoluteError, squaredX, productXY, squaredY, maxAbsError };
}

/**
 * Sums of powers of x - shift over the finite values. With the shift near the mean the later
 * conversion to central moments loses no digits (Chan, Golub, LeVeque 1983, "shifted data").
 */
export function momentsReference(values: Float32Array | Float64Array, shift: number): ShiftedSums {
  let [finite, s1, s2, s3, s4, zeros, nan, inf, posInf, denormals] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (Number.isNaN(value)) nan++;
    else if (!Number.isFinite(value)) {
      inf++;
      if (value > 0) posInf++;
    } else {
      const d = value - shift;
      finite++;
      s1 += d;
      s2 += d * d;
      s3 += d * d * d;
      s4 += d * d * (d * d);
      if (value === 0) zeros++;
      else if (Math.abs(value) < 2 ** -1022) denormals++;
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  return { finite, s1, s2, s3, s4, min: min + 0, max: max + 0, zeros, nan, inf, posInf, denormals };
}

/** Counts of finite |x - mean| above two thresholds. */
export function countBeyondReference(
  values: Float32Array | Float64Array,
  mean: number,
  threshold3: number,
  threshold6: number,
): SigmaCounts {
  let [sigma3, sigma6] = [0, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    const distance = Math.abs(value - mean);
    if (distance > threshold3) sigma3++;
    if (distance > threshold6) sigma6++;
  }
  return { sigma3, sigma6 };
}
