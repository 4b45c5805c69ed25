/** The scale of least squared error among candidates: for groups of values, and for columns. */
import { foundInverse, foundScale, foundZero, magic, parametersOf } from './quantScales';

/** Where `addErrors` leaves the sums of four candidates, float64. */
const fourSums: usize = memory.data(32);

/**
 * Squared errors of `count` values under four candidates at once, each added in the values' order. It ends early when none
 * can fall below `least` any more.
 */
function addErrors(
  src: usize,
  count: i32,
  scales: v128,
  inverses: v128,
  lows: v128,
  highs: v128,
  least: f64,
): void {
  const lift = f32x4.splat(magic);
  const limit = f64x2.splat(least);
  let first = f64x2.splat(0);
  let second = f64x2.splat(0);
  for (let i = 0; i < count; ) {
    const stop = min<i32>(i + 16, count);
    for (; i < stop; i++) {
      const x = v128.load32_splat(src);
      const bounded = f32x4.pmax(f32x4.pmin(f32x4.mul(x, inverses), highs), lows);
      const y = f32x4.mul(f32x4.sub(f32x4.add(bounded, lift), lift), scales);
      const wide = f64x2.promote_low_f32x4(x);
      const error0 = f64x2.sub(wide, f64x2.promote_low_f32x4(y));
      const error1 = f64x2.sub(wide, f64x2.promote_low_f32x4(v128.shuffle<u32>(y, y, 2, 3, 2, 3)));
      first = f64x2.add(first, f64x2.mul(error0, error0));
      second = f64x2.add(second, f64x2.mul(error1, error1));
      src += 4;
    }
    if (!v128.any_true(v128.or(f64x2.lt(first, limit), f64x2.lt(second, limit)))) break;
  }
  v128.store(fourSums, first);
  v128.store(fourSums, second, 16);
}

/** Adds squared errors under candidates to their sums; each of the four arrays has one float32 a candidate, a multiple of 4 of them. */
export function candidateErrors(
  src: usize,
  count: i32,
  candidates: i32,
  scales: usize,
  inverses: usize,
  lows: usize,
  highs: usize,
  sums: usize,
): void {
  for (let i = 0; i < candidates; i += 4) {
    const at = (<usize>i) << 2;
    addErrors(
      src,
      count,
      v128.load(scales + at),
      v128.load(inverses + at),
      v128.load(lows + at),
      v128.load(highs + at),
      f64.POSITIVE_INFINITY,
    );
    const sum = sums + ((<usize>i) << 3);
    v128.store(sum, f64x2.add(v128.load(sum), v128.load(fourSums)));
    v128.store(sum, f64x2.add(v128.load(sum, 16), v128.load(fourSums, 16)), 16);
  }
}

/** Parameters of four candidates: scales, inverses, and bounds of codes less the zero points, then the zero points. */
const fourParameters: usize = memory.data(80);

/** As `integerScales` with the shrink of least squared error of a list of them, the first of equal ones, for each group. */
export function leastErrorScales(
  src: usize,
  rows: i32,
  columns: i32,
  width: i32,
  minimum: usize,
  maximum: usize,
  bits: i32,
  symmetric: i32,
  dtype: i32,
  shrinks: usize,
  candidates: i32,
  scales: usize,
  inverses: usize,
  zeros: usize,
): i32 {
  let group = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += width) {
      const count = min<i32>(width, columns - column);
      const at = (<usize>group) << 2;
      const smallest = <f64>load<f32>(minimum + at);
      const largest = <f64>load<f32>(maximum + at);
      let least = f64.POSITIVE_INFINITY;
      for (let i = 0; i < candidates; i += 4) {
        if (!fourCandidates(smallest, largest, bits, symmetric, dtype, shrinks, i, candidates)) return group;
        addErrors(
          src,
          count,
          v128.load(fourParameters),
          v128.load(fourParameters, 16),
          v128.load(fourParameters, 32),
          v128.load(fourParameters, 48),
          least,
        );
        for (let lane = 0; lane < 4; lane++) {
          const error = load<f64>(fourSums + ((<usize>lane) << 3));
          if (error >= least) continue;
          least = error;
          const place = fourParameters + ((<usize>lane) << 2);
          store<f32>(scales + at, load<f32>(place));
          store<f32>(inverses + at, load<f32>(place, 16));
          store<f32>(zeros + at, load<f32>(place, 64));
        }
      }
      src += (<usize>count) << 2;
      group++;
    }
  }
  return -1;
}

/** Parameters of four candidates from the `first` on, in `fourParameters`; false where only the plain code decides. */
function fourCandidates(
  smallest: f64,
  largest: f64,
  bits: i32,
  symmetric: i32,
  dtype: i32,
  shrinks: usize,
  first: i32,
  candidates: i32,
): bool {
  const half = <f64>(1 << (bits - 1));
  const lowest: f32 = symmetric ? 1 : 0;
  const highest = <f32>(2 * half - 1);
  for (let lane = 0; lane < 4; lane++) {
    // The last candidate fills up: it is not below itself.
    const candidate = min<i32>(first + lane, candidates - 1);
    const shrink = load<f64>(shrinks + ((<usize>candidate) << 3));
    if (!parametersOf(smallest, largest, half, symmetric, dtype, shrink)) return false;
    const place = fourParameters + ((<usize>lane) << 2);
    store<f32>(place, foundScale);
    store<f32>(place, foundInverse, 16);
    store<f32>(place, lowest - foundZero, 32);
    store<f32>(place, highest - foundZero, 48);
    store<f32>(place, foundZero, 64);
  }
  return true;
}

/**
 * Squared errors of the values of each column from `from` to `to` under candidates made of its own range, a multiple of four float64 a
 * column; the run begins at column `offset`. Returns the column on which only the plain code decides, or -1.
 */
export function columnErrors(
  src: usize,
  offset: i32,
  count: i32,
  columns: i32,
  from: i32,
  to: i32,
  minimum: usize,
  maximum: usize,
  bits: i32,
  symmetric: i32,
  dtype: i32,
  shrinks: usize,
  candidates: i32,
  scratch: usize,
  sums: usize,
): i32 {
  for (let column = from; column < to; column++) {
    const range = (<usize>column) << 2;
    const smallest = <f64>load<f32>(minimum + range);
    const largest = <f64>load<f32>(maximum + range);
    let values = 0;
    for (let at = (column - offset + columns) % columns; at < count; at += columns) {
      store<f32>(scratch + ((<usize>values) << 2), load<f32>(src + ((<usize>at) << 2)));
      values++;
    }
    for (let i = 0; i < candidates; i += 4) {
      if (!fourCandidates(smallest, largest, bits, symmetric, dtype, shrinks, i, candidates)) return column;
      addErrors(
        scratch,
        values,
        v128.load(fourParameters),
        v128.load(fourParameters, 16),
        v128.load(fourParameters, 32),
        v128.load(fourParameters, 48),
        f64.POSITIVE_INFINITY,
      );
      v128.store(sums, v128.load(fourSums));
      v128.store(sums, v128.load(fourSums, 16), 16);
      sums += 32;
    }
  }
  return -1;
}
