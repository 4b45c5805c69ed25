/**
 * Conversions between float32 and the 16-bit float types, as bit patterns, rounding to nearest with
 * ties to even (IEEE 754-2019, 4.3.1). Patterns rather than numbers, so that NaN payloads survive.
 */

export type FloatDtype = 'F32' | 'BF16' | 'F16';

const wordBits = new Uint32Array(1);
const wordValue = new Float32Array(wordBits.buffer);

/** The float32 with the given bit pattern. */
export function f32FromBits(bits: number): number {
  wordBits[0] = bits;
  return wordValue[0]!;
}

/** The bit pattern of a number rounded to float32. */
export function f32ToBits(value: number): number {
  wordValue[0] = value;
  return wordBits[0]!;
}

/** bfloat16 is the upper half of a float32: 1 sign, 8 exponent, 7 fraction bits. */
export function bf16ToF32Bits(half: number): number {
  return (half << 16) >>> 0;
}

/** Rounds a float32 pattern to bfloat16. A NaN stays one: its upper half with the quiet bit set, as in ggml. */
export function f32BitsToBf16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** binary16 (1 sign, 5 exponent, 10 fraction bits) to float32; exact for every pattern. */
export function f16ToF32Bits(half: number): number {
  const sign = ((half & 0x8000) << 16) >>> 0;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return (sign | f32ToBits(fraction * 2 ** -24)) >>> 0;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
}

/** Rounds a float32 pattern to binary16; subnormals are kept, 65520 and above become infinity. */
export function f32BitsToF16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Below 2^-14 the result counts units of 2^-24. Adding 0.5 makes float32 round to just that unit.
    return sign | (f32ToBits(f32FromBits(magnitude) + 0.5) - 0x3f000000);
  }
  const rebased = magnitude - 0x38000000;
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}

/** Value of a binary16 pattern. */
export function f16ToNumber(half: number): number {
  return f32FromBits(f16ToF32Bits(half));
}

/** Value of a bfloat16 pattern. */
export function bf16ToNumber(half: number): number {
  return f32FromBits(bf16ToF32Bits(half));
}

/** Half of the value of an E8M0 scale, 2^(code - 128), as MXFP4 applies it; 255 is 2^127 and no NaN, as in ggml. */
export function e8m0HalfValue(code: number): number {
  return 2 ** (code - 128);
}

/** Half of an unsigned E4M3 scale as NVFP4 applies it (ggml-impl.h, ggml_ue4m3_to_fp32): 0x7f is 0, the top bit unused. */
export function ue4m3HalfValue(code: number): number {
  if (code === 0x7f) return 0;
  const exponent = (code >> 3) & 15;
  const fraction = code & 7;
  return exponent === 0 ? fraction * 2 ** -10 : (8 + fraction) * 2 ** (exponent - 11);
}

/** Rounds to float32 first and then to the type, as a cast in PyTorch does; may give infinity. */
export function roundToDtype(value: number, dtype: FloatDtype): number {
  const bits = f32ToBits(value);
  if (dtype === 'BF16') return bf16ToNumber(f32BitsToBf16(bits));
  if (dtype === 'F16') return f16ToNumber(f32BitsToF16(bits));
  return f32FromBits(bits);
}

/** The next larger value of a type after `value`, which must be one of its values, finite and not negative. */
export function nextLarger(value: number, dtype: FloatDtype): number {
  const bits = f32ToBits(value);
  if (dtype === 'BF16') return bf16ToNumber(f32BitsToBf16(bits) + 1);
  if (dtype === 'F16') return f16ToNumber(f32BitsToF16(bits) + 1);
  return f32FromBits(bits + 1);
}

/**
 * Rounds to the nearest integer, ties to even, in float32 steps: adding 1.5 * 2^23 leaves no fraction
 * bits, subtracting it restores the integer. Valid for |value| <= 2^21, so larger values are clamped
 * to that first. The kernels and the ONNX graphs do the same, which is what makes codes equal everywhere.
 */
export function roundHalfEven(value: number): number {
  const clamped = Math.min(Math.max(Math.fround(value), -roundingLimit), roundingLimit);
  return Math.fround(Math.fround(clamped + roundingMagic) - roundingMagic);
}

/** 1.5 * 2^23. */
export const roundingMagic = 12582912;
/** 2^21. */
export const roundingLimit = 2097152;
