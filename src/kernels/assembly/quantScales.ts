/** Scales that follow from the extremes of groups of values; rows are cut into groups of `width` columns. */
/** 1.5 * 2^23: added and taken away, it rounds half to even. */
export const magic: f32 = 12582912;

export function rowMagnitudes(src: usize, rows: i32, columns: i32, dst: usize): void {
  for (let row = 0; row < rows; row++) {
    let sum: f64 = 0;
    for (let column = 0; column < columns; column++) {
      sum += abs<f64>(<f64>load<f32>(src));
      src += 4;
    }
    store<f64>(dst + ((<usize>row) << 3), sum);
  }
}

/** Rounds a positive float32 to F32 (0), BF16 (1) or F16 (2); infinity where it does not fit. */
function roundTo(value: f32, dtype: i32): f32 {
  const bits = reinterpret<u32>(value);
  if (dtype === 1) return reinterpret<f32>((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000);
  if (dtype === 0) return value;
  if (bits < 0x38800000) return value + 0.5 - 0.5;
  const rounded = reinterpret<f32>((bits + 0xfff + ((bits >> 13) & 1)) & 0xffffe000);
  return rounded > 65504 ? f32.POSITIVE_INFINITY : rounded;
}

/** The next larger value of a type after a positive one. */
function nextLarger(value: f32, dtype: i32): f32 {
  const bits = reinterpret<u32>(value);
  if (dtype === 1) return reinterpret<f32>(bits + 0x10000);
  if (dtype === 0) return reinterpret<f32>(bits + 1);
  if (bits < 0x38800000) return value + f32(5.9604644775390625e-8);
  return value >= 65504 ? f32.POSITIVE_INFINITY : reinterpret<f32>(bits + 0x2000);
}

/** `storedScale` of src/quant/storedScale.ts, or `reciprocable` where `shrink` is below 1; 0 for what only those can decide. */
function storedScale(extent: f64, steps: f64, dtype: i32, shrink: f64): f32 {
  if (extent === 0) return 1;
  let scale = roundTo(<f32>((extent * shrink) / steps), dtype);
  if (shrink === 1) {
    while (extent * <f64>(<f32>1 / scale) > steps + 0.5) scale = nextLarger(scale, dtype);
  }
  const usable = scale < f32.POSITIVE_INFINITY && <f32>1 / scale < f32.POSITIVE_INFINITY;
  return usable ? scale : 0;
}

/** What `parametersOf` found. */
export let foundScale: f32 = 0;
export let foundInverse: f32 = 0;
export let foundZero: f32 = 0;

/** `LinearCode.parameters` for 2 * half codes; false where only the plain code decides. */
export function parametersOf(
  smallest: f64,
  largest: f64,
  half: f64,
  symmetric: i32,
  dtype: i32,
  shrink: f64,
): bool {
  if (symmetric) {
    foundScale = storedScale(max<f64>(abs<f64>(smallest), abs<f64>(largest)), half - 1, dtype, shrink);
    foundInverse = <f32>1 / foundScale;
    foundZero = <f32>half;
  } else {
    const low = min<f64>(smallest, 0);
    foundScale = storedScale(max<f64>(largest, 0) - low, 2 * half - 1, dtype, shrink);
    foundInverse = <f32>1 / foundScale;
    // At most 255.5 - 128: no clamping is needed for the magic sum.
    const offset = <f32>(-low * shrink * <f64>foundInverse) - <f32>half;
    foundZero = <f32>(min<f64>(max<f64>(<f64>(offset + magic - magic), -half), half - 1) + half);
  }
  return foundScale !== 0;
}

/** `roundTo` of four. */
function roundFour(values: v128, dtype: i32): v128 {
  if (dtype === 0) return values;
  const one = i32x4.splat(1);
  if (dtype === 1) {
    const odd = v128.and(i32x4.shr_u(values, 16), one);
    return v128.and(i32x4.add(i32x4.add(values, i32x4.splat(0x7fff)), odd), i32x4.splat(0xffff0000));
  }
  const odd = v128.and(i32x4.shr_u(values, 13), one);
  const rounded = v128.and(i32x4.add(i32x4.add(values, i32x4.splat(0xfff)), odd), i32x4.splat(0xffffe000));
  const fits = f32x4.le(rounded, f32x4.splat(65504));
  const normal = v128.bitselect(rounded, f32x4.splat(f32.POSITIVE_INFINITY), fits);
  const half = f32x4.splat(0.5);
  const isSmall = i32x4.lt_s(values, i32x4.splat(0x38800000));
  return v128.bitselect(f32x4.sub(f32x4.add(values, half), half), normal, isSmall);
}

/** The upper two lanes. */
function upperPair(lanes: v128): v128 {
  return v128.shuffle<u32>(lanes, lanes, 2, 3, 2, 3);
}

/** Four float64 to float32. */
function demoted(low: v128, high: v128): v128 {
  return v128.shuffle<u32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}

/** `parametersOf` of four groups without a shrink; false, and nothing stored, where one of them needs a closer look. */
function fourScales(
  lows: v128,
  highs: v128,
  half: f64,
  symmetric: i32,
  dtype: i32,
  scales: usize,
  inverses: usize,
  zeros: usize,
): bool {
  const steps = symmetric ? half - 1 : 2 * half - 1;
  const none = f32x4.splat(0);
  const bottom = f32x4.pmin(none, lows);
  let extent0: v128;
  let extent1: v128;
  if (symmetric) {
    const extents = f32x4.pmax(f32x4.abs(lows), f32x4.abs(highs));
    extent0 = f64x2.promote_low_f32x4(extents);
    extent1 = f64x2.promote_low_f32x4(upperPair(extents));
  } else {
    const top = f32x4.pmax(none, highs);
    extent0 = f64x2.sub(f64x2.promote_low_f32x4(top), f64x2.promote_low_f32x4(bottom));
    extent1 = f64x2.sub(f64x2.promote_low_f32x4(upperPair(top)), f64x2.promote_low_f32x4(upperPair(bottom)));
  }
  const divisor = f64x2.splat(steps);
  const scale = roundFour(demoted(f64x2.div(extent0, divisor), f64x2.div(extent1, divisor)), dtype);
  const inverse = f32x4.div(f32x4.splat(1), scale);
  const infinity = f32x4.splat(f32.POSITIVE_INFINITY);
  if (!i32x4.all_true(v128.and(f32x4.lt(scale, infinity), f32x4.lt(inverse, infinity)))) return false;
  const most = f64x2.splat(steps + 0.5);
  const inverse0 = f64x2.promote_low_f32x4(inverse);
  const inverse1 = f64x2.promote_low_f32x4(upperPair(inverse));
  const beyond0 = f64x2.gt(f64x2.mul(extent0, inverse0), most);
  const beyond1 = f64x2.gt(f64x2.mul(extent1, inverse1), most);
  if (v128.any_true(v128.or(beyond0, beyond1))) return false;
  let zero = f32x4.splat(<f32>half);
  if (!symmetric) {
    const offset = demoted(
      f64x2.mul(f64x2.neg(f64x2.promote_low_f32x4(bottom)), inverse0),
      f64x2.mul(f64x2.neg(f64x2.promote_low_f32x4(upperPair(bottom))), inverse1),
    );
    const lift = f32x4.splat(magic);
    const rounded = f32x4.sub(f32x4.add(f32x4.sub(offset, zero), lift), lift);
    const bounded = f32x4.pmin(f32x4.splat(<f32>(half - 1)), f32x4.pmax(f32x4.splat(<f32>-half), rounded));
    zero = f32x4.add(bounded, zero);
  }
  v128.store(scales, scale);
  v128.store(inverses, inverse);
  v128.store(zeros, zero);
  return true;
}

/** `integerScales` of symmetric codes from the largest magnitudes, four groups at a time; returns how many it did. */
function symmetricScales(
  magnitudes: usize,
  count: i32,
  half: f64,
  dtype: i32,
  scales: usize,
  inverses: usize,
  zeros: usize,
): i32 {
  const divisor = f64x2.splat(half - 1);
  const most = f64x2.splat(half - 0.5);
  const infinity = f32x4.splat(f32.POSITIVE_INFINITY);
  const zero = f32x4.splat(<f32>half);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = (<usize>i) << 2;
    const extent0 = f64x2.promote_low_f32x4(v128.load64_zero(magnitudes + at));
    const extent1 = f64x2.promote_low_f32x4(v128.load64_zero(magnitudes + at, 8));
    const scale = roundFour(demoted(f64x2.div(extent0, divisor), f64x2.div(extent1, divisor)), dtype);
    const inverse = f32x4.div(f32x4.splat(1), scale);
    const beyond0 = f64x2.gt(f64x2.mul(extent0, f64x2.promote_low_f32x4(inverse)), most);
    const beyond1 = f64x2.gt(f64x2.mul(extent1, f64x2.promote_low_f32x4(upperPair(inverse))), most);
    const isUsual = v128.and(f32x4.lt(scale, infinity), f32x4.lt(inverse, infinity));
    if (v128.any_true(v128.or(v128.or(beyond0, beyond1), v128.not(isUsual)))) break;
    v128.store(scales + at, scale);
    v128.store(inverses + at, inverse);
    v128.store(zeros + at, zero);
  }
  return i;
}

