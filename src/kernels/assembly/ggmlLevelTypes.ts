/** Encoders of ggml's types of 16 levels; see src/quant/schemes/ggml/levelTypes.ts. */
import { importanceWeights } from './ggmlKTypes';
import { extremeValue, nearestOf, storeScale, toLanes } from './ggmlLanes';
import { extremeLanes, zeroLanes } from './ggmlScales';

/** ggml-common.h, kvalues_iq4nl. */
const iq4Levels = memory.data<i8>([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]);
const lowest: f32 = -127;

/**
 * Borders between levels lie at whole halves, so that the integer part of 2 x tells the nearest: for each from -256 to 255, the
 * level as float32, and its number.
 */
const levelOfHalf: usize = memory.data(2048);
const codeOfHalf: usize = memory.data(512);
let isFilled = false;

function fillTables(): void {
  if (isFilled) return;
  isFilled = true;
  for (let half = -256; half < 256; half++) {
    let code = 0;
    while (code < 15 && half >= <i32>load<i8>(iq4Levels + code) + <i32>load<i8>(iq4Levels + code + 1)) code++;
    const at = <usize>(half + 256);
    store<u8>(codeOfHalf + at, <u8>code);
    store<f32>(levelOfHalf + (at << 2), <f32>load<i8>(iq4Levels + code));
  }
}

/** Places in the tables for four values; NaN goes to the last. */
function halvesOf(value: v128): v128 {
  const doubled = f32x4.floor(f32x4.add(value, value));
  const bounded = f32x4.pmax(f32x4.splat(-256), f32x4.pmin(f32x4.splat(255), doubled));
  return i32x4.add(i32x4.trunc_sat_f32x4_s(bounded), i32x4.splat(256));
}

/** The nearest levels of four values, of two equally near ones the upper. */
function levelsOf(value: v128): v128 {
  const at = halvesOf(value);
  let levels = v128.load32_zero(levelOfHalf + ((<usize>i32x4.extract_lane(at, 0)) << 2));
  levels = v128.load_lane<u32>(levelOfHalf + ((<usize>i32x4.extract_lane(at, 1)) << 2), levels, 1);
  levels = v128.load_lane<u32>(levelOfHalf + ((<usize>i32x4.extract_lane(at, 2)) << 2), levels, 2);
  return v128.load_lane<u32>(levelOfHalf + ((<usize>i32x4.extract_lane(at, 3)) << 2), levels, 3);
}

/** Room for four groups: the last ones of a row may be fewer. */
const values: usize = memory.data(512);
const weights: usize = memory.data(512);
const lanesOfX: usize = memory.data(512);
const lanesOfW: usize = memory.data(512);
const scales: usize = memory.data(32);
const codes: usize = memory.data(256);

/** Scales of four groups of 32 in lanes, with their weights. */
function levelScales(dst: usize): void {
  const extreme = extremeLanes(lanesOfX, 32);
  const zero = f32x4.splat(0);
  let scale = zero;
  let best = zero;
  for (let attempt = -8; attempt <= 7; attempt++) {
    const inverse =
      attempt === -8
        ? f32x4.div(f32x4.splat(1), f32x4.div(f32x4.neg(extreme), f32x4.splat(lowest)))
        : f32x4.div(f32x4.splat(<f32>attempt + lowest), extreme);
    let productSum = zero;
    let squareSum = zero;
    for (let at: usize = 0; at < 512; at += 16) {
      const value = v128.load(lanesOfX + at);
      const level = levelsOf(f32x4.mul(inverse, value));
      const weighted = f32x4.mul(v128.load(lanesOfW + at), level);
      productSum = f32x4.add(productSum, f32x4.mul(weighted, value));
      squareSum = f32x4.add(squareSum, f32x4.mul(weighted, level));
    }
    const ratio = f32x4.div(productSum, squareSum);
    const positive = f32x4.gt(squareSum, zero);
    if (attempt === -8) {
      scale = v128.and(ratio, positive);
      best = f32x4.mul(scale, productSum);
      continue;
    }
    const isMore = f32x4.gt(f32x4.mul(productSum, productSum), f32x4.mul(best, squareSum));
    const better = v128.and(positive, isMore);
    scale = v128.bitselect(ratio, scale, better);
    best = v128.bitselect(f32x4.mul(ratio, productSum), best, better);
  }
  v128.store(dst, v128.andnot(scale, zeroLanes(extreme)));
}

/** Codes of 32 values by a scale, and their nibbles. */
function storeLevels(src: usize, scale: f32, dst: usize): void {
  const inverse = f32x4.splat(scale === 0 ? 0 : 1 / scale);
  for (let i: usize = 0; i < 32; i += 4) {
    const at = halvesOf(f32x4.mul(inverse, v128.load(src + (i << 2))));
    store<u8>(codes + i, load<u8>(codeOfHalf + <usize>i32x4.extract_lane(at, 0)));
    store<u8>(codes + i + 1, load<u8>(codeOfHalf + <usize>i32x4.extract_lane(at, 1)));
    store<u8>(codes + i + 2, load<u8>(codeOfHalf + <usize>i32x4.extract_lane(at, 2)));
    store<u8>(codes + i + 3, load<u8>(codeOfHalf + <usize>i32x4.extract_lane(at, 3)));
  }
  storeNibbles(dst);
}

function storeNibbles(dst: usize): void {
  v128.store(dst, v128.or(v128.load(codes), i8x16.shl(v128.load(codes, 16), 4)));
}

/** Squares of 128 values as weights. */
function squareWeights(): void {
  for (let at: usize = 0; at < 512; at += 16) {
    const value = v128.load(lanesOfX + at);
    v128.store(lanesOfW + at, f32x4.mul(value, value));
  }
}

