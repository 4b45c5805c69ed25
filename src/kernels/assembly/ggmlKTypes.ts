/** Encoders of ggml's K types; src/quant/schemes/ggml/kTypes.ts says what is computed, and gives the same bytes. */
import { dividedCodes, nearestOf, scaledCodes, storedScale, storeScale, toLanes } from './ggmlLanes';
import { positiveScale, symmetricScaleOf } from './ggmlPositiveScale';
import {
  affineLanes,
  fromAt,
  inverseAt,
  offsetAt,
  refinedLanes,
  scaleAt,
  symmetricLanes,
} from './ggmlScales';

const lanesOfX: usize = memory.data(512);
const lanesOfW: usize = memory.data(512);
const found: usize = memory.data(64);
/** Of the up to 16 groups of a block: what the searches found, and the weights' sums. */
const scales: usize = memory.data(64);
const offsets: usize = memory.data(64);
const inverses: usize = memory.data(64);
const froms: usize = memory.data(64);
const weightSums: usize = memory.data(64);
/** Weights by an importance matrix, before they are put into lanes. */
const weights: usize = memory.data(1024);
/** A block's codes and those of its scales and offsets, a byte each. */
const codes: usize = memory.data(256);
const scaleCodes: usize = memory.data(16);
const offsetCodes: usize = memory.data(16);
/** Codes of a block's groups as float32, four groups in lanes one after the other. */
const floatCodes: usize = memory.data(1024);

/** Copies what was found for four groups to their places. */
function keepFound(group: i32): void {
  const at = (<usize>group) << 2;
  v128.store(scales + at, v128.load(found, scaleAt));
  v128.store(offsets + at, v128.load(found, offsetAt));
  v128.store(inverses + at, v128.load(found, inverseAt));
  v128.store(froms + at, v128.load(found, fromAt));
}

/** Sum of squares of 256 values, in order. */
export function squareSum(src: usize): f32 {
  let sum: f32 = 0;
  for (let at: usize = 0; at < 1024; at += 4) sum += load<f32>(src + at) * load<f32>(src + at);
  return sum;
}

/** Importance times sqrt(mean square + x^2), for `count` values. */
export function importanceWeights(
  src: usize,
  importance: usize,
  meanSquare: f32,
  count: i32,
  dst: usize,
): void {
  const mean = f32x4.splat(meanSquare);
  for (let at: usize = 0; at < (<usize>count) << 2; at += 16) {
    const value = v128.load(src + at);
    const root = f32x4.sqrt(f32x4.add(mean, f32x4.mul(value, value)));
    v128.store(dst + at, f32x4.mul(v128.load(importance + at), root));
  }
}

/** Sums of the weights in the lanes, in order from 0 on. */
function keepWeightSums(group: i32, size: i32): void {
  let sum = f32x4.splat(0);
  for (let at: usize = 0; at < (<usize>size) << 4; at += 16) sum = f32x4.add(sum, v128.load(lanesOfW + at));
  v128.store(weightSums + ((<usize>group) << 2), sum);
}

/** Weights of four groups of `size` in lanes: |x|, or sqrt(mean square of the group) + |x|. */
function magnitudeWeights(size: i32, withMean: bool): void {
  const bytes = (<usize>size) << 4;
  let mean = f32x4.splat(0);
  if (withMean) {
    for (let at: usize = 0; at < bytes; at += 16) {
      const value = v128.load(lanesOfX + at);
      mean = f32x4.add(mean, f32x4.mul(value, value));
    }
    mean = f32x4.sqrt(f32x4.div(mean, f32x4.splat(<f32>size)));
  }
  for (let at: usize = 0; at < bytes; at += 16)
    v128.store(lanesOfW + at, f32x4.add(mean, f32x4.abs(v128.load(lanesOfX + at))));
}

/** Squares of four groups of 16 in lanes. */
function squareWeights(): void {
  for (let at: usize = 0; at < 256; at += 16) {
    const value = v128.load(lanesOfX + at);
    v128.store(lanesOfW + at, f32x4.mul(value, value));
  }
}

/** Codes 0..top of `values`, one for each group, and the block's own scale at `dst`; false where that does not fit. */
function storeScaleCodes(
  values: usize,
  groups: i32,
  top: i32,
  weighted: bool,
  target: usize,
  dst: usize,
): bool {
  if (weighted) return storeScale(dst, positiveScale(values, groups, top, weightSums, target));
  let most: f32 = 0;
  for (let group = 0; group < groups; group++) {
    const value = load<f32>(values + ((<usize>group) << 2));
    if (value > most) most = value;
  }
  const inverse: f32 = most > 0 ? <f32>top / most : 0;
  for (let group = 0; group < groups; group++) {
    const value = load<f32>(values + ((<usize>group) << 2));
    store<u8>(target + group, <u8>nearestOf(inverse * value));
  }
  return storeScale(dst, most / <f32>top);
}

