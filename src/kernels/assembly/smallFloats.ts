/**
 * Floats of 4, 6 and 8 bits; the layouts are in ../../numeric/tableValues.ts. All their values are bfloat16 numbers, so 16
 * at a time are made as bytes: upper ones and lower ones, then zipped with zeros. A normal number's bfloat16 is its
 * pattern shifted until the fractions meet, plus a constant that moves the exponent's bias; what that gives for zeros
 * and subnormal numbers is corrected by a table. Infinities, NaN and what is left of less than 16 go through `table`,
 * float32 values by code.
 */
import { highNibbles, lowNibbles } from './lanes';

/** Types of one byte: float32 values by code at `table`. */
export function decodeByTable(src: usize, dst: usize, elements: i32, table: usize): void {
  for (let i = 0; i < elements; i++) {
    store<f32>(dst, load<f32>(table + ((<usize>load<u8>(src)) << 2)));
    src += 1;
    dst += 4;
  }
}

/** Stores 16 bfloat16 numbers, given as their upper and lower bytes, as float32. */
function storeHalves(dst: usize, upper: v128, lower: v128): void {
  const zero = i32x4.splat(0);
  const first = v128.shuffle<u8>(lower, upper, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const second = v128.shuffle<u8>(lower, upper, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  v128.store(dst, v128.shuffle<u16>(zero, first, 0, 8, 1, 9, 2, 10, 3, 11));
  v128.store(dst, v128.shuffle<u16>(zero, first, 4, 12, 5, 13, 6, 14, 7, 15), 16);
  v128.store(dst, v128.shuffle<u16>(zero, second, 0, 8, 1, 9, 2, 10, 3, 11), 32);
  v128.store(dst, v128.shuffle<u16>(zero, second, 4, 12, 5, 13, 6, 14, 7, 15), 48);
}

/** `normal`, but where the magnitude is below 16, xor of what a table says; the other lanes look up 0. */
function corrected(normal: v128, magnitude: v128, correction: v128): v128 {
  return v128.xor(normal, v128.swizzle(correction, magnitude));
}

/** Decodes all but the first `done` values; if lanes of `special` say that infinities or NaN were among them, all. */
function decodeRest(src: usize, dst: usize, done: i32, elements: i32, special: v128, table: usize): void {
  const first = v128.any_true(special) ? 0 : done;
  decodeByTable(src + <usize>first, dst + ((<usize>first) << 2), elements - first, table);
}

/** Magnitudes without a sign. */
function sevenBits(codes: v128): v128 {
  return v128.and(codes, i8x16.splat(0x7f));
}

function signBits(codes: v128): v128 {
  return v128.and(codes, i8x16.splat(-128));
}

/** Upper bytes of a pattern with three fraction bits, whose bfloat16 has four more. */
function upperOfThree(pattern: v128, bias: i8): v128 {
  return i8x16.add(i8x16.shr_u(pattern, 4), i8x16.splat(bias));
}

/** As `upperOfThree` with two fraction bits. */
function upperOfTwo(pattern: v128, bias: i8): v128 {
  return i8x16.add(i8x16.shr_u(pattern, 3), i8x16.splat(bias));
}

export function decodeF8_E4M3(src: usize, dst: usize, elements: i32, table: usize): void {
  // Multiples of 2^-9
  const tinyUpper = i8x16(0, 0x3b, 0x3b, 0x3b, 0x3c, 0x3c, 0x3c, 0x3c, 0, 0, 0, 0, 0, 0, 0, 0);
  const upperNormal = i8x16(0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0, 0, 0, 0, 0, 0, 0, 0);
  const tinyLower = i8x16(0, 0, -128, -64, 0, 32, 64, 96, 0, 0, 0, 0, 0, 0, 0, 0);
  const lowerNormal = i8x16(0, 16, 32, 48, 64, 80, 96, 112, 0, 0, 0, 0, 0, 0, 0, 0);
  const fixUpper = v128.xor(tinyUpper, upperNormal);
  const fixLower = v128.xor(tinyLower, lowerNormal);
  let special = i32x4.splat(0);
  const end = elements & ~15;
  for (let i = 0; i < end; i += 16) {
    const codes = v128.load(src + <usize>i);
    const magnitude = sevenBits(codes);
    special = v128.or(special, i8x16.eq(magnitude, i8x16.splat(0x7f)));
    const upper = corrected(upperOfThree(magnitude, 0x3c), magnitude, fixUpper);
    const lower = corrected(i8x16.shl(codes, 4), magnitude, fixLower);
    storeHalves(dst + ((<usize>i) << 2), v128.or(upper, signBits(codes)), lower);
  }
  decodeRest(src, dst, end, elements, special, table);
}

export function decodeF8_E4M3FNUZ(src: usize, dst: usize, elements: i32, table: usize): void {
  // Multiples of 2^-10
  const tinyUpper = i8x16(0, 0x3a, 0x3b, 0x3b, 0x3b, 0x3b, 0x3b, 0x3b, 0, 0, 0, 0, 0, 0, 0, 0);
  const upperNormal = i8x16(0x3b, 0x3b, 0x3b, 0x3b, 0x3b, 0x3b, 0x3b, 0x3b, 0, 0, 0, 0, 0, 0, 0, 0);
  const tinyLower = i8x16(0, -128, 0, 64, -128, -96, -64, -32, 0, 0, 0, 0, 0, 0, 0, 0);
  const lowerNormal = i8x16(-128, -112, -96, -80, -64, -48, -32, -16, 0, 0, 0, 0, 0, 0, 0, 0);
  const fixUpper = v128.xor(tinyUpper, upperNormal);
  const fixLower = v128.xor(tinyLower, lowerNormal);
  const eight = i8x16.splat(8);
  let special = i32x4.splat(0);
  const end = elements & ~15;
  for (let i = 0; i < end; i += 16) {
    const codes = v128.load(src + <usize>i);
    special = v128.or(special, i8x16.eq(codes, i8x16.splat(-128)));
    const magnitude = sevenBits(codes);
    // Half of E4M3: the bias that is added is odd, hence the 8, half of a step of the exponent.
    const moved = i8x16.add(magnitude, eight);
    const upper = corrected(upperOfThree(moved, 0x3b), magnitude, fixUpper);
    const lower = corrected(i8x16.shl(moved, 4), magnitude, fixLower);
    storeHalves(dst + ((<usize>i) << 2), v128.or(upper, signBits(codes)), lower);
  }
  decodeRest(src, dst, end, elements, special, table);
}

export function decodeF8_E5M2(src: usize, dst: usize, elements: i32, table: usize): void {
  // Multiples of 2^-16
  const tinyUpper = i8x16(0, 0x37, 0x38, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const upperNormal = i8x16(0x38, 0x38, 0x38, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const tinyLower = i8x16(0, -128, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const lowerNormal = i8x16(0, 32, 64, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const fixUpper = v128.xor(tinyUpper, upperNormal);
  const fixLower = v128.xor(tinyLower, lowerNormal);
  let special = i32x4.splat(0);
  const end = elements & ~15;
  for (let i = 0; i < end; i += 16) {
    const codes = v128.load(src + <usize>i);
    const magnitude = sevenBits(codes);
    special = v128.or(special, i8x16.gt_s(magnitude, i8x16.splat(0x7b)));
    const upper = corrected(upperOfTwo(magnitude, 0x38), magnitude, fixUpper);
    const lower = corrected(i8x16.shl(codes, 5), magnitude, fixLower);
    storeHalves(dst + ((<usize>i) << 2), v128.or(upper, signBits(codes)), lower);
  }
  decodeRest(src, dst, end, elements, special, table);
}

export function decodeF8_E5M2FNUZ(src: usize, dst: usize, elements: i32, table: usize): void {
  // Multiples of 2^-17
  const tinyUpper = i8x16(0, 0x37, 0x37, 0x37, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const upperNormal = i8x16(0x37, 0x37, 0x37, 0x37, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const tinyLower = i8x16(0, 0, -128, -64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const lowerNormal = i8x16(-128, -96, -64, -32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const fixUpper = v128.xor(tinyUpper, upperNormal);
  const fixLower = v128.xor(tinyLower, lowerNormal);
  const four = i8x16.splat(4);
  let special = i32x4.splat(0);
  const end = elements & ~15;
  for (let i = 0; i < end; i += 16) {
    const codes = v128.load(src + <usize>i);
    special = v128.or(special, i8x16.eq(codes, i8x16.splat(-128)));
    const magnitude = sevenBits(codes);
    const moved = i8x16.add(magnitude, four);
    const upper = corrected(upperOfTwo(moved, 0x37), magnitude, fixUpper);
    const lower = corrected(i8x16.shl(moved, 5), magnitude, fixLower);
    storeHalves(dst + ((<usize>i) << 2), v128.or(upper, signBits(codes)), lower);
  }
  decodeRest(src, dst, end, elements, special, table);
}

/** Sixteen codes of six bits from 12 bytes: each three bytes hold four, the first in the lowest bits. */
function sixBitCodes(src: usize): v128 {
  const bytes = v128.load32_lane(src, v128.load64_zero(src), 2, 8);
  const words = v128.swizzle(bytes, i8x16(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1));
  const first = v128.and(words, i32x4.splat(0x3f));
  const second = v128.and(i32x4.shl(words, 2), i32x4.splat(0x3f00));
  const third = v128.and(i32x4.shl(words, 4), i32x4.splat(0x3f0000));
  const fourth = v128.and(i32x4.shl(words, 6), i32x4.splat(0x3f000000));
  return v128.or(v128.or(first, second), v128.or(third, fourth));
}

/** Stores the four values of three bytes. */
function storeFour(dst: usize, src: usize, table: usize): void {
  let bits = <u32>load<u16>(src) | ((<u32>load<u8>(src, 2)) << 16);
  for (let i = 0; i < 4; i++) {
    store<f32>(dst, load<f32>(table + ((<usize>(bits & 63)) << 2)));
    bits >>= 6;
    dst += 4;
  }
}

/** The sign of six bits, at the top of the byte. */
function sixthBits(codes: v128): v128 {
  return i8x16.shl(v128.and(codes, i8x16.splat(32)), 2);
}

/** Stores what is left of less than 16 values. */
function decodeLast(src: usize, dst: usize, elements: i32, table: usize): void {
  for (let i = 0; i + 4 <= elements; i += 4) {
    storeFour(dst, src, table);
    src += 3;
    dst += 16;
  }
}

export function decodeF6_E2M3(src: usize, dst: usize, elements: i32, table: usize): void {
  // Multiples of 1 / 8
  const tinyUpper = i8x16(0, 0x3e, 0x3e, 0x3e, 0x3f, 0x3f, 0x3f, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0);
  const upperNormal = i8x16(0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0);
  const tinyLower = i8x16(0, 0, -128, -64, 0, 32, 64, 96, 0, 0, 0, 0, 0, 0, 0, 0);
  const lowerNormal = i8x16(0, 16, 32, 48, 64, 80, 96, 112, 0, 0, 0, 0, 0, 0, 0, 0);
  const fixUpper = v128.xor(tinyUpper, upperNormal);
  const fixLower = v128.xor(tinyLower, lowerNormal);
  let i = 0;
  for (; i + 16 <= elements; i += 16) {
    const codes = sixBitCodes(src);
    const magnitude = v128.and(codes, i8x16.splat(31));
    const upper = corrected(upperOfThree(magnitude, 0x3f), magnitude, fixUpper);
    const lower = corrected(i8x16.shl(magnitude, 4), magnitude, fixLower);
    storeHalves(dst, v128.or(upper, sixthBits(codes)), lower);
    src += 12;
    dst += 64;
  }
  decodeLast(src, dst, elements - i, table);
}

export function decodeF6_E3M2(src: usize, dst: usize, elements: i32, table: usize): void {
  // Multiples of 1 / 16
  const tinyUpper = i8x16(0, 0x3d, 0x3e, 0x3e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const upperNormal = i8x16(0x3e, 0x3e, 0x3e, 0x3e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const tinyLower = i8x16(0, -128, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const lowerNormal = i8x16(0, 32, 64, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const fixUpper = v128.xor(tinyUpper, upperNormal);
  const fixLower = v128.xor(tinyLower, lowerNormal);
  let i = 0;
  for (; i + 16 <= elements; i += 16) {
    const codes = sixBitCodes(src);
    const magnitude = v128.and(codes, i8x16.splat(31));
    const upper = corrected(upperOfTwo(magnitude, 0x3e), magnitude, fixUpper);
    const lower = corrected(i8x16.shl(magnitude, 5), magnitude, fixLower);
    storeHalves(dst, v128.or(upper, sixthBits(codes)), lower);
    src += 12;
    dst += 64;
  }
  decodeLast(src, dst, elements - i, table);
}

/** Stores 16 values of E2M1, one in each byte's low half. */
function storeFp4(dst: usize, codes: v128): void {
  const upper = i8x16(0, 63, 63, 63, 64, 64, 64, 64, -128, -65, -65, -65, -64, -64, -64, -64);
  const lower = i8x16(0, 0, -128, -64, 0, 64, -128, -64, 0, 0, -128, -64, 0, 64, -128, -64);
  storeHalves(dst, v128.swizzle(upper, codes), v128.swizzle(lower, codes));
}

export function decodeF4(src: usize, dst: usize, elements: i32, table: usize): void {
  let i = 0;
  for (; i + 32 <= elements; i += 32) {
    const pairs = v128.load(src);
    const low = lowNibbles(pairs);
    const high = highNibbles(pairs);
    storeFp4(dst, v128.shuffle<u8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    storeFp4(
      dst + 64,
      v128.shuffle<u8>(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
    );
    src += 16;
    dst += 128;
  }
  for (; i + 2 <= elements; i += 2) {
    const pair = <usize>load<u8>(src);
    store<f32>(dst, load<f32>(table + ((pair & 15) << 2)));
    store<f32>(dst, load<f32>(table + ((pair >> 4) << 2)), 4);
    src += 1;
    dst += 8;
  }
}
