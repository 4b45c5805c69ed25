/** Encoders of ggml's IQ2 and IQ3 types; src/quant/schemes/ggml/latticeTypes.ts says what is computed, and gives the same bytes. */
import { importanceWeights, squareSum } from './ggmlKTypes';
import { nearestOf, storeScale } from './ggmlLanes';
import {
  againAll,
  againAllIfMissed,
  againMissed,
  findGroup,
  groupPoints,
  groupScale,
  groupSigns,
  groupWeights,
  useRule,
} from './ggmlLatticeGroups';

/** Scales of the groups of a block, and how many of them hold values. */
const scales: usize = memory.data(64);
let largest: f32 = 0;
let slot: i32 = 0;

/** Weights of a group of `size` values: by importance, or `share` of the mean square plus the square. */
function weigh(src: usize, importance: usize, meanSquare: f32, share: f32, size: i32): void {
  if (importance !== 0) {
    importanceWeights(src, importance, meanSquare, size, groupWeights);
    return;
  }
  const mean = f32x4.splat(share * meanSquare);
  for (let at: usize = 0; at < (<usize>size) << 2; at += 16) {
    const value = v128.load(src + at);
    v128.store(groupWeights + at, f32x4.add(mean, f32x4.mul(value, value)));
  }
}

/** Where the importance of a block begins; 0 for none. */
function ownImportance(importance: usize, columns: i32, i: i32): usize {
  return importance === 0 ? 0 : importance + ((<usize>(i % columns)) << 2);
}

function beginBlock(dst: usize, bytes: i32): void {
  memory.fill(dst, 0, bytes);
  largest = 0;
  slot = 0;
}

/** Looks for one group; false for one of zeros. */
function foundGroup(src: usize, group: i32): bool {
  const isFound = findGroup(src);
  const scale: f32 = isFound ? groupScale : 0;
  store<f32>(scales + ((<usize>group) << 2), scale);
  if (scale > largest) largest = scale;
  return isFound;
}

/** Code 0..15 of a group's scale. */
function scaleCode(inverse: f32, group: i32): i32 {
  const scaled = inverse * load<f32>(scales + ((<usize>group) << 2)) - 1;
  return min<i32>(15, max<i32>(0, nearestOf(<f32>0.5 * scaled)));
}

function pointOf(place: usize): u32 {
  return load<u32>(groupPoints + (place << 2));
}

/** Seven bits of the signs of each eight values. */
function signWord(): u32 {
  const signs = load<u32>(groupSigns);
  return (signs & 127) | ((signs >> 1) & 0x3f80) | ((signs >> 2) & 0x1fc000) | ((signs >> 3) & 0xfe00000);
}

/** Nibbles of the groups' scales. */
function storeNibbles(dst: usize, groups: i32, inverse: f32): void {
  for (let group = 0; group < groups; group += 2) {
    const both = scaleCode(inverse, group) | (scaleCode(inverse, group + 1) << 4);
    store<u8>(dst + (group >> 1), <u8>both);
  }
}

/** The upper four bits of words that lie `stride` bytes apart. */
function storeInWords(dst: usize, stride: usize, inverse: f32): void {
  for (let group = 0; group < 8; group++) {
    const word = dst + stride * <usize>group;
    store<u32>(word, load<u32>(word) | (scaleCode(inverse, group) << 28));
  }
}

/** Eight points of a byte each, four points' signs in a word. */
function storeBytePoints(dst: usize, signs: usize, places: usize): void {
  for (let k: usize = 0; k < places; k++) store<u8>(dst + k, <u8>pointOf(k));
  store<u32>(signs, signWord());
}

/** The values of `elements` are weighted by `importance`, a row's, or 0. Returns 1 where the scale of a block is beyond F16, else 0. */
export function encodeIQ2_XXS(
  src: usize,
  dst: usize,
  elements: i32,
  importance: usize,
  columns: i32,
  tables: usize,
): i32 {
  useRule(tables, true, 32, 6, 0.1, 1e-15, true, true, againAll);
  for (let i = 0; i + 256 <= elements; i += 256) {
    beginBlock(dst, 66);
    const own = ownImportance(importance, columns, i);
    const meanSquare = squareSum(src) / 256;
    for (let group = 0; group < 8; group++) {
      const at = (<usize>group) << 7;
      weigh(src + at, own === 0 ? 0 : own + at, meanSquare, 0, 32);
      if (!foundGroup(src + at, group)) continue;
      const words = dst + 2 + ((<usize>group) << 3);
      storeBytePoints(words, words + 4, 4);
    }
    if (largest === 0) memory.fill(dst, 0, 66);
    else {
      const scale = largest / 31;
      if (!storeScale(dst, scale)) return 1;
      storeInWords(dst + 6, 8, 1 / scale);
    }
    src += 1024;
    dst += 66;
  }
  return 0;
}

