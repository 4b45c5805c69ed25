/** Decoders of plain types. Sources may lie at any address; SIMD loads need no alignment. */

import { f16Lanes, storeScaled } from './lanes';

export function decodeF32(src: usize, dst: usize, elements: i32): void {
  memory.copy(dst, src, (<usize>elements) << 2);
}

/** Stores eight binary16 numbers as float32. */
function storeHalves(dst: usize, halves: v128): void {
  v128.store(dst, f16Lanes(i32x4.extend_low_i16x8_u(halves)));
  v128.store(dst, f16Lanes(i32x4.extend_high_i16x8_u(halves)), 16);
}

/** As `storeHalves` for normal numbers: moving the exponent's bias from 15 to 127 adds 112 << 7 to the upper half. */
function storeNormal(dst: usize, halves: v128, magnitude: v128): void {
  const upper = i16x8.add(i16x8.shr_u(magnitude, 3), i16x8.splat(0x3800));
  const signed = v128.or(upper, v128.xor(halves, magnitude));
  const lower = i16x8.shl(halves, 13);
  v128.store(dst, v128.shuffle<u16>(lower, signed, 0, 8, 1, 9, 2, 10, 3, 11));
  v128.store(dst, v128.shuffle<u16>(lower, signed, 4, 12, 5, 13, 6, 14, 7, 15), 16);
}

/** Set in lanes of zeros, subnormal numbers, infinities and NaN: all but exponents 1 to 30, by one signed comparison. */
function unusual(magnitude: v128): v128 {
  return i16x8.gt_s(i16x8.add(magnitude, i16x8.splat(0x7c00)), i16x8.splat(-0x801));
}

export function decodeF16(src: usize, dst: usize, elements: i32): void {
  const magnitudeMask = i16x8.splat(0x7fff);
  let i = 0;
  for (; i + 16 <= elements; i += 16) {
    const first = v128.load(src);
    const second = v128.load(src, 16);
    const firstMagnitude = v128.and(first, magnitudeMask);
    const secondMagnitude = v128.and(second, magnitudeMask);
    if (v128.any_true(v128.or(unusual(firstMagnitude), unusual(secondMagnitude)))) {
      storeHalves(dst, first);
      storeHalves(dst + 32, second);
    } else {
      storeNormal(dst, first, firstMagnitude);
      storeNormal(dst + 32, second, secondMagnitude);
    }
    src += 32;
    dst += 64;
  }
  for (; i < elements; i++) {
    v128.store_lane<u32>(dst, f16Lanes(i32x4.splat(load<u16>(src))), 0);
    src += 2;
    dst += 4;
  }
}

export function decodeBF16(src: usize, dst: usize, elements: i32): void {
  const zero = i32x4.splat(0);
  let i = 0;
  for (; i + 16 <= elements; i += 16) {
    const first = v128.load(src);
    const second = v128.load(src, 16);
    v128.store(dst, v128.shuffle<u16>(zero, first, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(dst, v128.shuffle<u16>(zero, first, 4, 12, 5, 13, 6, 14, 7, 15), 16);
    v128.store(dst, v128.shuffle<u16>(zero, second, 0, 8, 1, 9, 2, 10, 3, 11), 32);
    v128.store(dst, v128.shuffle<u16>(zero, second, 4, 12, 5, 13, 6, 14, 7, 15), 48);
    src += 32;
    dst += 64;
  }
  for (; i < elements; i++) {
    store<u32>(dst, (<u32>load<u16>(src)) << 16);
    src += 2;
    dst += 4;
  }
}

export function decodeI8(src: usize, dst: usize, elements: i32): void {
  const one = f32x4.splat(1);
  let i = 0;
  for (; i + 8 <= elements; i += 8) {
    storeScaled(dst, v128.load_ext<i8>(src), one);
    src += 8;
    dst += 32;
  }
  for (; i < elements; i++) {
    store<f32>(dst, <f32>load<i8>(src));
    src += 1;
    dst += 4;
  }
}

export function decodeU8(src: usize, dst: usize, elements: i32): void {
  const one = f32x4.splat(1);
  let i = 0;
  for (; i + 8 <= elements; i += 8) {
    storeScaled(dst, v128.load_ext<u8>(src), one);
    src += 8;
    dst += 32;
  }
  for (; i < elements; i++) {
    store<f32>(dst, <f32>load<u8>(src));
    src += 1;
    dst += 4;
  }
}

export function decodeI16(src: usize, dst: usize, elements: i32): void {
  const one = f32x4.splat(1);
  let i = 0;
  for (; i + 8 <= elements; i += 8) {
    storeScaled(dst, v128.load(src), one);
    src += 16;
    dst += 32;
  }
  for (; i < elements; i++) {
    store<f32>(dst, <f32>load<i16>(src));
    src += 2;
    dst += 4;
  }
}

export function decodeU16(src: usize, dst: usize, elements: i32): void {
  let i = 0;
  for (; i + 8 <= elements; i += 8) {
    const lanes = v128.load(src);
    v128.store(dst, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(lanes)));
    v128.store(dst, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(lanes)), 16);
    src += 16;
    dst += 32;
  }
  for (; i < elements; i++) {
    store<f32>(dst, <f32>load<u16>(src));
    src += 2;
    dst += 4;
  }
}

/** Integers that float32 cannot hold, to float64. */
export function decodeWideI32(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i < elements; i++) {
    store<f64>(dst, <f64>load<i32>(src));
    src += 4;
    dst += 8;
  }
}

export function decodeWideU32(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i < elements; i++) {
    store<f64>(dst, <f64>load<u32>(src));
    src += 4;
    dst += 8;
  }
}

export function decodeWideI64(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i < elements; i++) {
    store<f64>(dst, <f64>load<i64>(src));
    src += 8;
    dst += 8;
  }
}

export function decodeWideU64(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i < elements; i++) {
    store<f64>(dst, <f64>load<u64>(src));
    src += 8;
    dst += 8;
  }
}
