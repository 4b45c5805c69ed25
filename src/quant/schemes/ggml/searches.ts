/**
 * How ggml finds scales: it tries some, and keeps the one of least weighted squared (or absolute) error. Which one wins hangs on
 * the last bit, so that every sum runs in ggml's order and in float32 (ggml-quants.c, make_qx_quants and its kin).
 */
import { clamp, extremeOf, nearestInt } from './arithmetic';

const f = Math.fround;

/** Groups of smaller values count as zeros. */
const smallestMagnitude = f(1e-15);

/** A run of values with the codes that belong to it. */
export interface Group {
  readonly x: Float32Array;
  readonly start: number;
  readonly count: number;
  readonly codes: Uint8Array;
}

/**
 * Symmetric codes of 0..2 half - 1 that stand for code - half: 19 scales around -half / extreme, each refined by least
 * squares. `weights` begin with the group's first value; undefined: squares. Returns the scale; codes of a group of zeros are 0.
 */
export function symmetricScale(
  { x, start, count, codes }: Group,
  half: number,
  weights: Float32Array | undefined,
): number {
  const extreme = extremeOf(x, start, start + count);
  if (Math.abs(extreme) < smallestMagnitude) {
    codes.fill(0, start, start + count);
    return 0;
  }
  let scale = 0;
  let best = 0;
  for (let attempt = 0; attempt < 19; attempt++) {
    // The first is the plain one, then -9 .. 9 without 0.
    const shift = attempt === 0 ? 0 : attempt <= 9 ? attempt - 10 : attempt - 9;
    const inverse = f(-f(half + f(tenth * shift)) / extreme);
    let productSum = 0;
    let squareSum = 0;
    for (let i = 0; i < count; i++) {
      const value = x[start + i]!;
      const code = clamp(nearestInt(f(inverse * value)), -half, half - 1);
      if (attempt === 0) codes[start + i] = code + half;
      const weight = weights ? weights[i]! : f(value * value);
      productSum = f(productSum + f(f(weight * value) * code));
      squareSum = f(squareSum + f(f(weight * code) * code));
    }
    if (attempt === 0) scale = squareSum === 0 ? 0 : f(productSum / squareSum);
    else if (squareSum > 0 && f(productSum * productSum) > f(best * squareSum)) {
      for (let i = start; i < start + count; i++)
        codes[i] = half + clamp(nearestInt(f(inverse * x[i]!)), -half, half - 1);
      scale = f(productSum / squareSum);
    } else continue;
    best = f(scale * productSum);
  }
  return scale;
}

const tenth = f(0.1);
const signedCodes = new Int8Array(256);

/**
 * As `symmetricScale` by changing codes one by one while that lowers the error, five times at most, values weighing as their
 * squares: Q3_K without an importance matrix.
 */
export function refinedScale({ x, start, count, codes }: Group, half: number): number {
  const extreme = extremeOf(x, start, start + count);
  if (Math.abs(extreme) < smallestMagnitude) {
    codes.fill(0, start, start + count);
    return 0;
  }
  const inverse = f(-half / extreme);
  let productSum = 0;
  let squareSum = 0;
  for (let i = 0; i < count; i++) {
    const value = x[start + i]!;
    const code = clamp(nearestInt(f(inverse * value)), -half, half - 1);
    signedCodes[i] = code;
    const weight = f(value * value);
    productSum = f(productSum + f(f(weight * value) * code));
    squareSum = f(squareSum + f(f(weight * code) * code));
  }
  let changed = true;
  for (let attempt = 0; attempt < 5 && changed; attempt++) {
    changed = false;
    for (let i = 0; i < count; i++) {
      const value = x[start + i]!;
      const code = signedCodes[i]!;
      const weight = f(value * value);
      let product = f(productSum - f(f(weight * value) * code));
      if (!(product > 0)) continue;
      let square = f(squareSum - f(f(weight * code) * code));
      const next = clamp(nearestInt(f(f(value * square) / product)), -half, half - 1);
      if (next === code) continue;
      product = f(product + f(f(weight * value) * next));
      square = f(square + f(f(weight * next) * next));
      if (square > 0 && f(f(product * product) * squareSum) > f(f(productSum * productSum) * square)) {
        signedCodes[i] = next;
        productSum = product;
        squareSum = square;
        changed = true;
      }
    }
  }
  for (let i = 0; i < count; i++) codes[start + i] = signedCodes[i]! + half;
  return squareSum > 0 ? f(productSum / squareSum) : 0;
}

/** What `affineScale` tries: inverse scales (first + step k + top) / range, for k = 0 .. last. */
export interface Attempts {
  readonly first: number;
  readonly step: number;
  readonly last: number;
  /** Errors count by their magnitudes, not by their squares. */
  readonly absolute?: boolean;
}

export interface Affine {
  readonly scale: number;
  /** What is taken away: x~ = code * scale - offset, and never below 0. */
  readonly offset: number;
}

const triedCodes = new Uint8Array(256);

