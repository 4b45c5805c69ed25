/** Decoders to float32. Sources may lie at any address; SIMD loads need no alignment. */

/** Four binary16 patterns, one in each 32-bit lane, to float32. Uses no subnormal operands, which are slow. */
function f16Lanes(half: v128): v128 {
  const magnitude = v128.and(half, i32x4.splat(0x7fff));
  const sign = i32x4.shl(v128.and(half, i32x4.splat(0x8000)), 16);
  const special = v128.and(i32x4.gt_s(magnitude, i32x4.splat(0x7bff)), i32x4.splat(0x38000000));
  // Moving the exponent's bias from 15 to 127 adds 112 << 23; infinity and NaN need that twice.
  const rebased = i32x4.add(i32x4.add(i32x4.shl(magnitude, 13), i32x4.splat(0x38000000)), special);
  // A subnormal of fraction m is 2^-14 (1 + m / 1024) - 2^-14.
  const subnormal = f32x4.sub(i32x4.add(rebased, i32x4.splat(0x00800000)), i32x4.splat(0x38800000));
  const tiny = i32x4.lt_s(magnitude, i32x4.splat(0x400));
  return v128.or(v128.bitselect(subnormal, rebased, tiny), sign);
}

function f16Value(half: u32): f32 {
  return f32x4.extract_lane(f16Lanes(i32x4.splat(half)), 0);
}

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

/** Stores eight signed 16-bit lanes as float32, each times a factor. */
function storeScaled(dst: usize, lanes: v128, factor: v128): void {
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(lanes)), factor));
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(lanes)), factor), 16);
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

export function decodeQ8_0(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 32 <= elements; i += 32) {
    const d = f32x4.splat(f16Value(load<u16>(src)));
    storeScaled(dst, v128.load_ext<i8>(src, 2), d);
    storeScaled(dst + 32, v128.load_ext<i8>(src, 10), d);
    storeScaled(dst + 64, v128.load_ext<i8>(src, 18), d);
    storeScaled(dst + 96, v128.load_ext<i8>(src, 26), d);
    src += 34;
    dst += 128;
  }
}

export function decodeQ4_0(src: usize, dst: usize, elements: i32): void {
  const eight = i8x16.splat(8);
  for (let i = 0; i + 32 <= elements; i += 32) {
    const d = f32x4.splat(f16Value(load<u16>(src)));
    const nibbles = v128.load(src, 2);
    const low = i8x16.sub(v128.and(nibbles, i8x16.splat(15)), eight);
    const high = i8x16.sub(i8x16.shr_u(nibbles, 4), eight);
    storeScaled(dst, i16x8.extend_low_i8x16_s(low), d);
    storeScaled(dst + 32, i16x8.extend_high_i8x16_s(low), d);
    storeScaled(dst + 64, i16x8.extend_low_i8x16_s(high), d);
    storeScaled(dst + 96, i16x8.extend_high_i8x16_s(high), d);
    src += 18;
    dst += 128;
  }
}