/** A block's codes by the stored scales; those of the search where a group's scale is 0. */
function encodeAffine(src: usize, size: i32, top: i32, scale: f32, offset: f32): void {
  for (let group = 0; group < 256 / size; group++) {
    const own = scale * <f32>load<u8>(scaleCodes + group);
    const down = offset * <f32>load<u8>(offsetCodes + group);
    const at = (<usize>group) << 2;
    for (let i = group * size; i < (group + 1) * size; i += 16) {
      const values = src + ((<usize>i) << 2);
      const found =
        own === 0
          ? scaledCodes(values, load<f32>(froms + at), load<f32>(inverses + at), 0, top, 0)
          : dividedCodes(values, down, own, 0, top, 0);
      v128.store(codes + i, found);
    }
  }
}

/** Pairs of bits: 128 codes share 32 bytes. */
function storePairs(dst: usize): void {
  const three = i8x16.splat(3);
  for (let i: usize = 0; i < 64; i += 16) {
    const from = codes + ((i >> 5) << 7) + (i & 31);
    const low = v128.or(v128.and(v128.load(from), three), i8x16.shl(v128.and(v128.load(from, 32), three), 2));
    const high = v128.or(
      i8x16.shl(v128.and(v128.load(from, 64), three), 4),
      i8x16.shl(v128.load(from, 96), 6),
    );
    v128.store(dst + i, v128.or(low, high));
  }
}

/** Bits of codes that `shift` brings to the lowest place: 32 bytes, a bit for each 32 codes. */
function storeTopBits(dst: usize, shift: i32): void {
  for (let half: usize = 0; half < 32; half += 16) {
    let bits = i8x16.splat(0);
    for (let part = 0; part < 8; part++) {
      const top = v128.and(i8x16.shr_u(v128.load(codes + 32 * <usize>part + half), shift), i8x16.splat(1));
      bits = v128.or(bits, i8x16.shl(top, part));
    }
    v128.store(dst + half, bits);
  }
}

/** Low nibbles: 64 codes share 32 bytes. */
function storeNibbles(dst: usize): void {
  for (let i: usize = 0; i < 128; i += 16) {
    const from = codes + ((i >> 5) << 6) + (i & 31);
    const low = v128.and(v128.load(from), i8x16.splat(15));
    v128.store(dst + i, v128.or(low, i8x16.shl(v128.load(from, 32), 4)));
  }
}

/** 0, or 1 where the scale of a block is beyond F16. `importance`: a row's, or 0; `columns`: values of a row. */
export function encodeQ2_K(src: usize, dst: usize, elements: i32, importance: usize, columns: i32): i32 {
  for (let i = 0; i + 256 <= elements; i += 256) {
    if (importance !== 0) {
      const own = importance + ((<usize>(i % columns)) << 2);
      importanceWeights(src, own, squareSum(src) / 256, 256, weights);
    }
    for (let group = 0; group < 16; group += 4) {
      toLanes(src + ((<usize>group) << 6), 16, lanesOfX);
      if (importance !== 0) {
        toLanes(weights + ((<usize>group) << 6), 16, lanesOfW);
        keepWeightSums(group, 16);
        affineLanes(lanesOfX, lanesOfW, 16, 3, -0.9, 0.05, 36, false, found);
      } else {
        magnitudeWeights(16, false);
        affineLanes(lanesOfX, lanesOfW, 16, 3, -0.5, 0.1, 15, true, found);
      }
      keepFound(group);
    }
    const weighted = importance !== 0;
    if (!storeScaleCodes(scales, 16, 15, weighted, scaleCodes, dst + 80)) return 1;
    if (!storeScaleCodes(offsets, 16, 15, weighted, offsetCodes, dst + 82)) return 1;
    const both = v128.or(v128.load(scaleCodes), i8x16.shl(v128.load(offsetCodes), 4));
    v128.store(dst, both);
    v128.store(scaleCodes, v128.and(both, i8x16.splat(15)));
    v128.store(offsetCodes, i8x16.shr_u(both, 4));
    encodeAffine(src, 16, 3, storedScale(dst + 80), storedScale(dst + 82));
    storePairs(dst + 16);
    src += 1024;
    dst += 84;
  }
  return 0;
}

