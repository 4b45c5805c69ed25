/**
 * Largest magnitude and sum of squares of rows and columns from bfloat16 patterns. Without its sign a pattern orders like the
 * magnitude, so that maxima are taken of eight 16-bit integers at once; squares are summed in float64.
 */

export function upper(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 2, 3, 2, 3);
}

/** The first four patterns as float32: each behind 16 zero bits. */
export function firstFour(patterns: v128): v128 {
  return v128.shuffle<i16>(i16x8.splat(0), patterns, 0, 8, 1, 9, 2, 10, 3, 11);
}

export function lastFour(patterns: v128): v128 {
  return v128.shuffle<i16>(i16x8.splat(0), patterns, 4, 12, 5, 13, 6, 14, 7, 15);
}

function squareLow(x: v128): v128 {
  const wide = f64x2.promote_low_f32x4(x);
  return f64x2.mul(wide, wide);
}

export function addTo(address: usize, x: v128): void {
  v128.store(address, f64x2.add(v128.load(address), x));
}

export function lanesMax(x: v128): u32 {
  const four = i16x8.max_u(x, upper(x));
  const two = i16x8.max_u(four, v128.shuffle<i32>(four, four, 1, 0, 1, 0));
  return max<u32>(i16x8.extract_lane_u(two, 0), i16x8.extract_lane_u(two, 1));
}

export function foldRow(rowMax: usize, rowSumSq: usize, magnitude: u32, squares: f64): void {
  if (<u32>load<u16>(rowMax) < magnitude) store<u16>(rowMax, magnitude);
  store<f64>(rowSumSq, load<f64>(rowSumSq) + squares);
}

function foldValue(pattern: u32, max: usize, sumSq: usize): void {
  const magnitude = pattern & 0x7fff;
  const wide = <f64>reinterpret<f32>(magnitude << 16);
  foldRow(max, sumSq, magnitude, wide * wide);
}

/** Two whole rows of a multiple of 8 columns. */
function foldTwoRows(
  src: usize,
  columns: i32,
  rowMax: usize,
  columnMax: usize,
  rowSumSq: usize,
  columnSumSq: usize,
): void {
  const stride = (<usize>columns) << 1;
  const end = src + stride;
  const mask = i16x8.splat(0x7fff);
  let maxA = i16x8.splat(0);
  let maxB = i16x8.splat(0);
  let squaresA = f64x2.splat(0);
  let squaresB = f64x2.splat(0);
  while (src < end) {
    const a = v128.and(v128.load(src), mask);
    const b = v128.and(v128.load(src + stride), mask);
    maxA = i16x8.max_u(maxA, a);
    maxB = i16x8.max_u(maxB, b);
    v128.store(columnMax, i16x8.max_u(v128.load(columnMax), i16x8.max_u(a, b)));
    const lowA = firstFour(a);
    const lowB = firstFour(b);
    const a0 = squareLow(lowA);
    const b0 = squareLow(lowB);
    const a1 = squareLow(upper(lowA));
    const b1 = squareLow(upper(lowB));
    addTo(columnSumSq, f64x2.add(a0, b0));
    addTo(columnSumSq + 16, f64x2.add(a1, b1));
    const highA = lastFour(a);
    const highB = lastFour(b);
    const a2 = squareLow(highA);
    const b2 = squareLow(highB);
    const a3 = squareLow(upper(highA));
    const b3 = squareLow(upper(highB));
    addTo(columnSumSq + 32, f64x2.add(a2, b2));
    addTo(columnSumSq + 48, f64x2.add(a3, b3));
    squaresA = f64x2.add(squaresA, f64x2.add(f64x2.add(a0, a1), f64x2.add(a2, a3)));
    squaresB = f64x2.add(squaresB, f64x2.add(f64x2.add(b0, b1), f64x2.add(b2, b3)));
    src += 16;
    columnMax += 16;
    columnSumSq += 64;
  }
  foldRow(
    rowMax,
    rowSumSq,
    lanesMax(maxA),
    f64x2.extract_lane(squaresA, 0) + f64x2.extract_lane(squaresA, 1),
  );
  foldRow(
    rowMax + 2,
    rowSumSq + 8,
    lanesMax(maxB),
    f64x2.extract_lane(squaresB, 0) + f64x2.extract_lane(squaresB, 1),
  );
}

/** A run within one row. */
export function foldRun(
  src: usize,
  n: i32,
  rowMax: usize,
  columnMax: usize,
  rowSumSq: usize,
  columnSumSq: usize,
): void {
  const mask = i16x8.splat(0x7fff);
  let top = i16x8.splat(0);
  let squares = f64x2.splat(0);
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    const x = v128.and(v128.load(src), mask);
    top = i16x8.max_u(top, x);
    v128.store(columnMax, i16x8.max_u(v128.load(columnMax), x));
    const low = firstFour(x);
    const high = lastFour(x);
    const x0 = squareLow(low);
    const x1 = squareLow(upper(low));
    const x2 = squareLow(high);
    const x3 = squareLow(upper(high));
    addTo(columnSumSq, x0);
    addTo(columnSumSq + 16, x1);
    addTo(columnSumSq + 32, x2);
    addTo(columnSumSq + 48, x3);
    squares = f64x2.add(squares, f64x2.add(f64x2.add(x0, x1), f64x2.add(x2, x3)));
    src += 16;
    columnMax += 16;
    columnSumSq += 64;
  }
  foldRow(rowMax, rowSumSq, lanesMax(top), f64x2.extract_lane(squares, 0) + f64x2.extract_lane(squares, 1));
  for (; i < n; i++) {
    const pattern = load<u16>(src);
    foldValue(pattern, rowMax, rowSumSq);
    foldValue(pattern, columnMax, columnSumSq);
    src += 2;
    columnMax += 2;
    columnSumSq += 8;
  }
}

export function channelsBF16(
  src: usize,
  n: i32,
  startColumn: i32,
  columns: i32,
  rowMax: usize,
  columnMax: usize,
  rowSumSq: usize,
  columnSumSq: usize,
): void {
  let column = startColumn;
  while (n > 0) {
    if (column === 0 && (columns & 7) === 0 && n / 2 >= columns) {
      foldTwoRows(src, columns, rowMax, columnMax, rowSumSq, columnSumSq);
      src += (<usize>columns) << 2;
      n -= columns * 2;
      rowMax += 4;
      rowSumSq += 16;
      continue;
    }
    const run = min<i32>(n, columns - column);
    foldRun(
      src,
      run,
      rowMax,
      columnMax + ((<usize>column) << 1),
      rowSumSq,
      columnSumSq + ((<usize>column) << 3),
    );
    src += (<usize>run) << 1;
    n -= run;
    column = 0;
    rowMax += 2;
    rowSumSq += 8;
  }
}

/** Largest 16-bit pattern without its sign. */
export function largestMagnitude16(src: usize, n: i32): u32 {
  const mask = i16x8.splat(0x7fff);
  let first = i16x8.splat(0);
  let second = i16x8.splat(0);
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    first = i16x8.max_u(first, v128.and(v128.load(src), mask));
    second = i16x8.max_u(second, v128.and(v128.load(src, 16), mask));
    src += 32;
  }
  let top = lanesMax(i16x8.max_u(first, second));
  for (; i < n; i++) {
    top = max<u32>(top, <u32>load<u16>(src) & 0x7fff);
    src += 2;
  }
  return top;
}