export function integerScales(
  minimum: usize,
  maximum: usize,
  count: i32,
  bits: i32,
  symmetric: i32,
  dtype: i32,
  scales: usize,
  inverses: usize,
  zeros: usize,
): i32 {
  const half = <f64>(1 << (bits - 1));
  for (let i = 0; i < count; ) {
    if (symmetric && minimum === maximum) {
      const from = (<usize>i) << 2;
      i += symmetricScales(
        minimum + from,
        count - i,
        half,
        dtype,
        scales + from,
        inverses + from,
        zeros + from,
      );
      if (i === count) break;
    }
    const at = (<usize>i) << 2;
    if (i + 4 <= count) {
      const lows = v128.load(minimum + at);
      const highs = v128.load(maximum + at);
      if (fourScales(lows, highs, half, symmetric, dtype, scales + at, inverses + at, zeros + at)) {
        i += 4;
        continue;
      }
    }
    const stop = min<i32>(i + 4, count);
    for (; i < stop; i++) {
      const place = (<usize>i) << 2;
      const smallest = <f64>load<f32>(minimum + place);
      const largest = <f64>load<f32>(maximum + place);
      if (!parametersOf(smallest, largest, half, symmetric, dtype, 1)) return i;
      store<f32>(scales + place, foundScale);
      store<f32>(inverses + place, foundInverse);
      store<f32>(zeros + place, foundZero);
    }
  }
  return -1;
}

/** divisor * (absmax / 6) of each block, rounded after each step. */
export function nvfpScales(absmax: usize, count: i32, divisor: f32, dst: usize): void {
  for (let i = 0; i < count; i++) {
    const at = (<usize>i) << 2;
    store<f32>(dst + at, divisor * (load<f32>(absmax + at) / 6));
  }
}

/** Scales divided by `divisor`, and their reciprocals, finite and 0 for 0. */
export function dividedScales(stored: usize, count: i32, divisor: f32, scales: usize, inverses: usize): void {
  for (let i = 0; i < count; i++) {
    const at = (<usize>i) << 2;
    const scale = load<f32>(stored + at) / divisor;
    store<f32>(scales + at, scale);
    store<f32>(inverses + at, scale === 0 ? 0 : min<f32>(<f32>1 / scale, f32.MAX_VALUE));
  }
}
