/** The searches of src/quant/schemes/ggml/searches.ts for four groups at once, one in each lane. */
import { magic, nearestLanes } from './ggmlLanes';

/** Groups of smaller values count as zeros. */
const smallestMagnitude: f32 = 1e-15;

/** Codes of one attempt, as float32. */
const triedCodes: usize = memory.data(512);

/** clamp(nearest(value), low, high) as float32, for values below 2^22. */
function nearestWithin(value: v128, low: v128, high: v128): v128 {
  const lifted = f32x4.add(value, f32x4.splat(magic));
  return f32x4.sub(f32x4.pmin(f32x4.pmax(lifted, low), high), f32x4.splat(magic));
}

/** The same for every value. */
function nearestWithinAny(value: v128, low: i32, high: i32): v128 {
  const bounded = i32x4.min_s(i32x4.max_s(nearestLanes(value), i32x4.splat(low)), i32x4.splat(high));
  return f32x4.convert_i32x4_s(bounded);
}

/** Places in what the searches find, four float32 each. `inverse` and `from` make the winner's codes once more. */
export const scaleAt: usize = 0;
export const offsetAt: usize = 16;
export const inverseAt: usize = 32;
export const fromAt: usize = 48;

/** Weighted errors of the attempt whose codes lie in `triedCodes`. */
function errorsOf(x: usize, w: usize, bytes: usize, scale: v128, low: v128, absolute: bool): v128 {
  let error = f32x4.splat(0);
  if (absolute) {
    for (let at: usize = 0; at < bytes; at += 16) {
      const value = f32x4.add(f32x4.mul(scale, v128.load(triedCodes + at)), low);
      const difference = f32x4.abs(f32x4.sub(value, v128.load(x + at)));
      error = f32x4.add(error, f32x4.mul(v128.load(w + at), difference));
    }
    return error;
  }
  for (let at: usize = 0; at < bytes; at += 16) {
    const value = f32x4.add(f32x4.mul(scale, v128.load(triedCodes + at)), low);
    const difference = f32x4.sub(value, v128.load(x + at));
    error = f32x4.add(error, f32x4.mul(v128.load(w + at), f32x4.mul(difference, difference)));
  }
  return error;
}

/** `affineScale`: values at `x` and weights at `w` have a lane for each group. */
export function affineLanes(
  x: usize,
  w: usize,
  count: i32,
  top: i32,
  first: f32,
  step: f32,
  last: i32,
  absolute: bool,
  found: usize,
): void {
  const bytes = (<usize>count) << 4;
  const zero = f32x4.splat(0);
  let low = v128.load(x);
  let high = low;
  let weightSum = v128.load(w);
  let valueSum = f32x4.mul(weightSum, low);
  for (let at: usize = 16; at < bytes; at += 16) {
    const value = v128.load(x + at);
    const weight = v128.load(w + at);
    low = f32x4.pmin(low, value);
    high = f32x4.pmax(high, value);
    weightSum = f32x4.add(weightSum, weight);
    valueSum = f32x4.add(valueSum, f32x4.mul(weight, value));
  }
  low = f32x4.pmin(low, zero);
  const flat = f32x4.le(high, low);
  const magics = f32x4.splat(magic);
  const topMagic = f32x4.splat(magic + <f32>top);
  let smallest = low;
  let inverse = f32x4.div(f32x4.splat(<f32>top), f32x4.sub(high, low));
  let scale = f32x4.div(f32x4.splat(1), inverse);
  let bestInverse = inverse;
  let bestFrom = smallest;
  let least = f32x4.splat(Infinity);
  for (let attempt = -1; attempt <= last; attempt++) {
    if (attempt >= 0) {
      const steps = first + step * <f32>attempt + <f32>top;
      inverse = f32x4.div(f32x4.splat(steps), f32x4.sub(high, smallest));
    }
    // Values between the extremes scale to what lies between theirs.
    const most = f32x4.pmax(
      f32x4.abs(f32x4.mul(inverse, f32x4.sub(high, smallest))),
      f32x4.abs(f32x4.mul(inverse, f32x4.sub(low, smallest))),
    );
    const isSafe = i32x4.all_true(v128.or(flat, f32x4.lt(most, f32x4.splat(4000000))));
    let codeSum = zero;
    let squareSum = zero;
    let productSum = zero;
    if (isSafe) {
      for (let at: usize = 0; at < bytes; at += 16) {
        const scaled = f32x4.mul(inverse, f32x4.sub(v128.load(x + at), smallest));
        v128.store(triedCodes + at, nearestWithin(scaled, magics, topMagic));
      }
    } else {
      for (let at: usize = 0; at < bytes; at += 16) {
        const scaled = f32x4.mul(inverse, f32x4.sub(v128.load(x + at), smallest));
        v128.store(triedCodes + at, nearestWithinAny(scaled, 0, top));
      }
    }
    for (let at: usize = 0; at < bytes; at += 16) {
      const value = v128.load(x + at);
      const code = v128.load(triedCodes + at);
      const weighted = f32x4.mul(v128.load(w + at), code);
      codeSum = f32x4.add(codeSum, weighted);
      squareSum = f32x4.add(squareSum, f32x4.mul(weighted, code));
      productSum = f32x4.add(productSum, f32x4.mul(weighted, value));
    }
    let tryScale = scale;
    let tryLow = smallest;
    let better = i32x4.splat(-1);
    if (attempt >= 0) {
      const determinant = f32x4.sub(f32x4.mul(weightSum, squareSum), f32x4.mul(codeSum, codeSum));
      better = f32x4.gt(determinant, zero);
      const scaleTop = f32x4.sub(f32x4.mul(weightSum, productSum), f32x4.mul(valueSum, codeSum));
      const lowTop = f32x4.sub(f32x4.mul(squareSum, valueSum), f32x4.mul(codeSum, productSum));
      tryScale = f32x4.div(scaleTop, determinant);
      tryLow = f32x4.div(lowTop, determinant);
      const positive = f32x4.gt(tryLow, zero);
      tryLow = v128.andnot(tryLow, positive);
      tryScale = v128.bitselect(f32x4.div(productSum, squareSum), tryScale, positive);
    }
    const error = errorsOf(x, w, bytes, tryScale, tryLow, absolute);
    if (attempt >= 0) better = v128.and(better, f32x4.lt(error, least));
    least = v128.bitselect(error, least, better);
    scale = v128.bitselect(tryScale, scale, better);
    bestInverse = v128.bitselect(inverse, bestInverse, better);
    bestFrom = v128.bitselect(smallest, bestFrom, better);
    smallest = v128.bitselect(tryLow, smallest, better);
  }
  v128.store(found, v128.andnot(scale, flat), scaleAt);
  v128.store(found, f32x4.neg(v128.bitselect(low, smallest, flat)), offsetAt);
  v128.store(found, v128.andnot(bestInverse, flat), inverseAt);
  v128.store(found, v128.andnot(bestFrom, flat), fromAt);
}