/** Scales and offsets of six bits in 12 bytes. */
function storeSixBits(dst: usize): void {
  for (let group: usize = 0; group < 8; group++) {
    const scale = min<u32>(63, load<u8>(scaleCodes + group));
    const offset = min<u32>(63, load<u8>(offsetCodes + group));
    store<u8>(scaleCodes + group, <u8>scale);
    store<u8>(offsetCodes + group, <u8>offset);
    if (group < 4) {
      store<u8>(dst + group, <u8>scale);
      store<u8>(dst + 4 + group, <u8>offset);
    } else {
      store<u8>(dst + 4 + group, <u8>((scale & 15) | ((offset & 15) << 4)));
      store<u8>(dst + group - 4, <u8>(load<u8>(dst + group - 4) | ((scale >> 4) << 6)));
      store<u8>(dst + group, <u8>(load<u8>(dst + group) | ((offset >> 4) << 6)));
    }
  }
}

/** Scales and codes of a block of Q4_K or Q5_K; false where they do not fit. */
function encodeSixBitScaled(
  src: usize,
  dst: usize,
  importance: usize,
  top: i32,
  first: f32,
  last: i32,
): bool {
  if (importance !== 0) importanceWeights(src, importance, (2 * squareSum(src)) / 256, 256, weights);
  for (let group = 0; group < 8; group += 4) {
    toLanes(src + ((<usize>group) << 7), 32, lanesOfX);
    if (importance !== 0) {
      toLanes(weights + ((<usize>group) << 7), 32, lanesOfW);
      keepWeightSums(group, 32);
      affineLanes(lanesOfX, lanesOfW, 32, top, -0.9, 0.05, 36, false, found);
    } else {
      magnitudeWeights(32, true);
      affineLanes(lanesOfX, lanesOfW, 32, top, first, 0.1, last, false, found);
    }
    keepFound(group);
  }
  const weighted = importance !== 0;
  if (!storeScaleCodes(scales, 8, 63, weighted, scaleCodes, dst)) return false;
  if (!storeScaleCodes(offsets, 8, 63, weighted, offsetCodes, dst + 2)) return false;
  storeSixBits(dst + 4);
  encodeAffine(src, 32, top, storedScale(dst), storedScale(dst + 2));
  return true;
}

export function encodeQ4_K(src: usize, dst: usize, elements: i32, importance: usize, columns: i32): i32 {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const own = importance === 0 ? 0 : importance + ((<usize>(i % columns)) << 2);
    if (!encodeSixBitScaled(src, dst, own, 15, -1, 20)) return 1;
    storeNibbles(dst + 16);
    src += 1024;
    dst += 144;
  }
  return 0;
}

export function encodeQ5_K(src: usize, dst: usize, elements: i32, importance: usize, columns: i32): i32 {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const own = importance === 0 ? 0 : importance + ((<usize>(i % columns)) << 2);
    if (!encodeSixBitScaled(src, dst, own, 31, -0.5, 15)) return 1;
    storeTopBits(dst + 16, 4);
    storeNibbles(dst + 48);
    src += 1024;
    dst += 176;
  }
  return 0;
}

/** The scale of largest magnitude among 16, the first of equal ones. */
function extremeScale(): f32 {
  let extreme: f32 = 0;
  for (let at: usize = 0; at < 64; at += 4) {
    const scale = load<f32>(scales + at);
    if (abs<f32>(scale) > abs<f32>(extreme)) extreme = scale;
  }
  return extreme;
}

/** Scales of the block's 16 groups by 19 attempts each; `w`: 256 weights, or 0 for squares. */
function symmetricScales(src: usize, w: usize, half: i32): void {
  for (let group = 0; group < 16; group += 4) {
    toLanes(src + ((<usize>group) << 6), 16, lanesOfX);
    if (w !== 0) {
      toLanes(w + ((<usize>group) << 6), 16, lanesOfW);
      keepWeightSums(group, 16);
    } else squareWeights();
    symmetricLanes(lanesOfX, lanesOfW, 16, half, found);
    keepFound(group);
  }
}

/** Codes of group `group` by its scale, or by the search where that is 0: then codes of zeros are 0. */
function encodeSymmetricGroup(src: usize, group: i32, own: f32, half: i32): void {
  const values = src + ((<usize>group) << 6);
  const inverse = load<f32>(inverses + ((<usize>group) << 2));
  let all = i8x16.splat(0);
  if (own !== 0) all = dividedCodes(values, 0, own, -half, half - 1, half);
  else if (inverse !== 0) all = scaledCodes(values, 0, inverse, -half, half - 1, half);
  v128.store(codes + ((<usize>group) << 4), all);
}

