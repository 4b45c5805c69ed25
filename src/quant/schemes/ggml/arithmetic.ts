/** The roundings of ggml's quantizers, which decide about bytes: every operation is of float32, and none is fused. */
import { LoupeError } from '../../../errors';
import { f16ToNumber, f32BitsToF16, f32ToBits, roundingMagic } from '../../../numeric/floats';

const word = new Float32Array(1);
const bits = new Int32Array(word.buffer);

/**
 * The nearest integer, ties to even, of a float32 below 2^22 in magnitude: adding 1.5 * 2^23 leaves it in the pattern's
 * low 23 bits. What lies beyond gives what those bits say, as in ggml (ggml-quants.c, nearest_int); NaN gives 0.
 */
export function nearestInt(value: number): number {
  word[0] = value + roundingMagic;
  return (bits[0]! & 0x7fffff) - 0x400000;
}

/** A float32 cut to an integer as x86-64 does: what 32 bits cannot hold, and NaN, becomes the smallest integer. */
export function cut(value: number): number {
  return value > -2147483649 && value < 2147483648 ? Math.trunc(value) : -2147483648;
}

/** To the nearest integer, halves away from zero, before it is cut (C's roundf). */
export function roundAway(value: number): number {
  return value < 0 ? -Math.floor(0.5 - value) : Math.floor(value + 0.5);
}

/** The lowest byte of an integer as a signed number. */
export const signedByte = (value: number): number => (value << 24) >> 24;

export const clamp = (value: number, low: number, high: number): number =>
  value < low ? low : value > high ? high : value;

/**
 * Stores a block's scale or minimum as F16, ties to even, and returns the value that is stored. Throws `refused` where it
 * is beyond the type: the block would decode to infinity or NaN.
 */
export function storeHalf(view: DataView, byteOffset: number, value: number): number {
  const half = f32BitsToF16(f32ToBits(value));
  if ((half & 0x7c00) === 0x7c00) refuseScale();
  view.setUint16(byteOffset, half, true);
  return f16ToNumber(half);
}

/** Throws `refused` for values whose scale F16 cannot hold. */
export function refuseScale(): never {
  throw new LoupeError(
    'refused',
    'Its values are so large that the scale of a block is beyond 65,504, the largest F16 number; choose bf16 or keep the tensor as it is.',
  );
}

/** The value of largest magnitude, the first of equal ones; 0 for none. */
export function extremeOf(x: Float32Array, start: number, end: number): number {
  let extreme = 0;
  let magnitude = 0;
  for (let i = start; i < end; i++) {
    if (Math.abs(x[i]!) > magnitude) {
      extreme = x[i]!;
      magnitude = Math.abs(extreme);
    }
  }
  return extreme;
}

/** Sum of squares in order. */
export function sumOfSquares(x: Float32Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum = Math.fround(sum + Math.fround(x[i]! * x[i]!));
  return sum;
}
