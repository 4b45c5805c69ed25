/** Encoders of ggml's IQ1_S and IQ1_M; src/quant/schemes/ggml/oneBitTypes.ts says what is computed, and gives the same bytes. */
import { importanceWeights, squareSum } from './ggmlKTypes';
import { nearestOf, storeScale } from './ggmlLanes';
import { nearestOfEight } from './ggmlLattice';
import { splitOf16, splitOf32, splitScale, splitShift, takeSplit } from './ggmlSplits';

/** What digits 0, 1 and 2 stand for with either shift. */
const levels: usize = memory.data<f32>([-0.875, 0.125, 1.125, 0, -1.125, -0.125, 0.875, 0]);
const lowered: usize = 16;

const weights: usize = memory.data(128);
const digits: usize = memory.data(32);
/** Numbers of up to four points (u32). */
const points: usize = memory.data(16);
const scales: usize = memory.data(64);
/** Of each group: for IQ1_S 1 or -1; for IQ1_M how the shifts of both halves are combined. */
const shifts: usize = memory.data(16);
const half: usize = memory.data(2);

function weigh(src: usize, importance: usize, meanSquare: f32, size: i32): void {
  if (importance !== 0) {
    importanceWeights(src, importance, meanSquare, size, weights);
    return;
  }
  for (let at: usize = 0; at < (<usize>size) << 2; at += 16) {
    const value = v128.load(src + at);
    v128.store(weights + at, f32x4.mul(value, value));
  }
}

/** Whether all values of a group count as zeros. */
function isNothing(src: usize, size: i32, smallest: f32): bool {
  let most = f32x4.splat(0);
  for (let at: usize = 0; at < (<usize>size) << 2; at += 16)
    most = f32x4.pmax(most, f32x4.abs(v128.load(src + at)));
  return !v128.any_true(f32x4.ge(most, f32x4.splat(smallest)));
}

/** The levels of the digits of an eight. */
function levelsOf(eight: i32, firstLowered: bool, secondLowered: bool): usize {
  return levels + ((eight === 0 ? firstLowered : secondLowered) ? lowered : 0);
}

/** The level of value `i` of a point. */
function levelOf(tables: usize, point: u32, i: i32, own: usize): f32 {
  const bits = load<u32>(tables + 4 * 6561 + ((<usize>point) << 2));
  return load<f32>(own + ((<usize>((bits >> (3 * (i & 7))) & 7) >> 1) << 2));
}

/**
 * Points of the eights of a group whose digits are set, and the scale that fits them. The levels of the first eight are lowered or raised,
 * and those of the others.
 */
function choosePoints(
  tables: usize,
  src: usize,
  size: i32,
  given: f32,
  firstLowered: bool,
  secondLowered: bool,
): f32 {
  let isOn = true;
  for (let eight = 0; eight < size >> 3; eight++) {
    let place = 0;
    for (let i = 7; i >= 0; i--) place = 3 * place + <i32>load<u8>(digits + 8 * eight + i);
    let point = load<u32>(tables + ((<usize>place) << 2));
    if (<i32>point < 0) {
      isOn = false;
      const own = v128.load(levelsOf(eight, firstLowered, secondLowered));
      const reached = f32x4.mul(f32x4.splat(given), own);
      const at = (<usize>eight) << 5;
      point = nearestOfEight(tables + (point & 0x7fffffff), reached, src + at, weights + at);
    }
    store<u32>(points + ((<usize>eight) << 2), point);
  }
  if (isOn) return given;
  let products: f32 = 0;
  let squares: f32 = 0;
  for (let i = 0; i < size; i++) {
    const point = load<u32>(points + ((<usize>(i >> 3)) << 2));
    const level = levelOf(tables, point, i, levelsOf(i >> 3, firstLowered, secondLowered));
    const weighted = load<f32>(weights + ((<usize>i) << 2)) * level;
    products += weighted * load<f32>(src + ((<usize>i) << 2));
    squares += weighted * level;
  }
  return products > 0 && squares > 0 ? products / squares : given;
}

/** Code 0..7 of a group's scale. */
function scaleCode(inverse: f32, group: i32): i32 {
  const scaled = inverse * load<f32>(scales + ((<usize>group) << 2)) - 1;
  return min<i32>(7, max<i32>(0, nearestOf(<f32>0.5 * scaled)));
}

/** Where the importance of a block begins; 0 for none. */
function ownImportance(importance: usize, columns: i32, i: i32): usize {
  return importance === 0 ? 0 : importance + ((<usize>(i % columns)) << 2);
}

/** Scale and points of a group of IQ1_S; 0 for one of zeros. */
function groupOfS(tables: usize, src: usize, dst: usize, group: i32): f32 {
  store<i8>(shifts + group, 1);
  if (isNothing(src, 32, 1e-12)) return 0;
  if (!splitOf32(src, weights)) return 0;
  const isTurned = takeSplit(32, digits);
  const shift = isTurned ? -splitShift : splitShift;
  const scale = choosePoints(tables, src, 32, abs<f32>(splitScale), shift < 0, shift < 0);
  let upper: u32 = 0;
  for (let eight: usize = 0; eight < 4; eight++) {
    const point = load<u32>(points + (eight << 2));
    store<u8>(dst + 2 + ((<usize>group) << 2) + eight, <u8>point);
    upper |= (point >> 8) << (3 * <u32>eight);
  }
  store<u16>(dst + 34 + ((<usize>group) << 1), <u16>upper);
  store<i8>(shifts + group, <i8>shift);
  return scale;
}