/** Sum of squares of `count` values, in order. */
function squareSum(src: usize, count: i32): f32 {
  let sum: f32 = 0;
  for (let i = 0; i < count; i++) {
    const value = load<f32>(src + ((<usize>i) << 2));
    sum += value * value;
  }
  return sum;
}

export function encodeIQ4_NL(src: usize, dst: usize, elements: i32, importance: usize, columns: i32): i32 {
  fillTables();
  for (let i = 0; i + 32 <= elements; i += 128) {
    const blocks = min<i32>(4, (elements - i) >> 5);
    memory.fill(values, 0, 512);
    memory.copy(values, src, (<usize>blocks) << 7);
    toLanes(values, 32, lanesOfX);
    if (importance === 0) squareWeights();
    else {
      for (let block = 0; block < 4; block++) {
        const at = (<usize>block) << 7;
        const own = importance + ((<usize>((i + 32 * block) % columns)) << 2);
        const meanSquare = squareSum(values + at, 32) * <f32>0.0625;
        importanceWeights(values + at, own, meanSquare, 32, weights + at);
      }
      toLanes(weights, 32, lanesOfW);
    }
    levelScales(scales);
    for (let block = 0; block < blocks; block++) {
      const scale = load<f32>(scales + ((<usize>block) << 2));
      if (!storeScale(dst, scale)) return 1;
      storeLevels(src, scale, dst + 2);
      src += 128;
      dst += 18;
    }
  }
  return 0;
}

export function encodeIQ4_XS(src: usize, dst: usize, elements: i32, importance: usize, columns: i32): i32 {
  fillTables();
  for (let i = 0; i + 256 <= elements; i += 256) {
    const meanSquare: f32 = importance === 0 ? 0 : squareSum(src, 256) * <f32>0.0078125;
    for (let group = 0; group < 8; group += 4) {
      const from = src + ((<usize>group) << 7);
      toLanes(from, 32, lanesOfX);
      if (importance === 0) squareWeights();
      else {
        const own = importance + ((<usize>((i + 32 * group) % columns)) << 2);
        importanceWeights(from, own, meanSquare, 128, weights);
        toLanes(weights, 32, lanesOfW);
      }
      levelScales(scales + ((<usize>group) << 2));
    }
    let extreme: f32 = 0;
    for (let at: usize = 0; at < 32; at += 4) {
      const scale = load<f32>(scales + at);
      if (abs<f32>(scale) > abs<f32>(extreme)) extreme = scale;
    }
    const scale = -extreme / 32;
    if (!storeScale(dst, scale)) return 1;
    const inverse: f32 = scale === 0 ? 0 : 1 / scale;
    let upper: u32 = 0;
    let lower: u32 = 0;
    for (let group = 0; group < 8; group++) {
      const nearest = nearestOf(inverse * load<f32>(scales + ((<usize>group) << 2)));
      const code = min<i32>(31, max<i32>(-32, nearest));
      storeLevels(src + ((<usize>group) << 7), scale * <f32>code, dst + 8 + ((<usize>group) << 4));
      lower |= (<u32>((code + 32) & 15)) << (4 * group);
      upper |= (<u32>((code + 32) >> 4)) << (2 * group);
    }
    store<u16>(dst, <u16>upper, 2);
    store<u32>(dst, lower, 4);
    src += 1024;
    dst += 136;
  }
  return 0;
}

/** 2^(exponent - 128); below 2^-126 a subnormal number. */
function halfPower(exponent: i32): f32 {
  return reinterpret<f32>(exponent < 2 ? 0x00200000 << exponent : (exponent - 1) << 23);
}

/** -1 where a magnitude is nearer to the upper of two levels, whose sum is `sum` halves of `half`. */
function isUpper(magnitude: v128, sum: f32, half: f32): v128 {
  return f32x4.gt(magnitude, f32x4.splat(sum * <f32>0.5 * half));
}

/** Codes of four values: the nearest of 0, 1, 2, 3, 4, 6, 8 and 12 times `half` with the sign, of two the smaller; never -0. */
function fp4Codes(value: v128, half: f32): v128 {
  const magnitude = f32x4.abs(value);
  let less = i32x4.add(isUpper(magnitude, 1, half), isUpper(magnitude, 3, half));
  less = i32x4.add(less, i32x4.add(isUpper(magnitude, 5, half), isUpper(magnitude, 7, half)));
  less = i32x4.add(less, i32x4.add(isUpper(magnitude, 10, half), isUpper(magnitude, 14, half)));
  less = i32x4.add(less, isUpper(magnitude, 20, half));
  const sign = v128.and(i32x4.shr_s(value, 31), v128.and(i32x4.ne(less, i32x4.splat(0)), i32x4.splat(8)));
  return v128.or(i32x4.neg(less), sign);
}

export function encodeMXFP4(src: usize, dst: usize, elements: i32, _importance: usize, _columns: i32): i32 {
  for (let i = 0; i + 32 <= elements; i += 32) {
    const largest = abs<f32>(extremeValue(src, 32));
    const exponent = largest > 0 ? <i32>Math.floor(<f64>(<f32>Math.log2(<f64>largest))) + 125 : 0;
    store<u8>(dst, <u8>exponent);
    const half = halfPower(exponent & 255);
    for (let k: usize = 0; k < 32; k += 4) {
      const best = fp4Codes(v128.load(src + (k << 2)), half);
      const halves = i16x8.narrow_i32x4_s(best, best);
      v128.store32_lane(codes + k, i8x16.narrow_i16x8_u(halves, halves), 0);
    }
    storeNibbles(dst + 1);
    src += 128;
    dst += 17;
  }
  return 0;
}
