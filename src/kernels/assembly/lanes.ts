/** What decoders of block types share. Sources may lie at any address; SIMD loads need no alignment. */

/** Four binary16 patterns, one in each 32-bit lane, to float32. Uses no subnormal operands, which are slow. */
export function f16Lanes(half: v128): v128 {
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

/** The binary16 at an address. */
export function loadF16(src: usize): f32 {
  return f32x4.extract_lane(f16Lanes(i32x4.splat(<i32>load<u16>(src))), 0);
}

/** Stores eight signed 16-bit lanes as float32, each times a factor. */
export function storeScaled(dst: usize, lanes: v128, factor: v128): void {
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(lanes)), factor));
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(lanes)), factor), 16);
}

/** Stores 16 signed bytes as float32, each times a factor. */
export function storeBytes(dst: usize, bytes: v128, factor: f32): void {
  const lanes = f32x4.splat(factor);
  storeScaled(dst, i16x8.extend_low_i8x16_s(bytes), lanes);
  storeScaled(dst + 32, i16x8.extend_high_i8x16_s(bytes), lanes);
}

function storeAffineLanes(dst: usize, lanes: v128, factor: v128, offset: v128): void {
  const low = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(lanes));
  const high = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(lanes));
  v128.store(dst, f32x4.add(f32x4.mul(low, factor), offset));
  v128.store(dst, f32x4.add(f32x4.mul(high, factor), offset), 16);
}

/** Stores 16 signed bytes as float32, each times a factor, rounded, plus an offset, rounded. */
export function storeAffine(dst: usize, bytes: v128, factor: f32, offset: f32): void {
  const factors = f32x4.splat(factor);
  const offsets = f32x4.splat(offset);
  storeAffineLanes(dst, i16x8.extend_low_i8x16_s(bytes), factors, offsets);
  storeAffineLanes(dst + 32, i16x8.extend_high_i8x16_s(bytes), factors, offsets);
}

/** The low halves of 16 bytes. */
export function lowNibbles(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(15));
}

/** The high halves of 16 bytes. */
export function highNibbles(bytes: v128): v128 {
  return i8x16.shr_u(bytes, 4);
}
