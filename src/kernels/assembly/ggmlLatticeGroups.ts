/** The scale and the points of a group for ggml's IQ2 and IQ3 types: `LatticeGroup` of src/quant/schemes/ggml/latticeSearch.ts, four attempts at once. */

import { nearestLanes } from './ggmlLanes';
import { nearestOfEight, nearestOfFour } from './ggmlLattice';
import { positiveScale } from './ggmlPositiveScale';

/** Whether points are chosen anew once the scale is known: those of places between points, all if there is one, or all always. */
export const againMissed: i32 = 0;
export const againAllIfMissed: i32 = 1;
export const againAll: i32 = 2;

/** Magnitudes, weights, their roots and their products with the values: up to 32 float32 each. */
export const groupValues: usize = memory.data(128);
export const groupWeights: usize = memory.data(128);
const roots: usize = memory.data(128);
const weighted: usize = memory.data(128);
/** What was found: numbers of up to 8 points (u32), and a byte of signs for each eight values. */
export const groupPoints: usize = memory.data(32);
export const groupSigns: usize = memory.data(4);
export let groupScale: f32 = 0;

/** Points that four attempts chose, a lane for each, and places where there was none, a bit for each. */
const tried: usize = memory.data(128);
const triedMissed: usize = memory.data(16);
const codes: usize = memory.data(32);
const lanes: usize = memory.data(64);

/** The type's lattice and rule; set by `useRule`. */
let tables: usize = 0;
let pointBits: usize = 0;
let isEight: bool = true;
let size: i32 = 32;
let attempts: i32 = 0;
let step: f32 = 0;
let smallest: f32 = 0;
let evenSigns: bool = false;
let fromPositive: bool = false;
let again: i32 = 0;

/** Chooses what `findGroup` goes by; see `LatticeRule`. A lattice has points of eight values or of four. */
export function useRule(
  itsTables: usize,
  ofEight: bool,
  itsSize: i32,
  itsAttempts: i32,
  itsStep: f32,
  itsSmallest: f32,
  hasEvenSigns: bool,
  isFromPositive: bool,
  itsAgain: i32,
): void {
  tables = itsTables;
  isEight = ofEight;
  pointBits = itsTables + (ofEight ? 4 * 6561 : 4 * 4096);
  size = itsSize;
  attempts = itsAttempts;
  step = itsStep;
  smallest = itsSmallest;
  evenSigns = hasEvenSigns;
  fromPositive = isFromPositive;
  again = itsAgain;
}

/** Magnitudes and signs; where these must be even, the value that matters least gets the other sign. */
function takeSigns(src: usize): void {
  for (let eight = 0; eight < size >> 3; eight++) {
    let own = 0;
    let least = 0;
    let leastLoss: f32 = 0;
    for (let i = 0; i < 8; i++) {
      const at = (<usize>(8 * eight + i)) << 2;
      const value = load<f32>(src + at);
      const isNegative = !(value >= 0);
      store<f32>(groupValues + at, isNegative ? -value : value);
      own |= (<i32>isNegative) << i;
      if (!evenSigns) continue;
      const loss = load<f32>(groupWeights + at) * value * value;
      if (i === 0 || loss < leastLoss) {
        leastLoss = loss;
        least = i;
      }
    }
    if (evenSigns && (popcnt<i32>(own) & 1) === 1) {
      const at = groupValues + ((<usize>(8 * eight + least)) << 2);
      store<f32>(at, -load<f32>(at));
      own ^= 1 << least;
    }
    store<u8>(groupSigns + eight, <u8>own);
  }
}

/** The point near a place for a lane's attempt. */
function nearestFor(list: usize, scale: f32, at: usize): i32 {
  const scales = f32x4.splat(scale);
  const first = f32x4.mul(scales, f32x4(1, 3, 5, 7));
  if (isEight) return nearestOfEight(list, first, groupValues + at, roots + at);
  return nearestOfFour(list, first, f32x4.mul(scales, f32x4(9, 11, 13, 15)), groupValues + at, roots + at);
}

/** Numbers of four places, a lane for each attempt. */
function placesAt(at: usize, inverse: v128): v128 {
  const dimensions: usize = isEight ? 8 : 4;
  const base = f32x4.splat(isEight ? 3 : 8);
  const top = i32x4.splat(isEight ? 2 : 7);
  const zero = i32x4.splat(0);
  let number = f32x4.splat(0);
  let power = f32x4.splat(1);
  for (let i: usize = 0; i < dimensions << 2; i += 4) {
    const scaled = f32x4.sub(f32x4.mul(inverse, v128.load32_splat(groupValues + at + i)), f32x4.splat(1));
    const nearest = nearestLanes(f32x4.mul(f32x4.splat(0.5), scaled));
    const code = f32x4.convert_i32x4_s(i32x4.min_s(i32x4.max_s(nearest, zero), top));
    number = f32x4.add(number, f32x4.mul(code, power));
    power = f32x4.mul(power, base);
  }
  return i32x4.trunc_sat_f32x4_s(number);
}