export function encodeQ6_K(src: usize, dst: usize, elements: i32, importance: usize, columns: i32): i32 {
  for (let i = 0; i + 256 <= elements; i += 256) {
    symmetricScales(src, importance === 0 ? 0 : importance + ((<usize>(i % columns)) << 2), 32);
    const extreme = extremeScale();
    if (abs<f32>(extreme) < <f32>1e-15) memory.fill(dst, 0, 210);
    else {
      const inverse: f32 = <f32>-128 / extreme;
      if (!storeScale(dst + 208, 1 / inverse)) return 1;
      const scale = storedScale(dst + 208);
      for (let group = 0; group < 16; group++) {
        const code = <i8>min<i32>(127, nearestOf(inverse * load<f32>(scales + ((<usize>group) << 2))));
        store<i8>(dst + 192 + group, code);
        encodeSymmetricGroup(src, group, scale * <f32>code, 32);
      }
      storeSixBitCodes(dst);
    }
    src += 1024;
    dst += 210;
  }
  return 0;
}

/** Low nibbles of 128 codes in 64 bytes, their upper pairs in 32. */
function storeSixBitCodes(dst: usize): void {
  const low = i8x16.splat(15);
  for (let part: usize = 0; part < 2; part++) {
    for (let l: usize = 0; l < 32; l += 16) {
      const from = codes + (part << 7) + l;
      const a = v128.load(from);
      const b = v128.load(from, 32);
      const c = v128.load(from, 64);
      const d = v128.load(from, 96);
      const nibbles = dst + (part << 6) + l;
      v128.store(nibbles, v128.or(v128.and(a, low), i8x16.shl(c, 4)));
      v128.store(nibbles, v128.or(v128.and(b, low), i8x16.shl(d, 4)), 32);
      const ab = v128.or(i8x16.shr_u(a, 4), i8x16.shl(i8x16.shr_u(b, 4), 2));
      const cd = v128.or(i8x16.shl(i8x16.shr_u(c, 4), 4), i8x16.shl(i8x16.shr_u(d, 4), 6));
      v128.store(dst + 128 + (part << 5) + l, v128.or(ab, cd));
    }
  }
}

/** Takes the codes of -4..3 that the search of a group left in its lane. */
function keepLaneCodes(group: i32): void {
  const lane = floatCodes + ((<usize>(group >> 2)) << 8) + ((<usize>(group & 3)) << 2);
  const place = codes + ((<usize>group) << 4);
  for (let i: usize = 0; i < 16; i++) store<u8>(place + i, <u8>(<i32>load<f32>(lane + (i << 4)) + 4));
}

export function encodeQ3_K(src: usize, dst: usize, elements: i32, importance: usize, columns: i32): i32 {
  for (let i = 0; i + 256 <= elements; i += 256) {
    memory.fill(dst + 96, 0, 12);
    if (importance !== 0) {
      const own = importance + ((<usize>(i % columns)) << 2);
      importanceWeights(src, own, (2 * squareSum(src)) / 256, 256, weights);
      symmetricScales(src, weights, 4);
      if (!storeScale(dst + 108, symmetricScaleOf(scales, 16, 32, weightSums, scaleCodes))) return 1;
    } else {
      for (let group = 0; group < 16; group += 4) {
        toLanes(src + ((<usize>group) << 6), 16, lanesOfX);
        refinedLanes(lanesOfX, 16, 4, floatCodes + ((<usize>group) << 6), found);
        keepFound(group);
      }
      const extreme = extremeScale();
      v128.store(scaleCodes, i8x16.splat(0));
      if (extreme === 0) store<u16>(dst + 108, 0);
      else {
        const inverse: f32 = <f32>-32 / extreme;
        for (let group = 0; group < 16; group++) {
          const code = <i8>nearestOf(inverse * load<f32>(scales + ((<usize>group) << 2)));
          store<u8>(scaleCodes + group, <u8>(min<i32>(31, max<i32>(-32, code)) + 32));
        }
        if (!storeScale(dst + 108, 1 / inverse)) return 1;
      }
    }
    const scale = storedScale(dst + 108);
    for (let group = 0; group < 16; group++) {
      const code = <i32>load<u8>(scaleCodes + group);
      const low = dst + 96 + (group & 7);
      store<u8>(low, <u8>(load<u8>(low) | ((code & 15) << (group < 8 ? 0 : 4))));
      const high = dst + 104 + (group & 3);
      store<u8>(high, <u8>(load<u8>(high) | ((code >> 4) << (2 * (group >> 2)))));
      const own = scale * <f32>(code - 32);
      if (own !== 0 || importance !== 0) encodeSymmetricGroup(src, group, own, 4);
      else keepLaneCodes(group);
    }
    storeTopBits(dst, 2);
    storePairs(dst + 32);
    src += 1024;
    dst += 110;
  }
  return 0;
}
