/** Largest magnitude and sum of squares of rows and columns. */

/** 2^960. */
const largestSquare: f64 = 9.7453140114e288;

function upper(x: v128): v128 {
  return v128.shuffle<f32>(x, x, 2, 3, 2, 3);
}

function foldRowValue(row: usize, rowSumSq: usize, magnitude: f32, squared: f64): void {
  store<f32>(row, max<f32>(load<f32>(row), magnitude));
  store<f64>(rowSumSq, load<f64>(rowSumSq) + squared);
}

/** One run within a row. */
function foldRun(
  src: usize,
  n: i32,
  rowMax: usize,
  columnMax: usize,
  rowSumSq: usize,
  columnSumSq: usize,
): void {
  const infinity = f32x4.splat(Infinity);
  let largest = f32x4.splat(0);
  let squares = f64x2.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const all = f32x4.abs(v128.load(src));
    // Signs do not matter here, and what is not finite counts as 0.
    const x = v128.and(all, f32x4.lt(all, infinity));
    const x0 = f64x2.promote_low_f32x4(x);
    const x1 = f64x2.promote_low_f32x4(upper(x));
    const squared0 = f64x2.mul(x0, x0);
    const squared1 = f64x2.mul(x1, x1);
    largest = f32x4.pmax(largest, x);
    squares = f64x2.add(squares, f64x2.add(squared0, squared1));
    v128.store(columnMax, f32x4.pmax(v128.load(columnMax), x));
    v128.store(columnSumSq, f64x2.add(v128.load(columnSumSq), squared0));
    v128.store(columnSumSq, f64x2.add(v128.load(columnSumSq, 16), squared1), 16);
    src += 16;
    columnMax += 16;
    columnSumSq += 32;
  }
  foldRowValue(
    rowMax,
    rowSumSq,
    lanesMax(largest),
    f64x2.extract_lane(squares, 0) + f64x2.extract_lane(squares, 1),
  );
  for (; i < n; i++) {
    const magnitude = abs<f32>(load<f32>(src));
    if (magnitude < Infinity) {
      const squared = <f64>magnitude * <f64>magnitude;
      foldRowValue(rowMax, rowSumSq, magnitude, squared);
      foldRowValue(columnMax, columnSumSq, magnitude, squared);
    }
    src += 4;
    columnMax += 4;
    columnSumSq += 8;
  }
}

function lanesMax(x: v128): f32 {
  return max<f32>(
    max<f32>(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max<f32>(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

/** Two whole rows at once: the column arrays are then read and written half as often. Columns a multiple of 4. */
function foldTwoRows(
  src: usize,
  columns: i32,
  rowMax: usize,
  columnMax: usize,
  rowSumSq: usize,
  columnSumSq: usize,
): void {
  const infinity = f32x4.splat(Infinity);
  const next = (<usize>columns) << 2;
  let largestA = f32x4.splat(0);
  let largestB = f32x4.splat(0);
  let squaresA = f64x2.splat(0);
  let squaresB = f64x2.splat(0);
  for (let i = 0; i < columns; i += 4) {
    const allA = f32x4.abs(v128.load(src));
    const allB = f32x4.abs(v128.load(src + next));
    const a = v128.and(allA, f32x4.lt(allA, infinity));
    const b = v128.and(allB, f32x4.lt(allB, infinity));
    const a0 = f64x2.promote_low_f32x4(a);
    const a1 = f64x2.promote_low_f32x4(upper(a));
    const b0 = f64x2.promote_low_f32x4(b);
    const b1 = f64x2.promote_low_f32x4(upper(b));
    const squaredA0 = f64x2.mul(a0, a0);
    const squaredA1 = f64x2.mul(a1, a1);
    const squaredB0 = f64x2.mul(b0, b0);
    const squaredB1 = f64x2.mul(b1, b1);
    largestA = f32x4.pmax(largestA, a);
    largestB = f32x4.pmax(largestB, b);
    squaresA = f64x2.add(squaresA, f64x2.add(squaredA0, squaredA1));
    squaresB = f64x2.add(squaresB, f64x2.add(squaredB0, squaredB1));
    v128.store(columnMax, f32x4.pmax(v128.load(columnMax), f32x4.pmax(a, b)));
    v128.store(columnSumSq, f64x2.add(v128.load(columnSumSq), f64x2.add(squaredA0, squaredB0)));
    v128.store(columnSumSq, f64x2.add(v128.load(columnSumSq, 16), f64x2.add(squaredA1, squaredB1)), 16);
    src += 16;
    columnMax += 16;
    columnSumSq += 32;
  }
  foldRowValue(
    rowMax,
    rowSumSq,
    lanesMax(largestA),
    f64x2.extract_lane(squaresA, 0) + f64x2.extract_lane(squaresA, 1),
  );
  foldRowValue(
    rowMax + 4,
    rowSumSq + 8,
    lanesMax(largestB),
    f64x2.extract_lane(squaresB, 0) + f64x2.extract_lane(squaresB, 1),
  );
}

export function channels(
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
    if (column === 0 && (columns & 3) === 0 && n / 2 >= columns) {
      foldTwoRows(src, columns, rowMax, columnMax, rowSumSq, columnSumSq);
      src += (<usize>columns) << 3;
      n -= columns * 2;
      rowMax += 8;
      rowSumSq += 16;
      continue;
    }
    const run = min<i32>(n, columns - column);
    foldRun(
      src,
      run,
      rowMax,
      columnMax + ((<usize>column) << 2),
      rowSumSq,
      columnSumSq + ((<usize>column) << 3),
    );
    src += (<usize>run) << 2;
    n -= run;
    column = 0;
    rowMax += 4;
    rowSumSq += 8;
  }
}

export function channels64(
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
  for (let i = 0; i < n; i++) {
    const value = load<f64>(src);
    if (abs<f64>(value) < Infinity) {
      // Both stay finite, and so does the sum of 2^40 such squares.
      const magnitude = min<f32>(<f32>abs<f64>(value), f32.MAX_VALUE);
      const squared = min<f64>(value * value, largestSquare);
      foldRowValue(rowMax, rowSumSq, magnitude, squared);
      foldRowValue(
        columnMax + ((<usize>column) << 2),
        columnSumSq + ((<usize>column) << 3),
        magnitude,
        squared,
      );
    }
    src += 8;
    column++;
    if (column === columns) {
      column = 0;
      rowMax += 4;
      rowSumSq += 8;
    }
  }
}
