/**
 * One walk over finite float32 values that gives power sums, counts of patterns, and the figures of rows and columns: the
 * conversion to float64 and the squares serve all of them, and counting, which needs no vectors, goes on beside them.
 * Magnitudes are compared as patterns without their sign, which order as magnitudes do, NaN beyond infinity.
 */
import { count } from './histogram';

/** Columns that accumulators run over before they are added to the totals: keeps sums short. */
const tileColumns: i32 = 512;

/** One thread, one call at a time: plain globals serve. The low parts are what the sums lack. */
let sum1: f64 = 0;
let sum2: f64 = 0;
let sum3: f64 = 0;
let sum4: f64 = 0;
let low1: f64 = 0;
let low2: f64 = 0;
let low3: f64 = 0;
let low4: f64 = 0;
const maskLanes: usize = memory.data<u32>([0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff], 16);
const farLanes: usize = memory.data(16, 16);
/** Where the next group of far values is listed. */
let listEnd: usize = 0;
/** The largest pattern without its sign. */
let largest: i32 = 0;

function upper(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 2, 3, 2, 3);
}

function total(x: v128): f64 {
  return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1);
}

function lanesMax(x: v128): i32 {
  const two = i32x4.max_s(x, upper(x));
  return max<i32>(i32x4.extract_lane(two, 0), i32x4.extract_lane(two, 1));
}

/** The rounding error of sum = a + b (Knuth, TAOCP 2, 4.2.2, theorem B). */
function sumError(a: f64, b: f64, sum: f64): f64 {
  const part = sum - a;
  return a - (sum - part) + (b - part);
}

function addTotals(first: f64, second: f64, third: f64, fourth: f64): void {
  const next1 = sum1 + first;
  const next2 = sum2 + second;
  const next3 = sum3 + third;
  const next4 = sum4 + fourth;
  low1 += sumError(sum1, first, next1);
  low2 += sumError(sum2, second, next2);
  low3 += sumError(sum3, third, next3);
  low4 += sumError(sum4, fourth, next4);
  sum1 = next1;
  sum2 = next2;
  sum3 = next3;
  sum4 = next4;
}

function foldRow(rowMax: usize, rowSumSq: usize, magnitude: i32, squares: f64): void {
  largest = max<i32>(largest, magnitude);
  store<i32>(rowMax, max<i32>(load<i32>(rowMax), magnitude));
  store<f64>(rowSumSq, load<f64>(rowSumSq) + squares);
}

