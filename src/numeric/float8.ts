/** Rounding float32 to the 8-bit float types, to nearest with ties to even, as PyTorch's casts do. */
import { f32FromBits } from './floats';

interface Float8Rounding {
  readonly fractionBits: number;
  readonly bias: number;
  /** The largest finite code without its sign. */
  readonly largest: number;
  /** What lies beyond the largest, and NaN. */
  readonly beyond: number;
  readonly nan: number;
}

/**
 * OFP8 1.0, 5.2. PyTorch does not saturate (c10/util/Float8_e4m3fn.h, Float8_e5m2.h): E4M3 has no infinity, so what rounds
 * beyond 448, infinity among it, becomes NaN; E5M2 becomes infinity.
 */
const roundings: Readonly<Record<'F8_E4M3' | 'F8_E5M2', Float8Rounding>> = {
  F8_E4M3: { fractionBits: 3, bias: 7, largest: 0x7e, beyond: 0x7f, nan: 0x7f },
  F8_E5M2: { fractionBits: 2, bias: 15, largest: 0x7b, beyond: 0x7c, nan: 0x7f },
};

/** The 8-bit code of a float32 bit pattern. */
export function f32BitsToF8(bits: number, dtype: 'F8_E4M3' | 'F8_E5M2'): number {
  const { fractionBits, bias, largest, beyond, nan } = roundings[dtype];
  const sign = (bits >>> 24) & 0x80;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | nan;
  if (magnitude === 0x7f800000) return sign | beyond;
  const exponent = Math.max((magnitude >>> 23) - 127, 1 - bias);
  // In units of the last place, which float64 holds exactly.
  const units = f32FromBits(magnitude) * 2 ** (fractionBits - exponent);
  let rounded = Math.floor(units);
  const rest = units - rounded;
  if (rest > 0.5 || (rest === 0.5 && rounded % 2 === 1)) rounded++;
  // A subnormal's exponent field is 0, and rounding up carries into the exponent by itself.
  const code = (exponent + bias - 1) * 2 ** fractionBits + rounded;
  return sign | (code > largest ? beyond : code);
}
