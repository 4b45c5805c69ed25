import { LoupeError } from '../errors';
import { nextLarger, roundToDtype } from '../numeric/floats';
import type { ScaleDtype, SchemeName } from './types';

/** What turns the values of one row (or tensor) into codes and back: x~ = (u - zero) * scale. */
export interface QuantParameters {
  /** As stored: a value of the scale's type. */
  readonly scale: number;
  /** fround(1 / scale), by which values are multiplied; always finite. */
  readonly inverse: number;
  /** The zero point plus 128: codes are kept offset-binary, as unsigned bytes. */
  readonly zero: number;
}

export interface Scheme {
  readonly name: SchemeName;
  /** For menus and reports. */
  readonly label: string;
  readonly bits: 8;
  /** Symmetric schemes store no zero points. */
  readonly symmetric: boolean;
  /** Bounds of the codes, offset-binary. */
  readonly low: number;
  readonly high: number;
  /** Parameters for values in min..max (float32). Throws `non-finite`, and `refused` where the type cannot hold the scale. */
  parameters(min: number, max: number, scaleDtype: ScaleDtype): QuantParameters;
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
export function storedScale(
  extent: number,
  steps: number,
  scaleDtype: ScaleDtype,
): { scale: number; inverse: number } {
  if (!Number.isFinite(extent)) {
    throw new LoupeError('non-finite', 'A tensor with NaN or infinity cannot be quantized.');
  }
  if (extent === 0) return { scale: 1, inverse: 1 };
  let scale = roundToDtype(extent / steps, scaleDtype);
  if (!Number.isFinite(scale)) {
    throw new LoupeError(
      'refused',
      `The scale ${extent / steps} is beyond the largest ${scaleDtype} number; store scales in F32 instead.`,
    );
  }
  if (!Number.isFinite(Math.fround(1 / scale))) {
    scale = nextLarger(roundToDtype(smallestReciprocable, scaleDtype), scaleDtype);
  }
  while (extent * Math.fround(1 / scale) > steps + 0.5) scale = nextLarger(scale, scaleDtype);
  return { scale, inverse: Math.fround(1 / scale) };
}
