/** Searches over the few scales of one block; see `positiveScale` and `symmetricScale` of src/quant/schemes/ggml/searches.ts. */
import { extremeValue, nearestOf } from './ggmlLanes';

const smallestMagnitude: f32 = 1e-15;

function at(array: usize, i: i32): f32 {
  return load<f32>(array + ((<usize>i) << 2));
}

/** Codes 0..top, a byte each, at `codes`; returns the scale. */
export function positiveScale(x: usize, count: i32, top: i32, weights: usize, codes: usize): f32 {
  let largest: f32 = 0;
  for (let i = 0; i < count; i++) largest = largest > at(x, i) ? largest : at(x, i);
  if (largest < smallestMagnitude) {
    memory.fill(codes, 0, count);
    return 0;
  }
  let inverse = <f32>top / largest;
  let least: f32 = 0;
  for (let attempt = -1; attempt < 8; attempt++) {
    const shift = attempt < 4 ? attempt - 4 : attempt - 3;
    const tried = attempt < 0 ? inverse : (<f32>0.1 * <f32>shift + <f32>top) / largest;
    const scale: f32 = 1 / tried;
    let error: f32 = 0;
    for (let i = 0; i < count; i++) {
      const nearest = nearestOf(tried * at(x, i));
      const code = attempt < 0 ? nearest & 255 : min<i32>(top, nearest);
      const difference = at(x, i) - scale * <f32>code;
      error += at(weights, i) * difference * difference;
    }
    if (attempt < 0 || error < least) {
      least = error;
      inverse = tried;
    }
  }
  let productSum: f32 = 0;
  let squareSum: f32 = 0;
  for (let i = 0; i < count; i++) {
    const code = min<i32>(top, nearestOf(inverse * at(x, i)));
    store<u8>(codes + i, <u8>code);
    productSum += at(weights, i) * at(x, i) * <f32>code;
    squareSum += at(weights, i) * <f32>code * <f32>code;
  }
  for (let attempt = 0; attempt < 5; attempt++) {
    let changed = false;
    for (let i = 0; i < count; i++) {
      const value = at(x, i);
      const weight = at(weights, i);
      const code = <i32>load<u8>(codes + i);
      let product = productSum - weight * value * <f32>code;
      let square = squareSum - weight * <f32>code * <f32>code;
      if (!(product > 0 && square > 0)) continue;
      const next = min<i32>(top, nearestOf((value * square) / product));
      if (next === code) continue;
      product += weight * value * <f32>next;
      square += weight * <f32>next * <f32>next;
      if (product * product * squareSum > productSum * productSum * square) {
        store<u8>(codes + i, <u8>next);
        productSum = product;
        squareSum = square;
        changed = true;
      }
    }
    if (!changed) break;
  }
  return squareSum > 0 ? productSum / squareSum : 0;
}

function bounded(value: f32, half: i32): i32 {
  return min<i32>(half - 1, max<i32>(-half, nearestOf(value)));
}

/** Codes of 0..2 half - 1, a byte each; of zeros they are 0. Returns the scale. `count` is a multiple of four. */
export function symmetricScaleOf(x: usize, count: i32, half: i32, weights: usize, codes: usize): f32 {
  const extreme = extremeValue(x, count);
  if (abs<f32>(extreme) < smallestMagnitude) {
    memory.fill(codes, 0, count);
    return 0;
  }
  let scale: f32 = 0;
  let best: f32 = 0;
  let bestInverse: f32 = 0;
  for (let attempt = 0; attempt < 19; attempt++) {
    const shift = attempt === 0 ? 0 : attempt <= 9 ? attempt - 10 : attempt - 9;
    const inverse = -(<f32>half + <f32>0.1 * <f32>shift) / extreme;
    let productSum: f32 = 0;
    let squareSum: f32 = 0;
    for (let i = 0; i < count; i++) {
      const code = <f32>bounded(inverse * at(x, i), half);
      productSum += at(weights, i) * at(x, i) * code;
      squareSum += at(weights, i) * code * code;
    }
    if (attempt === 0) scale = squareSum === 0 ? 0 : productSum / squareSum;
    else if (squareSum > 0 && productSum * productSum > best * squareSum) scale = productSum / squareSum;
    else continue;
    best = scale * productSum;
    bestInverse = inverse;
  }
  for (let i = 0; i < count; i++) store<u8>(codes + i, <u8>(half + bounded(bestInverse * at(x, i), half)));
  return scale;
}
