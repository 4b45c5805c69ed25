/**
 * One walk over finite float32 values that gives power sums, extremes, and the figures of rows and columns: the conversion
 * to float64 and the squares serve all of them.
 */

/** Columns that accumulators run over before they are added to the totals: keeps sums short and column arrays in the cache. */
const tileColumns: i32 = 512;

/** One thread, one call at a time: plain globals serve. */
let sum1: f64 = 0;
let sum2: f64 = 0;
let sum3: f64 = 0;
let sum4: f64 = 0;
let smallest: f32 = 0;
let largest: f32 = 0;

function upper(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 2, 3, 2, 3);
}

function total(x: v128): f64 {
  return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1);
}

function lanesMax(x: v128): f32 {
  return max<f32>(
    max<f32>(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max<f32>(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

function lanesMin(x: v128): f32 {
  return min<f32>(
    min<f32>(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    min<f32>(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

function foldRow(rowMax: usize, rowSumSq: usize, magnitude: f32, squares: f64): void {
  store<f32>(rowMax, max<f32>(load<f32>(rowMax), magnitude));
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
): void {
  const end = src + ((<usize>n) << 2);
  let low = f32x4.splat(smallest);
  let high = f32x4.splat(largest);
  let maxA = f32x4.splat(0);
  let maxB = f32x4.splat(0);
  let first = f64x2.splat(0);
  let squaresA = f64x2.splat(0);
  let squaresB = f64x2.splat(0);
  let third = f64x2.splat(0);
  let fourth = f64x2.splat(0);
  while (src < end) {
    const a = v128.load(src);
    const b = v128.load(src + stride);
    low = f32x4.pmin(f32x4.pmin(low, a), b);
    high = f32x4.pmax(f32x4.pmax(high, a), b);
    const magnitudeA = f32x4.abs(a);
    const magnitudeB = f32x4.abs(b);
    maxA = f32x4.pmax(maxA, magnitudeA);
    maxB = f32x4.pmax(maxB, magnitudeB);
    v128.store(columnMax, f32x4.pmax(v128.load(columnMax), f32x4.pmax(magnitudeA, magnitudeB)));

    const a0 = f64x2.promote_low_f32x4(a);
    const b0 = f64x2.promote_low_f32x4(b);
    const squareA0 = f64x2.mul(a0, a0);
    const squareB0 = f64x2.mul(b0, b0);
    v128.store(columnSumSq, f64x2.add(v128.load(columnSumSq), f64x2.add(squareA0, squareB0)));
    const a1 = f64x2.promote_low_f32x4(upper(a));
    const b1 = f64x2.promote_low_f32x4(upper(b));
    const squareA1 = f64x2.mul(a1, a1);
    const squareB1 = f64x2.mul(b1, b1);
    v128.store(columnSumSq, f64x2.add(v128.load(columnSumSq, 16), f64x2.add(squareA1, squareB1)), 16);

    squaresA = f64x2.add(squaresA, f64x2.add(squareA0, squareA1));
    squaresB = f64x2.add(squaresB, f64x2.add(squareB0, squareB1));
    first = f64x2.add(first, f64x2.add(f64x2.add(a0, a1), f64x2.add(b0, b1)));
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
    columnMax += 16;
    columnSumSq += 32;
  }
  smallest = lanesMin(low);
  largest = lanesMax(high);
  const sumA = total(squaresA);
  const sumB = total(squaresB);
  foldRow(rowMax, rowSumSq, lanesMax(maxA), sumA);
  foldRow(rowMax + 4, rowSumSq + 8, lanesMax(maxB), sumB);
  sum1 += total(first);
  sum2 += sumA + sumB;
  sum3 += total(third);
  sum4 += total(fourth);
}

/** A run within one row: four values at a time, then one by one. */
function foldRun(
  src: usize,
  n: i32,
  rowMax: usize,
  rowSumSq: usize,
  columnMax: usize,
  columnSumSq: usize,
): void {
  let low = f32x4.splat(smallest);
  let high = f32x4.splat(largest);
  let top = f32x4.splat(0);
  let first = f64x2.splat(0);
  let second = f64x2.splat(0);
  let third = f64x2.splat(0);
  let fourth = f64x2.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const x = v128.load(src);
    low = f32x4.pmin(low, x);
    high = f32x4.pmax(high, x);
    const magnitude = f32x4.abs(x);
    top = f32x4.pmax(top, magnitude);
    v128.store(columnMax, f32x4.pmax(v128.load(columnMax), magnitude));
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
  smallest = lanesMin(low);
  largest = lanesMax(high);
  const squares = total(second);
  foldRow(rowMax, rowSumSq, lanesMax(top), squares);
  sum1 += total(first);
  sum2 += squares;
  sum3 += total(third);
  sum4 += total(fourth);
  for (; i < n; i++) {
    const x = load<f32>(src);
    const wide = <f64>x;
    const square = wide * wide;
    smallest = min<f32>(smallest, x);
    largest = max<f32>(largest, x);
    foldRow(rowMax, rowSumSq, abs<f32>(x), square);
    foldRow(columnMax, columnSumSq, abs<f32>(x), square);
    sum1 += wide;
    sum2 += square;
    sum3 += square * wide;
    sum4 += square * square;
    src += 4;
    columnMax += 4;
    columnSumSq += 8;
  }
}

export function foldFinite(
  src: usize,
  n: i32,
  startColumn: i32,
  columns: i32,
  rowMax: usize,
  columnMax: usize,
  rowSumSq: usize,
  columnSumSq: usize,
  out: usize,
): void {
  sum1 = 0;
  sum2 = 0;
  sum3 = 0;
  sum4 = 0;
  smallest = Infinity;
  largest = -Infinity;
  let column = startColumn;
  while (n > 0) {
    const at = columnMax + ((<usize>column) << 2);
    const squaresAt = columnSumSq + ((<usize>column) << 3);
    if (column === 0 && (columns & 3) === 0 && n / 2 >= columns) {
      const stride = (<usize>columns) << 2;
      for (let done = 0; done < columns; done += tileColumns) {
        const tile = min<i32>(tileColumns, columns - done);
        const offset = (<usize>done) << 2;
        foldTile(src + offset, stride, tile, rowMax, rowSumSq, at + offset, squaresAt + 2 * offset);
      }
      src += 2 * stride;
      n -= 2 * columns;
      rowMax += 8;
      rowSumSq += 16;
      continue;
    }
    const run = min<i32>(min<i32>(n, columns - column), tileColumns);
    foldRun(src, run, rowMax, rowSumSq, at, squaresAt);
    src += (<usize>run) << 2;
    n -= run;
    column += run;
    if (column === columns) {
      column = 0;
      rowMax += 4;
      rowSumSq += 8;
    }
  }
  store<f64>(out, sum1);
  store<f64>(out, sum2, 8);
  store<f64>(out, sum3, 16);
  store<f64>(out, sum4, 24);
  // Adding 0 turns -0 into 0 and changes nothing else.
  store<f64>(out, <f64>smallest + 0, 32);
  store<f64>(out, <f64>largest + 0, 40);
}
