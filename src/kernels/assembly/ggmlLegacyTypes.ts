/** Encoders of ggml's blocks of 32 and of its ternary types; see legacyTypes.ts and ternaryTypes.ts in src/quant/schemes/ggml. */
import { importanceWeights } from './ggmlKTypes';
import { extremeValue, largestLane, packBytes, scaledCodes, storeScale, toLanes } from './ggmlLanes';
import { affineLanes, fromAt, inverseAt, offsetAt, scaleAt, symmetricLanes } from './ggmlScales';

/** A reciprocal as ggml takes it: 0 for 0. */
function inverseOf(scale: f32): f32 {
  return scale === 0 ? 0 : 1 / scale;
}

/** Four values to the nearest integers, halves away from zero. */
function roundAwayLanes(value: v128): v128 {
  const doubled = i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.abs(value), f32x4.splat(2)));
  const magnitude = i32x4.shr_s(i32x4.add(doubled, i32x4.splat(1)), 1);
  const sign = i32x4.shr_s(value, 31);
  return i32x4.sub(v128.xor(magnitude, sign), sign);
}

/** Sixteen values times `inverse`, rounded away from zero, as signed bytes. */
function roundedBytes(src: usize, inverse: v128): v128 {
  const a = roundAwayLanes(f32x4.mul(v128.load(src), inverse));
  const b = roundAwayLanes(f32x4.mul(v128.load(src, 16), inverse));
  const c = roundAwayLanes(f32x4.mul(v128.load(src, 32), inverse));
  const d = roundAwayLanes(f32x4.mul(v128.load(src, 48), inverse));
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

/** Largest magnitude of `count` values, a multiple of four. */
function largestMagnitude(src: usize, count: i32): f32 {
  let most = f32x4.splat(0);
  for (let at: usize = 0; at < (<usize>count) << 2; at += 16)
    most = f32x4.pmax(most, f32x4.abs(v128.load(src + at)));
  return largestLane(most);
}

/** The parameters of all encoders and what they return are those of `GgmlExports`; this type ignores importance. */
export function encodeQ8_0(src: usize, dst: usize, elements: i32, _importance: usize, _columns: i32): i32 {
  for (let i = 0; i + 32 <= elements; i += 32) {
    const scale = largestMagnitude(src, 32) / 127;
    if (!storeScale(dst, scale)) return 1;
    let inverse = inverseOf(scale);
    // Products with infinity become 0.
    if (inverse === Infinity) inverse = 0;
    const inverses = f32x4.splat(inverse);
    v128.store(dst, roundedBytes(src, inverses), 2);
    v128.store(dst, roundedBytes(src + 64, inverses), 18);
    src += 128;
    dst += 34;
  }
  return 0;
}

/** trunc((x - low) * inverse + half) of 16 values, at most `top`. */
function cutCodes(src: usize, low: f32, inverse: f32, half: f32, top: i32): v128 {
  return packBytes(
    cutLanes(v128.load(src), low, inverse, half, top),
    cutLanes(v128.load(src, 16), low, inverse, half, top),
    cutLanes(v128.load(src, 32), low, inverse, half, top),
    cutLanes(v128.load(src, 48), low, inverse, half, top),
  );
}

function cutLanes(value: v128, low: f32, inverse: f32, half: f32, top: i32): v128 {
  const scaled = f32x4.mul(f32x4.sub(value, f32x4.splat(low)), f32x4.splat(inverse));
  const lifted = f32x4.add(scaled, f32x4.splat(half));
  return i32x4.min_s(i32x4.trunc_sat_f32x4_s(lifted), i32x4.splat(top));
}

/** Codes of 32 values, the first half in the low nibbles; a fifth bit of each in a word at `fifth`, if that is not 0. */
function storeCodes(dst: usize, fifth: usize, low: v128, high: v128): void {
  v128.store(dst, v128.or(v128.and(low, i8x16.splat(15)), i8x16.shl(high, 4)));
  if (fifth === 0) return;
  const lowBits = <u32>i8x16.bitmask(i8x16.shl(low, 3));
  store<u32>(fifth, lowBits | ((<u32>i8x16.bitmask(i8x16.shl(high, 3))) << 16));
}

/** Q4_0 and Q5_0 without an importance matrix. */
function encodeSymmetric(src: usize, dst: usize, elements: i32, half: i32, bytes: usize): i32 {
  const isFive = half === 16;
  for (let i = 0; i + 32 <= elements; i += 32) {
    const scale = extremeValue(src, 32) / <f32>-half;
    if (!storeScale(dst, scale)) return 1;
    const inverse = inverseOf(scale);
    let low = i8x16.splat(0);
    let high = low;
    // Products with infinity are cut to 0.
    if (abs<f32>(inverse) !== Infinity) {
      low = cutCodes(src, 0, inverse, <f32>half + 0.5, 2 * half - 1);
      high = cutCodes(src + 64, 0, inverse, <f32>half + 0.5, 2 * half - 1);
    }
    storeCodes(dst + (isFive ? 6 : 2), isFive ? dst + 2 : 0, low, high);
    src += 128;
    dst += bytes;
  }
  return 0;
}

/** Q4_1 and Q5_1 without an importance matrix. */
function encodeAffine(src: usize, dst: usize, elements: i32, top: i32, bytes: usize): i32 {
  const isFive = top === 31;
  for (let i = 0; i + 32 <= elements; i += 32) {
    let lows = v128.load(src);
    let highs = lows;
    for (let at: usize = 16; at < 128; at += 16) {
      lows = f32x4.pmin(lows, v128.load(src + at));
      highs = f32x4.pmax(highs, v128.load(src + at));
    }
    const most = largestLane(highs);
    const least = firstLeast(src, -largestLane(f32x4.neg(lows)));
    const scale = (most - least) / <f32>top;
    if (!storeScale(dst, scale) || !storeScale(dst + 2, least)) return 1;
    const inverse = inverseOf(scale);
    let low = i8x16.splat(0);
    let high = low;
    if (inverse !== Infinity) {
      low = cutCodes(src, least, inverse, 0.5, top);
      high = cutCodes(src + 64, least, inverse, 0.5, top);
    }
    storeCodes(dst + (isFive ? 8 : 4), isFive ? dst + 4 : 0, low, high);
    src += 128;
    dst += bytes;
  }
  return 0;
}

/** The first of 32 values that equals the least one: of 0 and -0 the one that comes first. */
function firstLeast(src: usize, least: f32): f32 {
  if (least !== 0) return least;
  for (let at: usize = 0; at < 128; at += 4) {
    const value = load<f32>(src + at);
    if (value === 0) return value;
  }
  return least;
}

/** Up to four blocks with their importance, filled up with zeros, and the same in lanes. */
const values: usize = memory.data(512);
const importances: usize = memory.data(512);
const weights: usize = memory.data(512);
const lanesOfX: usize = memory.data(512);
const lanesOfW: usize = memory.data(512);
const found: usize = memory.data(64);

/** Puts `blocks` blocks at `src` and their weights into lanes. */
function fillLanes(src: usize, importance: usize, meanSquare: f32, blocks: i32): void {
  memory.fill(values, 0, 512);
  memory.fill(importances, 0, 512);
  memory.copy(values, src, (<usize>blocks) << 7);
  memory.copy(importances, importance, (<usize>blocks) << 7);
  importanceWeights(values, importances, meanSquare, 128, weights);
  toLanes(values, 32, lanesOfX);
  toLanes(weights, 32, lanesOfW);
}

/** Mean square of a row, added in order. */
function meanSquareOf(src: usize, columns: i32): f32 {
  let sum: f32 = 0;
  for (let i = 0; i < columns; i++) {
    const value = load<f32>(src + ((<usize>i) << 2));
    sum += value * value;
  }
  return sum / <f32>columns;
}

/** Whole rows by an importance matrix; `half` is 0 for the types with a minimum, whose codes reach `top`. */
function encodeWeighted(
  src: usize,
  dst: usize,
  elements: i32,
  importance: usize,
  columns: i32,
  half: i32,
  top: i32,
  bytes: usize,
): i32 {
  for (let row = 0; row + columns <= elements; row += columns) {
    const meanSquare = meanSquareOf(src, columns);
    for (let column = 0; column < columns; column += 128) {
      const blocks = min<i32>(4, (columns - column) >> 5);
      const at = (<usize>column) << 2;
      fillLanes(src + at, importance + at, meanSquare, blocks);
      if (half !== 0) symmetricLanes(lanesOfX, lanesOfW, 32, half, found);
      else affineLanes(lanesOfX, lanesOfW, 32, top, -0.9, 0.05, 36, false, found);
      for (let block = 0; block < blocks; block++) {
        const lane = (<usize>block) << 2;
        if (!storeScale(dst, load<f32>(found + lane, scaleAt))) return 1;
        if (half === 0 && !storeScale(dst + 2, -load<f32>(found + lane, offsetAt))) return 1;
        storeFoundCodes(src + at + ((<usize>block) << 7), dst, lane, half, top);
        dst += bytes;
      }
    }
    src += (<usize>columns) << 2;
  }
  return 0;
}

/** Codes of one block as the search found them. */
function storeFoundCodes(src: usize, dst: usize, lane: usize, half: i32, top: i32): void {
  const inverse = load<f32>(found + lane, inverseAt);
  const isFive = top === 31;
  const fifth = dst + (half === 0 ? 4 : 2);
  const at = fifth + (isFive ? 4 : 0);
  if (half === 0) {
    const from = load<f32>(found + lane, fromAt);
    const low = scaledCodes(src, from, inverse, 0, top, 0);
    storeCodes(at, isFive ? fifth : 0, low, scaledCodes(src + 64, from, inverse, 0, top, 0));
    return;
  }
  let low = i8x16.splat(0);
  let high = low;
  if (inverse !== 0) {
    low = scaledCodes(src, 0, inverse, -half, half - 1, half);
    high = scaledCodes(src + 64, 0, inverse, -half, half - 1, half);
  }
  storeCodes(at, isFive ? fifth : 0, low, high);
}

export function encodeQ4_0(src: usize, dst: usize, elements: i32, importance: usize, columns: i32): i32 {
  if (importance !== 0) return encodeWeighted(src, dst, elements, importance, columns, 8, 15, 18);
  return encodeSymmetric(src, dst, elements, 8, 18);
}

export function encodeQ5_0(src: usize, dst: usize, elements: i32, importance: usize, columns: i32): i32 {
  if (importance !== 0) return encodeWeighted(src, dst, elements, importance, columns, 16, 31, 22);
  return encodeSymmetric(src, dst, elements, 16, 22);
}

export function encodeQ4_1(src: usize, dst: usize, elements: i32, importance: usize, columns: i32): i32 {
  if (importance !== 0) return encodeWeighted(src, dst, elements, importance, columns, 0, 15, 20);
  return encodeAffine(src, dst, elements, 15, 20);
}

export function encodeQ5_1(src: usize, dst: usize, elements: i32, importance: usize, columns: i32): i32 {
  if (importance !== 0) return encodeWeighted(src, dst, elements, importance, columns, 0, 31, 24);
  return encodeAffine(src, dst, elements, 31, 24);
}

const trits: usize = memory.data(256);

/** Codes 0..2 of 256 values and their scale; false where that does not fit. */
function encodeTrits(src: usize, dst: usize): bool {
  const scale = largestMagnitude(src, 256);
  if (!storeScale(dst, scale)) return false;
  let inverse = inverseOf(scale);
  // Products with infinity become 0.
  if (inverse === Infinity) inverse = 0;
  const inverses = f32x4.splat(inverse);
  for (let i: usize = 0; i < 256; i += 16)
    v128.store(trits + i, i8x16.add(roundedBytes(src + (i << 2), inverses), i8x16.splat(1)));
  return true;
}

/** Up to five digits of base 3, `step` codes apart, as a fraction of 256 rounded up. */
function packDigits(from: usize, step: usize, count: usize): u8 {
  let digits: u32 = 0;
  for (let n: usize = 0; n < 5; n++) digits = 3 * digits + (n < count ? <u32>load<u8>(from + n * step) : 0);
  return <u8>(((digits & 255) * 256 + 242) / 243);
}

export function encodeTQ1_0(src: usize, dst: usize, elements: i32, _importance: usize, _columns: i32): i32 {
  for (let i = 0; i + 256 <= elements; i += 256) {
    if (!encodeTrits(src, dst + 52)) return 1;
    for (let k: usize = 0; k < 32; k++) store<u8>(dst + k, packDigits(trits + k, 32, 5));
    for (let k: usize = 0; k < 16; k++) store<u8>(dst + 32 + k, packDigits(trits + 160 + k, 16, 5));
    for (let k: usize = 0; k < 4; k++) store<u8>(dst + 48 + k, packDigits(trits + 240 + k, 4, 4));
    src += 1024;
    dst += 54;
  }
  return 0;
}

export function encodeTQ2_0(src: usize, dst: usize, elements: i32, _importance: usize, _columns: i32): i32 {
  for (let i = 0; i + 256 <= elements; i += 256) {
    if (!encodeTrits(src, dst + 64)) return 1;
    for (let k: usize = 0; k < 64; k += 16) {
      const from = trits + ((k >> 5) << 7) + (k & 31);
      const low = v128.or(v128.load(from), i8x16.shl(v128.load(from, 32), 2));
      const high = v128.or(i8x16.shl(v128.load(from, 64), 4), i8x16.shl(v128.load(from, 96), 6));
      v128.store(dst + k, v128.or(low, high));
    }
    src += 1024;
    dst += 66;
  }
  return 0;
}
