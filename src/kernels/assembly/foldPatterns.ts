/**
 * One walk over bfloat16 patterns that counts them and folds rows and columns. Squares of bfloat16 have 16 bits and are exact
 * in float32, where few of them are summed before float64 takes over: four of a column, eight of each lane of a row. So a
 * sum of squares is off by at most 5 * 2^-24 of itself. Patterns must be finite and, where they are not zero, such that no
 * square leaves float32's normal numbers.
 */
import { addTo, firstFour, foldRow, foldRun, lanesMax, lastFour, upper } from './channels16';
import { count, histogramU16 } from './histogram';

/** Bytes of a row that sums in float32 run over. */
const runBytes: usize = 64;

/** The float64 sums of four rows, two lanes each. */
const rowSums: usize = memory.data(64, 16);

function widen(address: usize, x: v128): void {
  addTo(address, f64x2.add(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(upper(x))));
}

function finishRow(at: usize, magnitudes: v128, rowMax: usize, rowSumSq: usize): void {
  foldRow(rowMax, rowSumSq, lanesMax(magnitudes), load<f64>(at) + load<f64>(at, 8));
}

/** A multiple of 8 columns of four rows, which begin `stride` bytes apart. */
function foldRows(
  src: usize,
  stride: usize,
  n: i32,
  rowMax: usize,
  columnMax: usize,
  rowSumSq: usize,
  columnSumSq: usize,
  histogram: usize,
): void {
  const mask = i16x8.splat(0x7fff);
  const zero = f32x4.splat(0);
  const end = src + ((<usize>n) << 1);
  let maxA = zero;
  let maxB = zero;
  let maxC = zero;
  let maxD = zero;
  v128.store(rowSums, zero);
  v128.store(rowSums, zero, 16);
  v128.store(rowSums, zero, 32);
  v128.store(rowSums, zero, 48);
  while (src < end) {
    const stop = min<usize>(src + runBytes, end);
    let squaresA = zero;
    let squaresB = zero;
    let squaresC = zero;
    let squaresD = zero;
    while (src < stop) {
      const second = src + stride;
      const third = second + stride;
      const fourth = third + stride;
      const a = v128.and(v128.load(src), mask);
      const b = v128.and(v128.load(second), mask);
      const c = v128.and(v128.load(third), mask);
      const d = v128.and(v128.load(fourth), mask);
      maxA = i16x8.max_u(maxA, a);
      maxB = i16x8.max_u(maxB, b);
      maxC = i16x8.max_u(maxC, c);
      maxD = i16x8.max_u(maxD, d);
      const most = i16x8.max_u(i16x8.max_u(a, b), i16x8.max_u(c, d));
      v128.store(columnMax, i16x8.max_u(v128.load(columnMax), most));
      count(histogram, load<u16>(src));
      count(histogram, load<u16>(src, 2));
      count(histogram, load<u16>(src, 4));
      count(histogram, load<u16>(src, 6));
      count(histogram, load<u16>(src, 8));
      count(histogram, load<u16>(src, 10));
      count(histogram, load<u16>(src, 12));
      count(histogram, load<u16>(src, 14));
      let x = firstFour(a);
      let y = firstFour(b);
      let z = firstFour(c);
      let w = firstFour(d);
      x = f32x4.mul(x, x);
      y = f32x4.mul(y, y);
      z = f32x4.mul(z, z);
      w = f32x4.mul(w, w);
      squaresA = f32x4.add(squaresA, x);
      squaresB = f32x4.add(squaresB, y);
      squaresC = f32x4.add(squaresC, z);
      squaresD = f32x4.add(squaresD, w);
      let sum = f32x4.add(f32x4.add(x, y), f32x4.add(z, w));
      count(histogram, load<u16>(second));
      count(histogram, load<u16>(second, 2));
      count(histogram, load<u16>(second, 4));
      count(histogram, load<u16>(second, 6));
      count(histogram, load<u16>(second, 8));
      count(histogram, load<u16>(second, 10));
      count(histogram, load<u16>(second, 12));
      count(histogram, load<u16>(second, 14));
      addTo(columnSumSq, f64x2.promote_low_f32x4(sum));
      addTo(columnSumSq + 16, f64x2.promote_low_f32x4(upper(sum)));
      x = lastFour(a);
      y = lastFour(b);
      z = lastFour(c);
      w = lastFour(d);
      count(histogram, load<u16>(third));
      count(histogram, load<u16>(third, 2));
      count(histogram, load<u16>(third, 4));
      count(histogram, load<u16>(third, 6));
      count(histogram, load<u16>(third, 8));
      count(histogram, load<u16>(third, 10));
      count(histogram, load<u16>(third, 12));
      count(histogram, load<u16>(third, 14));
      x = f32x4.mul(x, x);
      y = f32x4.mul(y, y);
      z = f32x4.mul(z, z);
      w = f32x4.mul(w, w);
      squaresA = f32x4.add(squaresA, x);
      squaresB = f32x4.add(squaresB, y);
      squaresC = f32x4.add(squaresC, z);
      squaresD = f32x4.add(squaresD, w);
      sum = f32x4.add(f32x4.add(x, y), f32x4.add(z, w));
      count(histogram, load<u16>(fourth));
      count(histogram, load<u16>(fourth, 2));
      count(histogram, load<u16>(fourth, 4));
      count(histogram, load<u16>(fourth, 6));
      count(histogram, load<u16>(fourth, 8));
      count(histogram, load<u16>(fourth, 10));
      count(histogram, load<u16>(fourth, 12));
      count(histogram, load<u16>(fourth, 14));
      addTo(columnSumSq + 32, f64x2.promote_low_f32x4(sum));
      addTo(columnSumSq + 48, f64x2.promote_low_f32x4(upper(sum)));
      src += 16;
      columnMax += 16;
      columnSumSq += 64;
    }
    widen(rowSums, squaresA);
    widen(rowSums + 16, squaresB);
    widen(rowSums + 32, squaresC);
    widen(rowSums + 48, squaresD);
  }
  finishRow(rowSums, maxA, rowMax, rowSumSq);
  finishRow(rowSums + 16, maxB, rowMax + 2, rowSumSq + 8);
  finishRow(rowSums + 32, maxC, rowMax + 4, rowSumSq + 16);
  finishRow(rowSums + 48, maxD, rowMax + 6, rowSumSq + 24);
}

export function foldPatterns(
  src: usize,
  n: i32,
  startColumn: i32,
  columns: i32,
  rowMax: usize,
  columnMax: usize,
  rowSumSq: usize,
  columnSumSq: usize,
  histogram: usize,
): void {
  let column = startColumn;
  while (n > 0) {
    const quads = column === 0 && (columns & 7) === 0 ? n / columns / 4 : 0;
    if (quads > 0) {
      const stride = (<usize>columns) << 1;
      for (let quad = 0; quad < quads; quad++) {
        foldRows(src, stride, columns, rowMax, columnMax, rowSumSq, columnSumSq, histogram);
        src += 4 * stride;
        rowMax += 8;
        rowSumSq += 32;
      }
      n -= 4 * columns * quads;
      continue;
    }
    const run = min<i32>(n, columns - column);
    const at = columnMax + ((<usize>column) << 1);
    foldRun(src, run, rowMax, at, rowSumSq, columnSumSq + ((<usize>column) << 3));
    histogramU16(src, run, histogram);
    src += (<usize>run) << 1;
    n -= run;
    column += run;
    if (column === columns) {
      column = 0;
      rowMax += 2;
      rowSumSq += 8;
    }
  }
}
