/**
 * What the encoders of ggml's types share. Searches work on four groups of a block at once, one in each lane, so that every lane
 * adds in ggml's order; see src/quant/schemes/ggml for what is computed.
 */
import { f16Value } from './lanes';
import { halfLanes } from './quantFloats';

/** 1.5 * 2^23: added to a float32 below 2^22 it leaves the nearest integer, ties to even, in the lowest bits. */
export const magic: f32 = 12582912;

/** Four values of each of four groups become four values of each lane. */
function storeColumns(a: v128, b: v128, c: v128, d: v128, dst: usize): void {
  const ab = v128.shuffle<u32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<u32>(c, d, 0, 4, 1, 5);
  const abEnd = v128.shuffle<u32>(a, b, 2, 6, 3, 7);
  const cdEnd = v128.shuffle<u32>(c, d, 2, 6, 3, 7);
  v128.store(dst, v128.shuffle<u64>(ab, cd, 0, 2));
  v128.store(dst, v128.shuffle<u64>(ab, cd, 1, 3), 16);
  v128.store(dst, v128.shuffle<u64>(abEnd, cdEnd, 0, 2), 32);
  v128.store(dst, v128.shuffle<u64>(abEnd, cdEnd, 1, 3), 48);
}

/** Four neighbouring groups of `count` float32 each, a lane for each; `count` is a multiple of four. */
export function toLanes(src: usize, count: i32, dst: usize): void {
  const stride = (<usize>count) << 2;
  for (let i = 0; i < count; i += 4) {
    storeColumns(
      v128.load(src),
      v128.load(src + stride),
      v128.load(src + 2 * stride),
      v128.load(src + 3 * stride),
      dst,
    );
    src += 16;
    dst += 64;
  }
}

/** What `nearestInt` of src/quant/schemes/ggml/arithmetic.ts gives, for every float32. */
export function nearestLanes(value: v128): v128 {
  const bits = v128.and(f32x4.add(value, f32x4.splat(magic)), i32x4.splat(0x7fffff));
  return i32x4.sub(bits, i32x4.splat(0x400000));
}

/** The same for one value. */
export function nearestOf(value: f32): i32 {
  return <i32>(reinterpret<u32>(value + magic) & 0x7fffff) - 0x400000;
}

/** Stores a scale as F16; false where it does not fit. */
export function storeScale(dst: usize, value: f32): bool {
  const half = <u32>i32x4.extract_lane(halfLanes(f32x4.splat(value)), 0);
  store<u16>(dst, <u16>half);
  return (half & 0x7c00) !== 0x7c00;
}

/** The scale as it was stored. */
export function storedScale(src: usize): f32 {
  return f16Value(load<u16>(src));
}

/** Four vectors of integers as 16 bytes. */
export function packBytes(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

/** The largest of four lanes. */
export function largestLane(x: v128): f32 {
  const pairs = f32x4.pmax(x, v128.shuffle<u32>(x, x, 2, 3, 0, 1));
  return max<f32>(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

/** The value of largest magnitude, the first of equal ones, among `count` values; a multiple of four. */
export function extremeValue(src: usize, count: i32): f32 {
  let most = f32x4.splat(0);
  for (let i = 0; i < count; i += 4) most = f32x4.pmax(most, f32x4.abs(v128.load(src + ((<usize>i) << 2))));
  const magnitude = largestLane(most);
  if (magnitude === 0) return 0;
  const wanted = f32x4.splat(magnitude);
  for (let i = 0; i < count; i += 4) {
    const found = i32x4.bitmask(f32x4.eq(f32x4.abs(v128.load(src + ((<usize>i) << 2))), wanted));
    if (found !== 0) return load<f32>(src + ((<usize>(i + ctz(found))) << 2));
  }
  return 0;
}

/** Codes of 16 values: offset + clamp(nearest((x + down) / own), low, high), as bytes. */
export function dividedCodes(src: usize, down: f32, own: f32, low: i32, high: i32, offset: i32): v128 {
  const downs = f32x4.splat(down);
  const owns = f32x4.splat(own);
  return codesOf(
    f32x4.div(f32x4.add(v128.load(src), downs), owns),
    f32x4.div(f32x4.add(v128.load(src, 16), downs), owns),
    f32x4.div(f32x4.add(v128.load(src, 32), downs), owns),
    f32x4.div(f32x4.add(v128.load(src, 48), downs), owns),
    low,
    high,
    offset,
  );
}

/** Codes of 16 values: offset + clamp(nearest(inverse * (x - from)), low, high), as bytes. */
export function scaledCodes(src: usize, from: f32, inverse: f32, low: i32, high: i32, offset: i32): v128 {
  const froms = f32x4.splat(from);
  const inverses = f32x4.splat(inverse);
  return codesOf(
    f32x4.mul(inverses, f32x4.sub(v128.load(src), froms)),
    f32x4.mul(inverses, f32x4.sub(v128.load(src, 16), froms)),
    f32x4.mul(inverses, f32x4.sub(v128.load(src, 32), froms)),
    f32x4.mul(inverses, f32x4.sub(v128.load(src, 48), froms)),
    low,
    high,
    offset,
  );
}

function codesOf(a: v128, b: v128, c: v128, d: v128, low: i32, high: i32, offset: i32): v128 {
  return packBytes(
    boundedLanes(a, low, high, offset),
    boundedLanes(b, low, high, offset),
    boundedLanes(c, low, high, offset),
    boundedLanes(d, low, high, offset),
  );
}

function boundedLanes(value: v128, low: i32, high: i32, offset: i32): v128 {
  const bounded = i32x4.min_s(i32x4.max_s(nearestLanes(value), i32x4.splat(low)), i32x4.splat(high));
  return i32x4.add(bounded, i32x4.splat(offset));
}