export function encodeIQ2_XS(
  src: usize,
  dst: usize,
  elements: i32,
  importance: usize,
  columns: i32,
  tables: usize,
): i32 {
  useRule(tables, true, 16, 9, 0.1, 1e-15, true, false, againMissed);
  for (let i = 0; i + 256 <= elements; i += 256) {
    beginBlock(dst, 74);
    const own = ownImportance(importance, columns, i);
    const meanSquare = squareSum(src) / 256;
    for (let group = 0; group < 16; group++) {
      const at = (<usize>group) << 6;
      weigh(src + at, own === 0 ? 0 : own + at, meanSquare, 0, 16);
      if (!foundGroup(src + at, group)) continue;
      const words = dst + 2 + ((<usize>group) << 2);
      store<u16>(words, <u16>(pointOf(0) | ((<u32>load<u8>(groupSigns) & 127) << 9)));
      store<u16>(words, <u16>(pointOf(1) | ((<u32>load<u8>(groupSigns, 1) & 127) << 9)), 2);
    }
    if (largest === 0) memory.fill(dst, 0, 74);
    else {
      const scale = largest / 31;
      if (!storeScale(dst, scale)) return 1;
      storeNibbles(dst + 66, 16, 1 / scale);
    }
    src += 1024;
    dst += 74;
  }
  return 0;
}

export function encodeIQ2_S(
  src: usize,
  dst: usize,
  elements: i32,
  importance: usize,
  columns: i32,
  tables: usize,
): i32 {
  useRule(tables, true, 16, 9, 0.1, 1e-8, false, false, againMissed);
  for (let i = 0; i + 256 <= elements; i += 256) {
    beginBlock(dst, 82);
    const own = ownImportance(importance, columns, i);
    const meanSquare = (<f32>2 * squareSum(src)) / 256;
    for (let group = 0; group < 16; group++) {
      const at = (<usize>group) << 6;
      weigh(src + at, own === 0 ? 0 : own + at, meanSquare, 0.25, 16);
      if (!foundGroup(src + at, group)) continue;
      for (let k: usize = 0; k < 2; k++) {
        const eight = 2 * <usize>group + k;
        store<u8>(dst + 2 + eight, <u8>pointOf(k));
        store<u8>(dst + 34 + eight, load<u8>(groupSigns + k));
        const upper = dst + 66 + (eight >> 2);
        store<u8>(upper, <u8>(<u32>load<u8>(upper) | ((pointOf(k) >> 8) << (2 * (<u32>eight & 3)))));
      }
    }
    if (largest !== 0) {
      const scale = largest / 31;
      if (!storeScale(dst, scale * <f32>0.9875)) return 1;
      storeNibbles(dst + 74, 16, 1 / scale);
    }
    src += 1024;
    dst += 82;
  }
  return 0;
}

export function encodeIQ3_XXS(
  src: usize,
  dst: usize,
  elements: i32,
  importance: usize,
  columns: i32,
  tables: usize,
): i32 {
  useRule(tables, false, 32, 15, 0.2, 1e-8, true, false, againMissed);
  for (let i = 0; i + 256 <= elements; i += 256) {
    beginBlock(dst, 98);
    const own = ownImportance(importance, columns, i);
    const meanSquare = (<f32>2 * squareSum(src)) / 256;
    for (let group = 0; group < 8; group++) {
      const at = (<usize>group) << 7;
      weigh(src + at, own === 0 ? 0 : own + at, meanSquare, 0, 32);
      if (!foundGroup(src + at, group)) continue;
      storeBytePoints(dst + 2 + ((<usize>group) << 3), dst + 66 + ((<usize>group) << 2), 8);
    }
    if (largest === 0) memory.fill(dst, 0, 98);
    else {
      const scale = largest / 31;
      if (!storeScale(dst, scale * <f32>1.0125)) return 1;
      storeInWords(dst + 66, 4, 1 / scale);
    }
    src += 1024;
    dst += 98;
  }
  return 0;
}

export function encodeIQ3_S(
  src: usize,
  dst: usize,
  elements: i32,
  importance: usize,
  columns: i32,
  tables: usize,
): i32 {
  useRule(tables, false, 32, 9, 0.2, 0, false, false, againAllIfMissed);
  for (let i = 0; i + 256 <= elements; i += 256) {
    beginBlock(dst, 110);
    const own = ownImportance(importance, columns, i);
    const meanSquare = (<f32>2 * squareSum(src)) / 256;
    for (let group = 0; group < 8; group++) {
      const at = (<usize>group) << 7;
      weigh(src + at, own === 0 ? 0 : own + at, meanSquare, 0, 32);
      if (!foundGroup(src + at, group)) continue;
      // As in ggml a group of zeros takes no room.
      const points = dst + 2 + ((<usize>slot) << 3);
      let upper: u32 = 0;
      for (let k: usize = 0; k < 8; k++) {
        store<u8>(points + k, <u8>pointOf(k));
        upper |= (pointOf(k) >> 8) << (<u32>k);
      }
      store<u8>(dst + 66 + group, <u8>upper);
      store<u32>(dst + 74 + ((<usize>slot) << 2), load<u32>(groupSigns));
      slot++;
    }
    if (largest !== 0) {
      const scale = largest / 31;
      if (!storeScale(dst, scale * <f32>1.033)) return 1;
      storeNibbles(dst + 106, 8, 1 / scale);
    }
    src += 1024;
    dst += 110;
  }
  return 0;
}