/** The values of `elements` are weighted by `importance`, a row's, or 0. Returns 1 where the scale of a block is beyond F16, else 0. */
export function encodeIQ1_S(
  src: usize,
  dst: usize,
  elements: i32,
  importance: usize,
  columns: i32,
  tables: usize,
): i32 {
  for (let i = 0; i + 256 <= elements; i += 256) {
    memory.fill(dst, 0, 50);
    const own = ownImportance(importance, columns, i);
    const meanSquare = (<f32>2 * squareSum(src)) / 256;
    let largest: f32 = 0;
    for (let group = 0; group < 8; group++) {
      const at = (<usize>group) << 7;
      weigh(src + at, own === 0 ? 0 : own + at, meanSquare, 32);
      const scale = groupOfS(tables, src + at, dst, group);
      store<f32>(scales + ((<usize>group) << 2), scale);
      if (scale > largest) largest = scale;
    }
    if (largest !== 0) {
      const scale = largest / 15;
      if (!storeScale(dst, scale * <f32>1.125)) return 1;
      for (let group = 0; group < 8; group++) {
        const code = scaleCode(1 / scale, group) | (load<i8>(shifts + group) < 0 ? 8 : 0);
        const upper = dst + 35 + ((<usize>group) << 1);
        store<u8>(upper, <u8>(<i32>load<u8>(upper) | (code << 4)));
      }
    }
    src += 1024;
    dst += 50;
  }
  return 0;
}

/** Scale and points of a group of IQ1_M; 0 for one of zeros. */
function groupOfM(tables: usize, src: usize, dst: usize, group: i32): f32 {
  store<u8>(shifts + group, 0);
  if (isNothing(src, 16, 1e-7)) return 0;
  if (!splitOf16(src, weights)) return 0;
  const isTurned = takeSplit(16, digits);
  const shift = isTurned ? 3 - splitShift : splitShift;
  const given = abs<f32>(splitScale);
  const scale = choosePoints(tables, src, 16, given, (shift & 2) !== 0, (shift & 1) !== 0);
  const first = load<u32>(points);
  const second = load<u32>(points, 4);
  store<u8>(dst + ((<usize>group) << 1), <u8>first);
  store<u8>(dst + ((<usize>group) << 1), <u8>second, 1);
  store<u8>(dst + 32 + group, <u8>((first >> 8) | ((second >> 8) << 4)));
  store<u8>(shifts + group, <u8>shift);
  return scale;
}

/** Stores the shifts and the codes of the scales, and a block scale that fits all values best; false where that is beyond F16. */
function storeScalesOfM(
  tables: usize,
  src: usize,
  dst: usize,
  own: usize,
  meanSquare: f32,
  given: f32,
): bool {
  const inverse: f32 = 1 / given;
  let words: u64 = 0;
  let products: f32 = 0;
  let squares: f32 = 0;
  for (let group = 0; group < 16; group++) {
    const shift = <i32>load<u8>(shifts + group);
    const code = scaleCode(inverse, group);
    const steps = <f32>((code << 1) | 1);
    const bitOffset = 16 * (group >> 2) + 3 * (group & 3);
    words |= (<u64>code) << (<u64>bitOffset);
    const upper = <i32>load<u8>(dst + 32 + group);
    store<u8>(
      dst + 32 + group,
      <u8>(upper | ((shift & 2) !== 0 ? 0x08 : 0) | ((shift & 1) !== 0 ? 0x80 : 0)),
    );
    const at = (<usize>group) << 6;
    weigh(src + at, own === 0 ? 0 : own + at, meanSquare, 16);
    for (let i = 0; i < 16; i++) {
      const eight = i >> 3;
      const low = <u32>load<u8>(dst + ((<usize>group) << 1) + eight);
      const point = low | (((<u32>upper >> (4 * <u32>eight)) & 7) << 8);
      const digitLevels = levelsOf(eight, (shift & 2) !== 0, (shift & 1) !== 0);
      const level = levelOf(tables, point, i, digitLevels) * steps;
      const weighted = load<f32>(weights + ((<usize>i) << 2)) * level;
      products += weighted * load<f32>(src + at + ((<usize>i) << 2));
      squares += weighted * level;
    }
  }
  const scale: f32 = squares > 0 ? products / squares : given;
  if (!storeScale(half, scale * <f32>1.1125)) return false;
  const bits = <u64>load<u16>(half);
  words |= ((bits & 15) << 12) | ((bits & 0xf0) << 24) | ((bits & 0xf00) << 36) | ((bits & 0xf000) << 48);
  store<u64>(dst, words, 48);
  return true;
}

/** As `encodeIQ1_S`. */
export function encodeIQ1_M(
  src: usize,
  dst: usize,
  elements: i32,
  importance: usize,
  columns: i32,
  tables: usize,
): i32 {
  for (let i = 0; i + 256 <= elements; i += 256) {
    memory.fill(dst, 0, 56);
    const own = ownImportance(importance, columns, i);
    const meanSquare = (<f32>2 * squareSum(src)) / 256;
    let largest: f32 = 0;
    for (let group = 0; group < 16; group++) {
      const at = (<usize>group) << 6;
      weigh(src + at, own === 0 ? 0 : own + at, meanSquare, 16);
      const scale = groupOfM(tables, src + at, dst, group);
      store<f32>(scales + ((<usize>group) << 2), scale);
      if (scale > largest) largest = scale;
    }
    if (largest !== 0 && !storeScalesOfM(tables, src, dst, own, meanSquare, largest / 15)) return 1;
    src += 1024;
    dst += 56;
  }
  return 0;
}
