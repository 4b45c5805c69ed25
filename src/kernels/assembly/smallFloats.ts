/**
 * Floats of 4, 6 and 8 bits; the layouts are in ../../numeric/tableValues.ts. All their values are bfloat16 numbers, so 16
 * at a time are made as bytes: upper ones and lower ones, then zipped with zeros. A normal number's bfloat16 is its
 * pattern shifted until the fractions meet, plus a constant that moves the exponent's bias. The subnormal ones are
 * looked up. What is left of less than 16 goes through `table`, float32 values by code.
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

/** As `storeHalves`, but NaN where the mask is set. Its lower byte is 0xc0: the quiet bit and the exponent's last one. */
function storeOrNan(dst: usize, upper: v128, lower: v128, nan: v128): void {
  storeHalves(
    dst,
    v128.bitselect(i8x16.splat(0x7f), upper, nan),
    v128.bitselect(i8x16.splat(-64), lower, nan),
  );
}

/** The bytes of `tiny` where the magnitude is below `count`, else those of `normal`. */
function withSubnormals(magnitude: v128, count: i8, tiny: v128, normal: v128): v128 {
  return v128.bitselect(v128.swizzle(tiny, magnitude), normal, i8x16.lt_u(magnitude, i8x16.splat(count)));
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

/** Zeros and the multiples 1 to 7 of 2^-9: upper bytes. */
function e4m3Upper(): v128 {
  return i8x16(0, 0x3b, 0x3b, 0x3b, 0x3c, 0x3c, 0x3c, 0x3c, 0, 0, 0, 0, 0, 0, 0, 0);
}

function e4m3Lower(): v128 {
  return i8x16(0, 0, -128, -64, 0, 32, 64, 96, 0, 0, 0, 0, 0, 0, 0, 0);
}

export function decodeF8_E4M3(src: usize, dst: usize, elements: i32, table: usize): void {
  let i = 0;
  for (; i + 16 <= elements; i += 16) {
    const codes = v128.load(src);
    const magnitude = sevenBits(codes);
    const upper = withSubnormals(magnitude, 8, e4m3Upper(), upperOfThree(magnitude, 0x3c));
    const lower = withSubnormals(magnitude, 8, e4m3Lower(), i8x16.shl(magnitude, 4));
    const nan = i8x16.eq(magnitude, i8x16.splat(0x7f));
    storeOrNan(dst, v128.or(upper, signBits(codes)), lower, nan);
    src += 16;
    dst += 64;
  }
  decodeByTable(src, dst, elements - i, table);
}

export function decodeF8_E4M3FNUZ(src: usize, dst: usize, elements: i32, table: usize): void {
  const eight = i8x16.splat(8);
  let i = 0;
  for (; i + 16 <= elements; i += 16) {
    const codes = v128.load(src);
    const magnitude = sevenBits(codes);
    // Half of E4M3: the exponent's bias is odd, hence the 8, which is half of its last bit's step.
    const moved = i8x16.add(magnitude, eight);
    const tinyUpper = i8x16(0, 0x3a, 0x3b, 0x3b, 0x3b, 0x3b, 0x3b, 0x3b, 0, 0, 0, 0, 0, 0, 0, 0);
    const tinyLower = i8x16(0, -128, 0, 64, -128, -96, -64, -32, 0, 0, 0, 0, 0, 0, 0, 0);
    const upper = withSubnormals(magnitude, 8, tinyUpper, upperOfThree(moved, 0x3b));
    const lower = withSubnormals(magnitude, 8, tinyLower, i8x16.shl(moved, 4));
    const nan = i8x16.eq(codes, i8x16.splat(-128));
    storeOrNan(dst, v128.or(upper, signBits(codes)), lower, nan);
    src += 16;
    dst += 64;
  }
  decodeByTable(src, dst, elements - i, table);
}

export function decodeF8_E5M2(src: usize, dst: usize, elements: i32, table: usize): void {
  let i = 0;
  for (; i + 16 <= elements; i += 16) {
    const codes = v128.load(src);
    const magnitude = sevenBits(codes);
    // Multiples of 2^-16
    const tinyUpper = i8x16(0, 0x37, 0x38, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const tinyLower = i8x16(0, -128, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const upper = withSubnormals(magnitude, 4, tinyUpper, upperOfTwo(magnitude, 0x38));
    const lower = withSubnormals(magnitude, 4, tinyLower, i8x16.shl(magnitude, 5));
    // Infinity is 0x7f80, which the exponent 31 alone does not reach.
    const infinite = i8x16.eq(magnitude, i8x16.splat(0x7c));
    storeOrNan(
      dst,
      v128.or(v128.bitselect(i8x16.splat(0x7f), upper, infinite), signBits(codes)),
      v128.bitselect(i8x16.splat(-128), lower, infinite),
      i8x16.gt_u(magnitude, i8x16.splat(0x7c)),
    );
    src += 16;
    dst += 64;
  }
  decodeByTable(src, dst, elements - i, table);
}

export function decodeF8_E5M2FNUZ(src: usize, dst: usize, elements: i32, table: usize): void {
  const four = i8x16.splat(4);
  let i = 0;
  for (; i + 16 <= elements; i += 16) {
    const codes = v128.load(src);
    const magnitude = sevenBits(codes);
    const moved = i8x16.add(magnitude, four);
    // Multiples of 2^-17
    const tinyUpper = i8x16(0, 0x37, 0x37, 0x37, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const tinyLower = i8x16(0, 0, -128, -64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const upper = withSubnormals(magnitude, 4, tinyUpper, upperOfTwo(moved, 0x37));
    const lower = withSubnormals(magnitude, 4, tinyLower, i8x16.shl(moved, 5));
    const nan = i8x16.eq(codes, i8x16.splat(-128));
    storeOrNan(dst, v128.or(upper, signBits(codes)), lower, nan);
    src += 16;
    dst += 64;
  }
  decodeByTable(src, dst, elements - i, table);
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

export function decodeF6_E2M3(src: usize, dst: usize, elements: i32, table: usize): void {
  let i = 0;
  for (; i + 16 <= elements; i += 16) {
    const codes = sixBitCodes(src);
    const magnitude = v128.and(codes, i8x16.splat(31));
    // Multiples of 1 / 8
    const tinyUpper = i8x16(0, 0x3e, 0x3e, 0x3e, 0x3f, 0x3f, 0x3f, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0);
    const tinyLower = i8x16(0, 0, -128, -64, 0, 32, 64, 96, 0, 0, 0, 0, 0, 0, 0, 0);
    const upper = withSubnormals(magnitude, 8, tinyUpper, upperOfThree(magnitude, 0x3f));
    const lower = withSubnormals(magnitude, 8, tinyLower, i8x16.shl(magnitude, 4));
    storeHalves(dst, v128.or(upper, sixthBits(codes)), lower);
    src += 12;
    dst += 64;
  }
  for (; i + 4 <= elements; i += 4) {
    storeFour(dst, src, table);
    src += 3;
    dst += 16;
  }
}

export function decodeF6_E3M2(src: usize, dst: usize, elements: i32, table: usize): void {
  let i = 0;
  for (; i + 16 <= elements; i += 16) {
    const codes = sixBitCodes(src);
    const magnitude = v128.and(codes, i8x16.splat(31));
    // Multiples of 1 / 16
    const tinyUpper = i8x16(0, 0x3d, 0x3e, 0x3e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const tinyLower = i8x16(0, -128, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const upper = withSubnormals(magnitude, 4, tinyUpper, upperOfTwo(magnitude, 0x3e));
    const lower = withSubnormals(magnitude, 4, tinyLower, i8x16.shl(magnitude, 5));
    storeHalves(dst, v128.or(upper, sixthBits(codes)), lower);
    src += 12;
    dst += 64;
  }
  for (; i + 4 <= elements; i += 4) {
    storeFour(dst, src, table);
    src += 3;
    dst += 16;
  }
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
