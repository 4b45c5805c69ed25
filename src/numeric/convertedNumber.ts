/** A number as it would be in other float types. */
import { f32BitsToF8 } from './float8';
import { f32BitsToBf16, f32BitsToF16, f32ToBits } from './floats';
import { type FloatLayout, numberLayouts } from './numberLayout';
import { type NumberPicture, numberPicture } from './numberPicture';

/** Types that an element is shown in. */
const convertedDtypes = ['F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'] as const;
export type ConvertedDtype = (typeof convertedDtypes)[number];

/** The element in another type: rounded to nearest, ties to even, as PyTorch's `to` does it. */
export interface ConvertedNumber extends NumberPicture {
  readonly dtype: ConvertedDtype;
  readonly value: number;
  /** value - original, in float64; NaN where only one of them is finite, 0 where both are the same infinity or NaN. */
  readonly error: number;
}

/**
 * The float32 pattern of a value: of a float64 rounded; of a NaN whose float32 pattern is known that pattern, so that its
 * payload survives.
 */
function f32Bits(value: number, exact: bigint | undefined): number {
  if (exact === undefined || Number.isSafeInteger(value)) return f32ToBits(value);
  // A whole number beyond 2^53 must not be rounded twice: to odd first, which no tie survives.
  const magnitude = exact < 0n ? -exact : exact;
  const shift = BigInt(magnitude.toString(2).length - 53);
  const cut = magnitude >> shift;
  const odd = cut << shift === magnitude ? cut : cut | 1n;
  return f32ToBits(Number(odd << shift) * (exact < 0n ? -1 : 1));
}

/** All of `convertedDtypes`; `exact` is the value of a 64-bit integer. */
export function convertedNumbers(value: number, exact?: bigint): readonly ConvertedNumber[] {
  const bits = f32Bits(value, exact);
  const patterns: Record<ConvertedDtype, number> = {
    F32: bits,
    F16: f32BitsToF16(bits),
    BF16: f32BitsToBf16(bits),
    F8_E4M3: f32BitsToF8(bits, 'F8_E4M3'),
    F8_E5M2: f32BitsToF8(bits, 'F8_E5M2'),
  };
  return convertedDtypes.map((dtype) => {
    const picture = numberPicture(numberLayouts.get(dtype) as FloatLayout, BigInt(patterns[dtype]));
    const converted = Number(picture.decimal);
    const error = Object.is(converted, value) ? 0 : converted - value;
    return { ...picture, dtype, value: converted, error };
  });
}

/** The exact decimal text and shortest form of a float32, which decoded values of block types are. */
export const float32Picture = (value: number): NumberPicture =>
  numberPicture(numberLayouts.get('F32')!, BigInt(f32ToBits(value)));

/** The shortest decimal number that rounds to a float32, as a text. */
export const float32Text = (value: number): string => float32Picture(value).shortest;