/** A multiple of 4 columns of two rows; the second row begins `stride` bytes after the first. */
function foldTile(
  src: usize,
  stride: usize,
  n: i32,
  rowMax: usize,
  rowSumSq: usize,
  columnMax: usize,
  columnSumSq: usize,
  histogram: usize,
): void {
  const end = src + ((<usize>n) << 2);
  // Loaded, not splat: constants would be made anew in each round.
  const mask = v128.load(maskLanes);
  const far = v128.load(farLanes);
  let list = listEnd;
  let maxA = i32x4.splat(0);
  let maxB = i32x4.splat(0);
  let first = f64x2.splat(0);
  let squaresA = f64x2.splat(0);
  let squaresB = f64x2.splat(0);
  let third = f64x2.splat(0);
  let fourth = f64x2.splat(0);
  let next = src + stride;
  do {
    count(histogram, load<u16>(src, 2));
    count(histogram, load<u16>(src, 6));
    count(histogram, load<u16>(src, 10));
    count(histogram, load<u16>(src, 14));
    const a = v128.load(src);
    const b = v128.load(next);
    const magnitudeA = v128.and(a, mask);
    const magnitudeB = v128.and(b, mask);
    maxA = i32x4.max_s(maxA, magnitudeA);
    maxB = i32x4.max_s(maxB, magnitudeB);
    const both = i32x4.max_s(magnitudeA, magnitudeB);
    v128.store(columnMax, i32x4.max_s(v128.load(columnMax), both));
    store<u32>(list, <u32>src);
    list += (<usize>(i32x4.bitmask(i32x4.gt_s(both, far)) !== 0)) << 2;
    const a0 = f64x2.promote_low_f32x4(a);
    const b0 = f64x2.promote_low_f32x4(b);
    const squareA0 = f64x2.mul(a0, a0);
    const squareB0 = f64x2.mul(b0, b0);
    v128.store(columnSumSq, f64x2.add(v128.load(columnSumSq), f64x2.add(squareA0, squareB0)));
    count(histogram, load<u16>(next, 2));
    count(histogram, load<u16>(next, 6));
    count(histogram, load<u16>(next, 10));
    count(histogram, load<u16>(next, 14));
    const a1 = f64x2.promote_low_f32x4(upper(a));
    const b1 = f64x2.promote_low_f32x4(upper(b));
    const squareA1 = f64x2.mul(a1, a1);
    const squareB1 = f64x2.mul(b1, b1);
    v128.store(columnSumSq, f64x2.add(v128.load(columnSumSq, 16), f64x2.add(squareA1, squareB1)), 16);
    first = f64x2.add(first, f64x2.add(f64x2.add(a0, a1), f64x2.add(b0, b1)));
    squaresA = f64x2.add(squaresA, f64x2.add(squareA0, squareA1));
    squaresB = f64x2.add(squaresB, f64x2.add(squareB0, squareB1));
    third = f64x2.add(
      third,
      f64x2.add(
        f64x2.add(f64x2.mul(squareA0, a0), f64x2.mul(squareA1, a1)),
        f64x2.add(f64x2.mul(squareB0, b0), f64x2.mul(squareB1, b1)),
      ),
    );
    fourth = f64x2.add(
      fourth,
      f64x2.add(
        f64x2.add(f64x2.mul(squareA0, squareA0), f64x2.mul(squareA1, squareA1)),
        f64x2.add(f64x2.mul(squareB0, squareB0), f64x2.mul(squareB1, squareB1)),
      ),
    );
    src += 16;
    next += 16;
    columnMax += 16;
    columnSumSq += 32;
  } while (src < end);
  listEnd = list;
  const sumA = total(squaresA);
  const sumB = total(squaresB);
  foldRow(rowMax, rowSumSq, lanesMax(maxA), sumA);
  foldRow(rowMax + 4, rowSumSq + 8, lanesMax(maxB), sumB);
  addTotals(total(first), sumA + sumB, total(third), total(fourth));
}

/** A run within one row: four values at a time, then one by one, of which none is listed. */
function foldRun(
  src: usize,
  n: i32,
  rowMax: usize,
  rowSumSq: usize,
  columnMax: usize,
  columnSumSq: usize,
  histogram: usize,
): void {
  const mask = v128.load(maskLanes);
  const far = v128.load(farLanes);
  let top = i32x4.splat(0);
  let first = f64x2.splat(0);
  let second = f64x2.splat(0);
  let third = f64x2.splat(0);
  let fourth = f64x2.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    count(histogram, load<u16>(src, 2));
    count(histogram, load<u16>(src, 6));
    count(histogram, load<u16>(src, 10));
    count(histogram, load<u16>(src, 14));
    const x = v128.load(src);
    const magnitude = v128.and(x, mask);
    top = i32x4.max_s(top, magnitude);
    v128.store(columnMax, i32x4.max_s(v128.load(columnMax), magnitude));
    // A row by itself: the lowest bit of a place in a row of aligned values is free to say so.
    store<u32>(listEnd, <u32>src | 1);
    listEnd += (<usize>(i32x4.bitmask(i32x4.gt_s(magnitude, far)) !== 0)) << 2;
    const x0 = f64x2.promote_low_f32x4(x);
    const x1 = f64x2.promote_low_f32x4(upper(x));
    const square0 = f64x2.mul(x0, x0);
    const square1 = f64x2.mul(x1, x1);
    v128.store(columnSumSq, f64x2.add(v128.load(columnSumSq), square0));
    v128.store(columnSumSq, f64x2.add(v128.load(columnSumSq, 16), square1), 16);
    first = f64x2.add(first, f64x2.add(x0, x1));
    second = f64x2.add(second, f64x2.add(square0, square1));
    third = f64x2.add(third, f64x2.add(f64x2.mul(square0, x0), f64x2.mul(square1, x1)));
    fourth = f64x2.add(fourth, f64x2.add(f64x2.mul(square0, square0), f64x2.mul(square1, square1)));
    src += 16;
    columnMax += 16;
    columnSumSq += 32;
  }
  const squares = total(second);
  foldRow(rowMax, rowSumSq, lanesMax(top), squares);
  addTotals(total(first), squares, total(third), total(fourth));
  for (; i < n; i++) {
    count(histogram, load<u16>(src, 2));
    const magnitude = load<i32>(src) & 0x7fffffff;
    const value = <f64>load<f32>(src);
    const square = value * value;
    foldRow(rowMax, rowSumSq, magnitude, square);
    foldRow(columnMax, columnSumSq, magnitude, square);
    addTotals(value, square, square * value, square * square);
    src += 4;
    columnMax += 4;
    columnSumSq += 8;
  }
}