/** Codes 0..top with a scale and an offset by weighted least squares. `weights` begin with the group's first value. */
export function affineScale(
  { x, start, count, codes }: Group,
  top: number,
  weights: Float32Array,
  { first, step, last, absolute = false }: Attempts,
): Affine {
  let low = x[start]!;
  let high = low;
  let weightSum = weights[0]!;
  let valueSum = f(weightSum * low);
  for (let i = 1; i < count; i++) {
    const value = x[start + i]!;
    if (value < low) low = value;
    if (value > high) high = value;
    weightSum = f(weightSum + weights[i]!);
    valueSum = f(valueSum + f(weights[i]! * value));
  }
  if (low > 0) low = 0;
  if (high <= low) {
    codes.fill(0, start, start + count);
    return { scale: 0, offset: -low };
  }
  let smallest = low;
  let scale = f(1 / f(top / f(high - low)));
  let leastError = Number.POSITIVE_INFINITY;
  for (let attempt = -1; attempt <= last; attempt++) {
    // The range too is that from the best minimum so far.
    const steps = attempt < 0 ? top : f(f(f(first) + f(f(step) * attempt)) + top);
    const inverse = f(steps / f(high - smallest));
    let codeSum = 0;
    let squareSum = 0;
    let productSum = 0;
    for (let i = 0; i < count; i++) {
      const value = x[start + i]!;
      const code = clamp(nearestInt(f(inverse * f(value - smallest))), 0, top);
      triedCodes[i] = code;
      const weighted = f(weights[i]! * code);
      codeSum = f(codeSum + weighted);
      squareSum = f(squareSum + f(weighted * code));
      productSum = f(productSum + f(weighted * value));
    }
    let [tryScale, tryLow] = [scale, smallest];
    if (attempt >= 0) {
      const determinant = f(f(weightSum * squareSum) - f(codeSum * codeSum));
      if (!(determinant > 0)) continue;
      tryScale = f(f(f(weightSum * productSum) - f(valueSum * codeSum)) / determinant);
      tryLow = f(f(f(squareSum * valueSum) - f(codeSum * productSum)) / determinant);
      if (tryLow > 0) {
        tryLow = 0;
        tryScale = f(productSum / squareSum);
      }
    }
    let error = 0;
    for (let i = 0; i < count; i++) {
      const difference = f(f(f(tryScale * triedCodes[i]!) + tryLow) - x[start + i]!);
      const distance = absolute ? Math.abs(difference) : f(difference * difference);
      error = f(error + f(weights[i]! * distance));
    }
    if (attempt >= 0 && !(error < leastError)) continue;
    codes.set(triedCodes.subarray(0, count), start);
    leastError = error;
    scale = tryScale;
    smallest = tryLow;
  }
  return { scale, offset: -smallest };
}

/** Codes 0..top of values from 0 on with one scale: nine scales are tried, then codes are changed one by one. */
export function positiveScale({ x, start, count, codes }: Group, top: number, weights: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < count; i++) largest = largest > x[start + i]! ? largest : x[start + i]!;
  if (largest < smallestMagnitude) {
    codes.fill(0, start, start + count);
    return 0;
  }
  let inverse = f(top / largest);
  let leastError = 0;
  for (let attempt = -1; attempt < 8; attempt++) {
    const shift = attempt < 4 ? attempt - 4 : attempt - 3;
    const tryInverse = attempt < 0 ? inverse : f(f(f(tenth * shift) + top) / largest);
    const scale = f(1 / tryInverse);
    let error = 0;
    for (let i = 0; i < count; i++) {
      const value = x[start + i]!;
      const nearest = nearestInt(f(tryInverse * value));
      // The first attempt's codes are kept as bytes, the others' are bounded.
      const code = attempt < 0 ? nearest & 255 : Math.min(top, nearest);
      const difference = f(value - f(scale * code));
      error = f(error + f(f(weights[i]! * difference) * difference));
    }
    if (attempt < 0 || error < leastError) {
      leastError = error;
      inverse = tryInverse;
    }
  }
  let productSum = 0;
  let squareSum = 0;
  for (let i = 0; i < count; i++) {
    const value = x[start + i]!;
    const code = Math.min(top, nearestInt(f(inverse * value)));
    codes[start + i] = code;
    productSum = f(productSum + f(f(weights[i]! * value) * code));
    squareSum = f(squareSum + f(f(weights[i]! * code) * code));
  }
  let changed = true;
  for (let attempt = 0; attempt < 5 && changed; attempt++) {
    changed = false;
    for (let i = 0; i < count; i++) {
      const [value, weight, code] = [x[start + i]!, weights[i]!, codes[start + i]!];
      let product = f(productSum - f(f(weight * value) * code));
      let square = f(squareSum - f(f(weight * code) * code));
      if (!(product > 0 && square > 0)) continue;
      const next = Math.min(top, nearestInt(f(f(value * square) / product)));
      if (next === code) continue;
      product = f(product + f(f(weight * value) * next));
      square = f(square + f(f(weight * next) * next));
      if (f(f(product * product) * squareSum) > f(f(productSum * productSum) * square)) {
        codes[start + i] = next;
        productSum = product;
        squareSum = square;
        changed = true;
      }
    }
  }
  return squareSum > 0 ? f(productSum / squareSum) : 0;
}

/** The weight of a value by an importance matrix: importance * sqrt(mean square + x^2). */
export function importanceWeight(importance: number, meanSquare: number, value: number): number {
  return f(importance * f(Math.sqrt(f(meanSquare + f(value * value)))));
}
