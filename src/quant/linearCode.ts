/** Linear integer codes: how the values between two extremes become b-bit integers and back. */
import { roundHalfEven } from '../numeric/floats';
import { reciprocable, type StoredScale, storedScale } from './storedScale';
import type { IntegerBits, ScaleDtype, SchemeName } from './types';

/** What turns the values of one row (or tensor, column, block) into codes and back: x~ = (u - zero) * scale. */
export interface QuantParameters extends StoredScale {
  /** The zero point plus 2^(bits-1): codes are kept offset-binary, as unsigned bytes. */
  readonly zero: number;
}

export interface LinearCode {
  readonly name: SchemeName;
  readonly bits: IntegerBits;
  /** Symmetric codes need no zero points. */
  readonly symmetric: boolean;
  /** Bounds of the codes, offset-binary. */
  readonly low: number;
  readonly high: number;
  /**
   * Parameters for values in min..max (float32). Throws `non-finite`, and `refused` where the type cannot hold
   * the scale. With `shrink` below 1 the scale is that part of it, so that the outermost values are clipped.
   */
  parameters(min: number, max: number, scaleDtype: ScaleDtype, shrink?: number): QuantParameters;
}

function scaleFor(extent: number, steps: number, scaleDtype: ScaleDtype, shrink: number): StoredScale {
  const scale = storedScale(extent, steps, scaleDtype);
  return shrink === 1 || extent === 0 ? scale : reciprocable((extent * shrink) / steps, scaleDtype);
}

/**
 * Symmetric. The founding formula for 8 bits is scale = 127 / max|x|, q = round(scale * x), x~ = q / scale; what
 * is stored is its reciprocal s = max|x| / 127 in the scale's type, and codes come from s as stored. For b bits
 * 2^(b-1) - 1 takes the place of 127.
 */
export function absmaxCode(bits: IntegerBits): LinearCode {
  const zero = 2 ** (bits - 1);
  const steps = zero - 1;
  return {
    name: `int${bits}-absmax`,
    bits,
    symmetric: true,
    low: 1,
    high: 2 * zero - 1,
    parameters(min, max, scaleDtype, shrink = 1) {
      const absmax = Math.max(Math.abs(min), Math.abs(max));
      return { ...scaleFor(absmax, steps, scaleDtype, shrink), zero };
    },
  };
}

/**
 * Asymmetric. The founding formula for 8 bits is scale = 255 / (max - min), range 0 taken as 1,
 * zp = round(-scale * min - 128), q = clip(round(scale * x + zp), -128, 127), x~ = (q - zp) / scale.
 *
 * The layout keeps the zero point in b bits, so the range is first widened to hold 0, which changes
 * nothing for weights of both signs and puts 0 itself on a code. As zp is an integer, round(scale * x) + zp
 * is taken, which keeps the float32 sum from rounding twice.
 */
export function zeropointCode(bits: IntegerBits): LinearCode {
  const half = 2 ** (bits - 1);
  return {
    name: `int${bits}-zeropoint`,
    bits,
    symmetric: false,
    low: 0,
    high: 2 * half - 1,
    parameters(min, max, scaleDtype, shrink = 1) {
      const low = Math.min(min, 0);
      const { scale, inverse } = scaleFor(Math.max(max, 0) - low, 2 * half - 1, scaleDtype, shrink);
      const zeroPoint = roundHalfEven(Math.fround(-low * shrink * inverse) - half);
      return { scale, inverse, zero: Math.min(Math.max(zeroPoint, -half), half - 1) + half };
    },
  };
}

const bitWidths: readonly IntegerBits[] = [8, 4, 7, 6, 5, 3, 2];

/** All of them, the usual widths first. */
export const linearCodes: readonly LinearCode[] = bitWidths.flatMap((bits) => [
  absmaxCode(bits),
  zeropointCode(bits),
]);

/** The linear code of a scheme's name; undefined for other schemes. */
export function linearCodeNamed(name: SchemeName): LinearCode | undefined {
  return linearCodes.find((code) => code.name === name);
}
