import { LoupeError } from '../errors';
import { nextLarger, roundToDtype } from '../numeric/floats';
import type { ScaleDtype } from './types';

/** A scale as stored, and what values are multiplied by. */
export interface StoredScale {
  /** A value of the scale's type. */
  readonly scale: number;
  /** fround(1 / scale); always finite. */
  readonly inverse: number;
}

/** Below this a float32 reciprocal overflows: 1 / 2^-128 = 2^128. */
const smallestReciprocable = 2 ** -128;

/**
 * The scale that is stored for a wanted one, and its reciprocal. Normally the wanted scale rounded to
 * the type. It is made larger only where rounding would break the codes: where its reciprocal is not
 * finite, or where the largest value would land more than half a step beyond the last code.
 *
 * @param extent what `steps` codes must span: max |x| or max - min
 */
export function storedScale(extent: number, steps: number, scaleDtype: ScaleDtype): StoredScale {
  if (!Number.isFinite(extent)) {
    throw new LoupeError('non-finite', 'A tensor with NaN or infinity cannot be quantized.');
  }
  if (extent === 0) return { scale: 1, inverse: 1 };
  let { scale } = reciprocable(extent / steps, scaleDtype);
  while (extent * Math.fround(1 / scale) > steps + 0.5) scale = nextLarger(scale, scaleDtype);
  return { scale, inverse: Math.fround(1 / scale) };
}

/**
 * The stored scale for a wanted one that may clip values on purpose: rounded to the type, and made larger only
 * where its reciprocal is not finite. Throws `refused` where the type cannot hold it.
 */
export function reciprocable(wanted: number, scaleDtype: ScaleDtype): StoredScale {
  let scale = roundToDtype(wanted, scaleDtype);
  if (!Number.isFinite(scale)) {
    throw new LoupeError(
      'refused',
      `The scale ${wanted} is beyond the largest ${scaleDtype} number; store scales in F32 instead.`,
    );
  }
  if (!Number.isFinite(Math.fround(1 / scale))) {
    scale = nextLarger(roundToDtype(smallestReciprocable, scaleDtype), scaleDtype);
  }
  return { scale, inverse: Math.fround(1 / scale) };
}
