/** Decoders of plain types. Sources may lie at any address; SIMD loads need no alignment. */

import { f16Lanes, storeScaled } from './lanes';

export function decodeF32(src: usize, dst: usize, elements: i32): void {
  memory.copy(dst, src, (<usize>elements) << 2);
}

export function decodeF16(src: usize, dst: usize, elements: i32): void {
  let i = 0;
  for (; i + 8 <= elements; i += 8) {
    const halves = v128.load(src);
    v128.store(dst, f16Lanes(i32x4.extend_low_i16x8_u(halves)));
    v128.store(dst, f16Lanes(i32x4.extend_high_i16x8_u(halves)), 16);
    src += 16;
    dst += 32;
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
  for (let i = 0; i < elements; i++) {
    store<f32>(dst, <f32>load<u16>(src));
    src += 2;
    dst += 4;
  }
}

/** Types of one byte: float32 values by code at `table`. */
export function decodeByTable(src: usize, dst: usize, elements: i32, table: usize): void {
  for (let i = 0; i < elements; i++) {
    store<f32>(dst, load<f32>(table + ((<usize>load<u8>(src)) << 2)));
    src += 1;
    dst += 4;
  }
}

/** E2M1, one in the low four bits of its lane: sign, two exponent bits of bias 1, one fraction bit. */
function storeFp4(dst: usize, code: u32): void {
  const magnitude = code & 7;
  // 1 is the only subnormal but 0; moving the bias from 1 to 127 adds 126.
  const normal = (((magnitude >> 1) + 126) << 23) | ((magnitude & 1) << 22);
  const bits = magnitude > 1 ? normal : magnitude * 0x3f000000;
  store<u32>(dst, bits | ((code & 8) << 28));
}

export function decodeF4(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 2 <= elements; i += 2) {
    const pair = <u32>load<u8>(src);
    storeFp4(dst, pair & 15);
    storeFp4(dst + 4, pair >> 4);
    src += 1;
    dst += 8;
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