/**
 * Returns how many groups it listed at `list`: u32 addresses of four values of which one is at least `near` in magnitude, the
 * values of the next row among them or, where the lowest bit is set, not; none when `near` is infinite. Room for a group for
 * each four values, and for one in any case. Behind the four sums, `out` takes the largest pattern without its sign: where it
 * is not of a finite value, sums and sums of squares are no good.
 */
export function foldFinite(
  src: usize,
  n: i32,
  startColumn: i32,
  columns: i32,
  rowMax: usize,
  columnMax: usize,
  rowSumSq: usize,
  columnSumSq: usize,
  histogram: usize,
  near: f32,
  list: usize,
  out: usize,
): i32 {
  sum1 = 0;
  sum2 = 0;
  sum3 = 0;
  sum4 = 0;
  low1 = 0;
  low2 = 0;
  low3 = 0;
  low4 = 0;
  listEnd = list;
  largest = 0;
  v128.store(farLanes, i32x4.splat(near === Infinity ? i32.MAX_VALUE : reinterpret<i32>(near) - 1));
  let column = startColumn;
  while (n > 0) {
    const pairs = column === 0 && (columns & 3) === 0 ? n / columns / 2 : 0;
    if (pairs > 0) {
      const stride = (<usize>columns) << 2;
      for (let pair = 0; pair < pairs; pair++) {
        for (let done = 0; done < columns; done += tileColumns) {
          const tile = min<i32>(tileColumns, columns - done);
          const offset = (<usize>done) << 2;
          const at = columnMax + offset;
          foldTile(src + offset, stride, tile, rowMax, rowSumSq, at, columnSumSq + 2 * offset, histogram);
        }
        src += 2 * stride;
        rowMax += 8;
        rowSumSq += 16;
      }
      n -= 2 * columns * pairs;
      continue;
    }
    const run = min<i32>(min<i32>(n, columns - column), tileColumns);
    const at = columnMax + ((<usize>column) << 2);
    foldRun(src, run, rowMax, rowSumSq, at, columnSumSq + ((<usize>column) << 3), histogram);
    src += (<usize>run) << 2;
    n -= run;
    column += run;
    if (column === columns) {
      column = 0;
      rowMax += 4;
      rowSumSq += 8;
    }
  }
  store<f64>(out, sum1 + low1);
  store<f64>(out, sum2 + low2, 8);
  store<f64>(out, sum3 + low3, 16);
  store<f64>(out, sum4 + low4, 24);
  store<i32>(out, largest, 32);
  return <i32>((listEnd - list) >> 2);
}
