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

/** The value of a binary16 pattern. */
export function f16Value(bits: u32): f32 {
  return f32x4.extract_lane(f16Lanes(i32x4.splat(<i32>bits)), 0);
}

/** The binary16 at an address. */
export function loadF16(src: usize): f32 {
  return f16Value(load<u16>(src));
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

/** Two bits of 16 bytes, with those of `flip` toggled, less `less`. */
function quarter(bytes: v128, shift: i32, flip: v128, less: v128): v128 {
  return i8x16.sub(v128.xor(v128.and(i8x16.shr_u(bytes, shift), i8x16.splat(3)), flip), less);
}

/** Stores the 64 pairs of bits of 16 bytes in their order, lowest first: (pair xor `flip` - `less`) times a factor. */
export function storeQuarters(dst: usize, bytes: v128, flip: v128, less: v128, factor: f32): void {
  const a = quarter(bytes, 0, flip, less);
  const b = quarter(bytes, 2, flip, less);
  const c = quarter(bytes, 4, flip, less);
  const d = quarter(bytes, 6, flip, less);
  const ab = v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const cd = v128.shuffle<u8>(c, d, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const abEnd = v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const cdEnd = v128.shuffle<u8>(c, d, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  storeBytes(dst, v128.shuffle<u16>(ab, cd, 0, 8, 1, 9, 2, 10, 3, 11), factor);
  storeBytes(dst + 64, v128.shuffle<u16>(ab, cd, 4, 12, 5, 13, 6, 14, 7, 15), factor);
  storeBytes(dst + 128, v128.shuffle<u16>(abEnd, cdEnd, 0, 8, 1, 9, 2, 10, 3, 11), factor);
  storeBytes(dst + 192, v128.shuffle<u16>(abEnd, cdEnd, 4, 12, 5, 13, 6, 14, 7, 15), factor);
}

/** -1 in every lane whose bit is set: the low byte of `bits` is for the first eight lanes, the next one for the others. */
export function bitMask(bits: u32): v128 {
  const bytes = v128.swizzle(i16x8.splat(<i16>bits), i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
  const each = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  return i8x16.eq(v128.and(bytes, each), each);
}