/** Chooses points for `count` attempts with their scales; `tried` and `triedMissed` hold them then. */
function choose(inverse: v128, scale: v128, count: i32): void {
  v128.store(triedMissed, i32x4.splat(0));
  v128.store(lanes, scale);
  const pointBytes: usize = isEight ? 32 : 16;
  let place: usize = 0;
  for (let at: usize = 0; at < (<usize>size) << 2; at += pointBytes, place++) {
    v128.store(lanes, placesAt(at, inverse), 16);
    for (let lane: usize = 0; lane < <usize>count; lane++) {
      let point = load<u32>(tables + (load<u32>(lanes + (lane << 2), 16) << 2));
      if (<i32>point < 0) {
        const missed = triedMissed + (lane << 2);
        store<u32>(missed, load<u32>(missed) | (1 << (<u32>place)));
        point = nearestFor(tables + (point & 0x7fffffff), load<f32>(lanes + (lane << 2)), at);
      }
      store<u32>(tried + (place << 4) + (lane << 2), point);
    }
  }
}

let productSums: v128 = i32x4.splat(0);
let squareSums: v128 = i32x4.splat(0);

/** Weighted sums of products with the levels, and of their squares, for four choices of points in lanes at `points`. */
function sumLevels(points: usize): void {
  const pointBytes: usize = isEight ? 32 : 16;
  const bits = isEight ? 3 : 4;
  const mask = i32x4.splat(isEight ? 7 : 15);
  let products = f32x4.splat(0);
  let squares = f32x4.splat(0);
  for (let from: usize = 0; from < (<usize>size) << 2; from += pointBytes) {
    let digits = v128.load32_zero(pointBits + (load<u32>(points) << 2));
    digits = v128.load32_lane(pointBits + (load<u32>(points, 4) << 2), digits, 1);
    digits = v128.load32_lane(pointBits + (load<u32>(points, 8) << 2), digits, 2);
    digits = v128.load32_lane(pointBits + (load<u32>(points, 12) << 2), digits, 3);
    points += 16;
    for (let at = from; at < from + pointBytes; at += 4) {
      const level = f32x4.convert_i32x4_s(v128.and(digits, mask));
      digits = i32x4.shr_u(digits, bits);
      products = f32x4.add(products, f32x4.mul(v128.load32_splat(weighted + at), level));
      const own = f32x4.mul(v128.load32_splat(groupWeights + at), level);
      squares = f32x4.add(squares, f32x4.mul(own, level));
    }
  }
  productSums = products;
  squareSums = squares;
}

/** Keeps a lane's points. */
function takeLane(lane: usize, place: usize): void {
  store<u32>(groupPoints + (place << 2), load<u32>(tried + (place << 4) + (lane << 2)));
}

/** Finds the points, signs and scale of the values at `src`; the weights are set. False for a group of zeros. */
export function findGroup(src: usize): bool {
  const bytes = (<usize>size) << 2;
  const places: usize = size >> (isEight ? 3 : 2);
  takeSigns(src);
  let largest = load<f32>(groupValues);
  for (let at: usize = 0; at < bytes; at += 16) {
    const weight = v128.load(groupWeights + at);
    v128.store(roots + at, f32x4.sqrt(weight));
    v128.store(weighted + at, f32x4.mul(weight, v128.load(groupValues + at)));
  }
  for (let at: usize = 4; at < bytes; at += 4) {
    const value = load<f32>(groupValues + at);
    largest = largest > value ? largest : value;
  }
  memory.fill(groupPoints, 0, 32);
  groupScale = 0;
  if (smallest === 0 ? largest === 0 : largest < smallest) return false;
  const top: f32 = isEight ? 5 : 15;
  let extent = largest;
  let scale = largest / top;
  if (fromPositive) {
    scale = positiveScale(groupValues, size, 4, groupWeights, codes);
    extent = scale * 3;
    if (extent <= 0) return false;
  }
  let best: f32 = 0;
  let missed: u32 = again === againMissed ? 0 : 255;
  for (let attempt = -attempts; attempt <= attempts; attempt += 4) {
    const count = min<i32>(4, attempts - attempt + 1);
    const number = f32x4.convert_i32x4_s(i32x4.add(i32x4.splat(attempt), i32x4(0, 1, 2, 3)));
    const steps = f32x4.add(f32x4.splat(top), f32x4.mul(number, f32x4.splat(step)));
    const inverse = f32x4.div(steps, f32x4.splat(extent));
    choose(inverse, f32x4.div(f32x4.splat(1), inverse), count);
    sumLevels(tried);
    v128.store(lanes, productSums, 32);
    v128.store(lanes, squareSums, 48);
    for (let lane: usize = 0; lane < <usize>count; lane++) {
      const products = load<f32>(lanes + (lane << 2), 32);
      const squares = load<f32>(lanes + (lane << 2), 48);
      if (!(squares > 0 && products * products > best * squares)) continue;
      scale = products / squares;
      best = scale * products;
      for (let place: usize = 0; place < places; place++) takeLane(lane, place);
      missed = load<u32>(triedMissed + (lane << 2));
    }
  }
  const all: u32 = (1 << (<u32>places)) - 1;
  if ((again === againAll || (missed & all) !== 0) && scale > 0) {
    choose(f32x4.splat(1 / scale), f32x4.splat(scale), 1);
    for (let place: usize = 0; place < places; place++)
      if (again !== againMissed || ((missed >> <u32>place) & 1) !== 0) takeLane(0, place);
    for (let place: usize = 0; place < places; place++)
      v128.store(tried + (place << 4), v128.load32_splat(groupPoints + (place << 2)));
    sumLevels(tried);
    const squares = f32x4.extract_lane(squareSums, 0);
    if (squares > 0) scale = f32x4.extract_lane(productSums, 0) / squares;
  }
  if (scale < 0) {
    scale = -scale;
    store<u32>(groupSigns, ~load<u32>(groupSigns));
  }
  groupScale = scale;
  return true;
}
