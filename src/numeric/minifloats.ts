/**
 * Rounding float32 to floats of 4 and 8 bits: to nearest, ties to even (IEEE 754-2019, 4.3.1).
 * E4M3 and E5M2: OCP 8-bit Floating Point Specification (OFP8) 1.0; E2M1 and E8M0: OCP Microscaling Formats 1.0.
 */
import { f32ToBits } from './floats';

export interface Minifloat {
  readonly fractionBits: number;
  /** Of the smallest normal number. */
  readonly smallestExponent: number;
  /** Code of the largest finite number. */
  readonly largestCode: number;
  /** Bit of the sign. */
  readonly sign: number;
  /** Code that an overflow gives where it does not saturate, and NaN's. */
  readonly overflowCode: number;
  readonly nanCode: number;
  /** Values by code, all exact in float32. */
  readonly values: Float32Array;
}

function minifloat(
  exponentBits: number,
  fractionBits: number,
  specials: Pick<Minifloat, 'largestCode' | 'overflowCode' | 'nanCode'>,
): Minifloat {
  const sign = 2 ** (exponentBits + fractionBits);
  const smallestExponent = 2 - 2 ** (exponentBits - 1);
  const steps = 2 ** fractionBits;
  const values = Float32Array.from({ length: 2 * sign }, (_, code) => {
    const magnitude = code % sign;
    const factor = code < sign ? 1 : -1;
    if (magnitude > specials.largestCode)
      return magnitude === specials.overflowCode && magnitude !== specials.nanCode
        ? factor * Number.POSITIVE_INFINITY
        : Number.NaN;
    const field = Math.floor(magnitude / steps);
    const fraction = field === 0 ? magnitude : steps + (magnitude % steps);
    return factor * fraction * 2 ** (Math.max(field, 1) - 1 + smallestExponent - fractionBits);
  });
  return { fractionBits, smallestExponent, sign, values, ...specials };
}

/** Largest 448; no infinity, NaN where all bits but the sign are set. */
export const e4m3 = minifloat(4, 3, { largestCode: 0x7e, overflowCode: 0x7f, nanCode: 0x7f });
/** Largest 57344; infinity and NaN as in IEEE 754. */
export const e5m2 = minifloat(5, 2, { largestCode: 0x7b, overflowCode: 0x7c, nanCode: 0x7f });
/** 0, 0.5, 1, 1.5, 2, 3, 4, 6; neither infinity nor NaN, so that a NaN has no code and gives 0. */
export const e2m1 = minifloat(2, 1, { largestCode: 7, overflowCode: 7, nanCode: 0 });

/** Powers of two from 2^-160 on: a table is ten times as fast as the operator. */
const powersZero = 160;
const powers = Float64Array.from({ length: 2 * powersZero }, (_, i) => 2 ** (i - powersZero));

/**
 * The code of a float32 value. Values that round beyond the largest number give that number when `saturate` is set
 * (as clamping before the cast does), else the format's infinity or NaN (as PyTorch's cast does).
 */
export function toMinifloat(value: number, format: Minifloat, saturate: boolean): number {
  const bits = f32ToBits(value);
  const magnitudeBits = bits & 0x7fffffff;
  if (magnitudeBits > 0x7f800000) return format.nanCode;
  const sign = bits >>> 31 === 0 ? 0 : format.sign;
  const { fractionBits, smallestExponent, largestCode } = format;
  const exponent = Math.max((magnitudeBits >>> 23) - 127, smallestExponent);
  let code: number;
  if (magnitudeBits >= 0x7f800000) code = largestCode + 1;
  else {
    // Both steps are exact in float64; steps of the last place are counted from the smallest exponent up.
    const steps = Math.abs(value) * powers[fractionBits - exponent + powersZero]!;
    const below = Math.floor(steps);
    const rest = steps - below;
    const rounded = rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
    code = rounded + ((exponent - smallestExponent) << fractionBits);
  }
  if (code > largestCode) code = saturate ? largestCode : format.overflowCode;
  return sign + code;
}

/** floor(log2 x) of a positive float32, subnormals too. */
export function floorLog2(value: number): number {
  const bits = f32ToBits(value);
  const field = bits >>> 23;
  return field > 0 ? field - 127 : 31 - Math.clz32(bits) - 149;
}
