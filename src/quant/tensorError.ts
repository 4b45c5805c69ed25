import type { ErrorSums } from '../kernels/kernels';
import type { TensorError } from './types';

/** Sums of nothing, to start adding from. */
export const noErrorSums: ErrorSums = {
  squaredError: 0,
  absoluteError: 0,
  squaredX: 0,
  productXY: 0,
  squaredY: 0,
  maxAbsError: 0,
};

/** Joins the sums of two chunks. Add chunks in the tensor's order: then the result does not depend on threads. */
export function addErrorSums(a: ErrorSums, b: ErrorSums): ErrorSums {
  return {
    squaredError: a.squaredError + b.squaredError,
    absoluteError: a.absoluteError + b.absoluteError,
    squaredX: a.squaredX + b.squaredX,
    productXY: a.productXY + b.productXY,
    squaredY: a.squaredY + b.squaredY,
    maxAbsError: Math.max(a.maxAbsError, b.maxAbsError),
  };
}

/** The row of a tensor whose error nobody has measured: its figures are not numbers, so that none passes for one. */
export function unmeasuredError(
  about: Pick<TensorError, 'name' | 'from' | 'to' | 'bytes' | 'note'>,
): TensorError {
  const unknown = Number.NaN;
  return {
    ...about,
    ...{ mse: unknown, sqnr: unknown, maxAbs: unknown, cosine: unknown, meanAbs: unknown },
    isUnmeasured: true,
  };
}

/** The figures of an error report from the sums over `elements` values; definitions are at `TensorError`. */
export function tensorError(
  sums: ErrorSums,
  elements: number,
  about: Pick<TensorError, 'name' | 'from' | 'to' | 'bytes' | 'note'>,
): TensorError {
  const energy = Math.sqrt(sums.squaredX * sums.squaredY);
  const bothZero = sums.squaredX === 0 && sums.squaredY === 0;
  const share = elements === 0 ? 0 : 1 / elements;
  return {
    ...about,
    mse: sums.squaredError * share,
    sqnr: sums.squaredError === 0 ? null : 10 * Math.log10(sums.squaredX / sums.squaredError),
    maxAbs: sums.maxAbsError,
    cosine: bothZero ? 1 : energy === 0 ? 0 : Math.min(1, Math.max(-1, sums.productXY / energy)),
    meanAbs: sums.absoluteError * share,
  };
}
