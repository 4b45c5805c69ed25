/**
 * For ggml's IQ1 types: values in ascending order are split into three runs, whose levels are -1, 0 and 1 shifted by an eighth up or
 * down, and every split is tried; `splitOf32` and `splitOf16` of src/quant/schemes/ggml/oneBitTypes.ts. Sums are tried
 * in lanes, and only where one of them is better than the best so far, one after the other.
 */

/** Places of the values in ascending order, and the values in it. */
const order: usize = memory.data(32);
const ordered: usize = memory.data(128);
/**
 * Sums of the first values of that order, weighted, and of their weights: a float32 each, with room for lanes behind the last of 33;
 * or 17 times a lane for each half and shift.
 */
const valueSums: usize = memory.data(288);
const weightSums: usize = memory.data(288);
const lanes: usize = memory.data(64);

/** The best split: its borders, its scale, and which shift that was for. */
let isSplit: bool = false;
let score: f32 = 0;
let splitFirst: i32 = 0;
let splitSecond: i32 = 0;
export let splitScale: f32 = 0;
export let splitShift: i32 = 0;

/** Puts a group's values in order; equal ones stay as they are. */
function sort(src: usize, size: i32): void {
  for (let i = 0; i < size; i++) {
    const value = load<f32>(src + ((<usize>i) << 2));
    let at = i;
    for (; at > 0; at--) {
      const before = load<f32>(ordered + ((<usize>(at - 1)) << 2));
      if (!(before > value)) break;
      store<f32>(ordered + ((<usize>at) << 2), before);
      store<u8>(order + at, load<u8>(order + at - 1));
    }
    store<f32>(ordered + ((<usize>at) << 2), value);
    store<u8>(order + at, <u8>i);
  }
}

/** Takes a split where it is better than the best so far. */
function trySplit(product: f32, square: f32, first: i32, second: i32, shift: i32): void {
  if (!(square > 0 && product * product > score * square)) return;
  splitScale = product / square;
  score = splitScale * product;
  splitFirst = first;
  splitSecond = second;
  splitShift = shift;
  isSplit = true;
}

/** Bits of the lanes that are better than the best split so far. */
function betterLanes(products: v128, squares: v128): i32 {
  const isMore = f32x4.gt(f32x4.mul(products, products), f32x4.mul(f32x4.splat(score), squares));
  return i32x4.bitmask(v128.and(isMore, f32x4.gt(squares, f32x4.splat(0))));
}

/** low a + middle b + high c. */
function runsOf(low: v128, middle: v128, high: v128, a: f32, b: f32, c: f32): v128 {
  const two = f32x4.add(f32x4.mul(low, f32x4.splat(a)), f32x4.mul(middle, f32x4.splat(b)));
  return f32x4.add(two, f32x4.mul(high, f32x4.splat(c)));
}

/** low a a + middle b b + high c c. */
function squaresOf(low: v128, middle: v128, high: v128, a: f32, b: f32, c: f32): v128 {
  return runsOf(
    f32x4.mul(low, f32x4.splat(a)),
    f32x4.mul(middle, f32x4.splat(b)),
    f32x4.mul(high, f32x4.splat(c)),
    a,
    b,
    c,
  );
}

function beginSplits(): void {
  isSplit = false;
  score = -3.4028234663852886e38;
}

/** The best split of 32 values, all with one shift: 1 or -1; false where there is none. */
export function splitOf32(src: usize, weights: usize): bool {
  sort(src, 32);
  beginSplits();
  store<f32>(valueSums, 0);
  store<f32>(weightSums, 0);
  for (let j: usize = 0; j < 32; j++) {
    const at = (<usize>load<u8>(order + j)) << 2;
    const weight = load<f32>(weights + at);
    const to = j << 2;
    store<f32>(valueSums + to, load<f32>(valueSums + to) + weight * load<f32>(src + at), 4);
    store<f32>(weightSums + to, load<f32>(weightSums + to) + weight, 4);
  }
  const allValues = v128.load32_splat(valueSums + 128);
  const allWeights = v128.load32_splat(weightSums + 128);
  for (let first = 0; first <= 32; first++) {
    const low = v128.load32_splat(valueSums + ((<usize>first) << 2));
    const lowWeight = v128.load32_splat(weightSums + ((<usize>first) << 2));
    for (let second = first; second <= 32; second += 4) {
      const to = v128.load(valueSums + ((<usize>second) << 2));
      const weightTo = v128.load(weightSums + ((<usize>second) << 2));
      const middle = f32x4.sub(to, low);
      const high = f32x4.sub(allValues, to);
      const middleWeight = f32x4.sub(weightTo, lowWeight);
      const highWeight = f32x4.sub(allWeights, weightTo);
      const up = runsOf(low, middle, high, -0.875, 0.125, 1.125);
      const upSquares = squaresOf(lowWeight, middleWeight, highWeight, -0.875, 0.125, 1.125);
      const down = runsOf(low, middle, high, -1.125, -0.125, 0.875);
      const downSquares = squaresOf(lowWeight, middleWeight, highWeight, -1.125, -0.125, 0.875);
      if ((betterLanes(up, upSquares) | betterLanes(down, downSquares)) === 0) continue;
      v128.store(lanes, up);
      v128.store(lanes, upSquares, 16);
      v128.store(lanes, down, 32);
      v128.store(lanes, downSquares, 48);
      for (let lane = 0; lane < min<i32>(4, 33 - second); lane++) {
        const at = lanes + ((<usize>lane) << 2);
        trySplit(load<f32>(at), load<f32>(at, 16), first, second + lane, 1);
        trySplit(load<f32>(at, 32), load<f32>(at, 48), first, second + lane, -1);
      }
    }
  }
  return isSplit;
}