/** The value of largest magnitude of each lane, the first of equal ones. */
export function extremeLanes(x: usize, count: i32): v128 {
  let extreme = f32x4.splat(0);
  let magnitude = extreme;
  for (let at: usize = 0; at < (<usize>count) << 4; at += 16) {
    const value = v128.load(x + at);
    const larger = f32x4.gt(f32x4.abs(value), magnitude);
    extreme = v128.bitselect(value, extreme, larger);
    magnitude = f32x4.pmax(magnitude, f32x4.abs(value));
  }
  return extreme;
}

/** Lanes of zeros, or of values that count as such. */
export function zeroLanes(extreme: v128): v128 {
  return f32x4.lt(f32x4.abs(extreme), f32x4.splat(smallestMagnitude));
}

/** Weights times values, which every attempt needs. */
const weightedValues: usize = memory.data(512);

/** What the attempts of `symmetricLanes` have found so far, a lane for each group. */
let symmetricScale: v128 = i32x4.splat(0);
let symmetricBest: v128 = i32x4.splat(0);
let symmetricInverse: v128 = i32x4.splat(0);

/** Takes an attempt's scale where it is better. */
function takeSymmetric(productSum: v128, squareSum: v128, inverse: v128): void {
  const better = v128.and(
    f32x4.gt(squareSum, f32x4.splat(0)),
    f32x4.gt(f32x4.mul(productSum, productSum), f32x4.mul(symmetricBest, squareSum)),
  );
  const ratio = f32x4.div(productSum, squareSum);
  symmetricScale = v128.bitselect(ratio, symmetricScale, better);
  symmetricBest = v128.bitselect(f32x4.mul(ratio, productSum), symmetricBest, better);
  symmetricInverse = v128.bitselect(inverse, symmetricInverse, better);
}

/** `symmetricScale`; the inverse of lanes of zeros is 0. */
export function symmetricLanes(x: usize, w: usize, count: i32, half: i32, found: usize): void {
  const bytes = (<usize>count) << 4;
  const extreme = extremeLanes(x, count);
  const low = f32x4.splat(magic - <f32>half);
  const high = f32x4.splat(magic + <f32>(half - 1));
  const magics = f32x4.splat(magic);
  const zero = f32x4.splat(0);
  const first = f32x4.div(f32x4.splat(<f32>-half), extreme);
  let products = zero;
  let squares = zero;
  for (let at: usize = 0; at < bytes; at += 16) {
    const value = v128.load(x + at);
    const weight = v128.load(w + at);
    const weighted = f32x4.mul(weight, value);
    v128.store(weightedValues + at, weighted);
    const code = nearestWithin(f32x4.mul(first, value), low, high);
    products = f32x4.add(products, f32x4.mul(weighted, code));
    squares = f32x4.add(squares, f32x4.mul(f32x4.mul(weight, code), code));
  }
  symmetricScale = v128.andnot(f32x4.div(products, squares), f32x4.eq(squares, zero));
  symmetricBest = f32x4.mul(symmetricScale, products);
  symmetricInverse = first;
  // Two attempts in one walk: neither needs to know what the other finds.
  for (let pair = 0; pair < 9; pair++) {
    const shift = pair < 4 ? 2 * pair - 9 : pair === 4 ? -1 : 2 * pair - 8;
    const next = pair === 4 ? 1 : shift + 1;
    const inverseA = f32x4.div(f32x4.splat(-(<f32>half + <f32>0.1 * <f32>shift)), extreme);
    const inverseB = f32x4.div(f32x4.splat(-(<f32>half + <f32>0.1 * <f32>next)), extreme);
    let productsA = zero;
    let squaresA = zero;
    let productsB = zero;
    let squaresB = zero;
    for (let at: usize = 0; at < bytes; at += 16) {
      const value = v128.load(x + at);
      const weight = v128.load(w + at);
      const weighted = v128.load(weightedValues + at);
      const liftedA = f32x4.add(f32x4.mul(inverseA, value), magics);
      const liftedB = f32x4.add(f32x4.mul(inverseB, value), magics);
      const codeA = f32x4.sub(f32x4.pmin(f32x4.pmax(liftedA, low), high), magics);
      const codeB = f32x4.sub(f32x4.pmin(f32x4.pmax(liftedB, low), high), magics);
      productsA = f32x4.add(productsA, f32x4.mul(weighted, codeA));
      productsB = f32x4.add(productsB, f32x4.mul(weighted, codeB));
      squaresA = f32x4.add(squaresA, f32x4.mul(f32x4.mul(weight, codeA), codeA));
      squaresB = f32x4.add(squaresB, f32x4.mul(f32x4.mul(weight, codeB), codeB));
    }
    takeSymmetric(productsA, squaresA, inverseA);
    takeSymmetric(productsB, squaresB, inverseB);
  }
  const nothing = zeroLanes(extreme);
  v128.store(found, v128.andnot(symmetricScale, nothing), scaleAt);
  v128.store(found, v128.andnot(symmetricInverse, nothing), inverseAt);
}

/** `refinedScale` with codes of -half .. half - 1 as float32 at `codes`; lanes of zeros have the scale 0 and codes -half. */
export function refinedLanes(x: usize, count: i32, half: i32, codes: usize, found: usize): void {
  const bytes = (<usize>count) << 4;
  const extreme = extremeLanes(x, count);
  const nothing = zeroLanes(extreme);
  const lowMagic = f32x4.splat(magic - <f32>half);
  const highMagic = f32x4.splat(magic + <f32>(half - 1));
  const zero = f32x4.splat(0);
  const inverse = f32x4.div(f32x4.splat(<f32>-half), extreme);
  let productSum = zero;
  let squareSum = zero;
  for (let at: usize = 0; at < bytes; at += 16) {
    const value = v128.load(x + at);
    const code = nearestWithin(f32x4.mul(inverse, value), lowMagic, highMagic);
    v128.store(codes + at, code);
    const weight = f32x4.mul(value, value);
    productSum = f32x4.add(productSum, f32x4.mul(f32x4.mul(weight, value), code));
    squareSum = f32x4.add(squareSum, f32x4.mul(f32x4.mul(weight, code), code));
  }
  for (let attempt = 0; attempt < 5; attempt++) {
    // A lane without a change in one turn has none in the next.
    let changed = false;
    for (let at: usize = 0; at < bytes; at += 16) {
      const value = v128.load(x + at);
      const code = v128.load(codes + at);
      const weight = f32x4.mul(value, value);
      const weighted = f32x4.mul(weight, value);
      const product = f32x4.sub(productSum, f32x4.mul(weighted, code));
      const square = f32x4.sub(squareSum, f32x4.mul(f32x4.mul(weight, code), code));
      const wanted = f32x4.div(f32x4.mul(value, square), product);
      const next = nearestWithinAny(wanted, -half, half - 1);
      const nextProduct = f32x4.add(product, f32x4.mul(weighted, next));
      const nextSquare = f32x4.add(square, f32x4.mul(f32x4.mul(weight, next), next));
      const isLess = f32x4.gt(
        f32x4.mul(f32x4.mul(nextProduct, nextProduct), squareSum),
        f32x4.mul(f32x4.mul(productSum, productSum), nextSquare),
      );
      const take = v128.and(
        v128.and(f32x4.gt(product, zero), f32x4.ne(next, code)),
        v128.and(f32x4.gt(nextSquare, zero), v128.andnot(isLess, nothing)),
      );
      // A guessed branch: the sums of values that keep their codes are waited for by nobody.
      if (!v128.any_true(take)) continue;
      v128.store(codes + at, v128.bitselect(next, code, take));
      productSum = v128.bitselect(nextProduct, productSum, take);
      squareSum = v128.bitselect(nextSquare, squareSum, take);
      changed = true;
    }
    if (!changed) break;
  }
  const scale = v128.and(f32x4.div(productSum, squareSum), f32x4.gt(squareSum, zero));
  v128.store(found, v128.andnot(scale, nothing), scaleAt);
  for (let at: usize = 0; at < bytes; at += 16)
    v128.store(codes + at, v128.bitselect(f32x4.splat(<f32>-half), v128.load(codes + at), nothing));
}