/** The best split of 16 values, whose halves have shifts of their own: 0 to 3, of which bit 1 lowers the first half. */
export function splitOf16(src: usize, weights: usize): bool {
  sort(src, 16);
  beginSplits();
  let values = f32x4.splat(0);
  let sums = values;
  v128.store(valueSums, values);
  v128.store(weightSums, sums);
  for (let j: usize = 0; j < 16; j++) {
    const i = <i32>load<u8>(order + j);
    const at = (<usize>i) << 2;
    const weight = load<f32>(weights + at);
    const own = i < 8 ? i32x4(-1, -1, 0, 0) : i32x4(0, 0, -1, -1);
    const product = f32x4.splat(weight * load<f32>(src + at));
    values = v128.bitselect(f32x4.add(values, product), values, own);
    sums = v128.bitselect(f32x4.add(sums, f32x4.splat(weight)), sums, own);
    v128.store(valueSums + (j << 4), values, 16);
    v128.store(weightSums + (j << 4), sums, 16);
  }
  // Levels of digits 0, 1 and 2: raised, lowered, for either half.
  const a = f32x4(-0.875, -1.125, -0.875, -1.125);
  const b = f32x4(0.125, -0.125, 0.125, -0.125);
  const c = f32x4(1.125, 0.875, 1.125, 0.875);
  const middleSquare = f32x4.mul(b, b);
  const lowFactor = f32x4.sub(f32x4.mul(a, a), middleSquare);
  const highFactor = f32x4.sub(middleSquare, f32x4.mul(c, c));
  const all = f32x4.mul(values, c);
  const allSquares = f32x4.mul(f32x4.mul(sums, c), c);
  for (let first = 0; first <= 16; first++) {
    const low = v128.load(valueSums + ((<usize>first) << 4));
    const lowSquares = f32x4.mul(v128.load(weightSums + ((<usize>first) << 4)), lowFactor);
    const begun = f32x4.add(allSquares, lowSquares);
    for (let second = first; second <= 16; second++) {
      const taken = f32x4.add(low, v128.load(valueSums + ((<usize>second) << 4)));
      const halfProducts = f32x4.sub(all, taken);
      const highSquares = f32x4.mul(v128.load(weightSums + ((<usize>second) << 4)), highFactor);
      const halfSquares = f32x4.add(begun, highSquares);
      const products = f32x4.add(
        v128.shuffle<u32>(halfProducts, halfProducts, 0, 0, 1, 1),
        v128.shuffle<u32>(halfProducts, halfProducts, 2, 3, 2, 3),
      );
      const squares = f32x4.add(
        v128.shuffle<u32>(halfSquares, halfSquares, 0, 0, 1, 1),
        v128.shuffle<u32>(halfSquares, halfSquares, 2, 3, 2, 3),
      );
      if (betterLanes(products, squares) === 0) continue;
      v128.store(lanes, products);
      v128.store(lanes, squares, 16);
      for (let shift = 0; shift < 4; shift++) {
        const at = lanes + ((<usize>shift) << 2);
        trySplit(load<f32>(at), load<f32>(at, 16), first, second, shift);
      }
    }
  }
  return isSplit;
}

/** Stores the digits of the best split, a byte each, and turns them round where its scale is negative; true if it did. */
export function takeSplit(size: i32, digits: usize): bool {
  const isTurned = splitScale < 0;
  for (let j = 0; j < size; j++) {
    const digit = j < splitFirst ? 0 : j < splitSecond ? 1 : 2;
    store<u8>(digits + <usize>load<u8>(order + j), <u8>(isTurned ? 2 - digit : digit));
  }
  return isTurned;
}
