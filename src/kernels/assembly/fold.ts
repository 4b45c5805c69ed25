/** Folds rows of a matrix into cells: the value of largest magnitude, or sums and sums of squares. */

/**
 * Adds `rows` rows of `columns` values to one row of cells. `edges` holds cells + 1 u32: where each cell begins in the
 * row, in values. `cellState` holds 32 bytes a cell, begun by `startExtreme`: per lane the largest pattern as a signed and
 * as an unsigned number. Among positive floats patterns order as magnitudes do, negative ones are the largest unsigned
 * numbers, and a NaN's magnitude is beyond infinity's: so two integer maxima keep the extreme of either sign.
 */
export function foldExtreme(
  src: usize,
  rows: i32,
  columns: i32,
  edges: usize,
  cells: i32,
  cellState: usize,
): void {
  for (let row = 0; row < rows; row++) {
    let at = src;
    let state = cellState;
    for (let cell = 0; cell < cells; cell++) {
      const end = src + ((<usize>load<u32>(edges + ((<usize>(cell + 1)) << 2))) << 2);
      let positive = v128.load(state);
      let negative = v128.load(state, 16);
      for (; at + 32 <= end; at += 32) {
        const x0 = v128.load(at);
        const x1 = v128.load(at, 16);
        positive = i32x4.max_s(positive, i32x4.max_s(x0, x1));
        negative = i32x4.max_u(negative, i32x4.max_u(x0, x1));
      }
      for (; at < end; at += 4) {
        const x = v128.load32_splat(at);
        positive = i32x4.max_s(positive, x);
        negative = i32x4.max_u(negative, x);
      }
      v128.store(state, positive);
      v128.store(state, negative, 16);
      state += 32;
    }
    src += (<usize>columns) << 2;
  }
}

/** Makes the states of cells that hold nothing yet. */
export function startExtreme(cellState: usize, cells: i32): void {
  for (let cell = 0; cell < cells; cell++) {
    v128.store(cellState, i32x4.splat(i32.MIN_VALUE));
    v128.store(cellState, i32x4.splat(0), 16);
    cellState += 32;
  }
}

/** Writes one float32 a cell: the value of largest magnitude, the positive one of two; NaN once there is one. */
export function finishExtreme(cellState: usize, cells: i32, dst: usize): void {
  for (let cell = 0; cell < cells; cell++) {
    const positive = v128.load(cellState);
    const negative = v128.load(cellState, 16);
    const a = max<i32>(
      max<i32>(i32x4.extract_lane(positive, 0), i32x4.extract_lane(positive, 1)),
      max<i32>(i32x4.extract_lane(positive, 2), i32x4.extract_lane(positive, 3)),
    );
    const b = max<u32>(
      max<u32>(<u32>i32x4.extract_lane(negative, 0), <u32>i32x4.extract_lane(negative, 1)),
      max<u32>(<u32>i32x4.extract_lane(negative, 2), <u32>i32x4.extract_lane(negative, 3)),
    );
    const magnitudeA = <u32>a & 0x7fffffff;
    const magnitudeB = b & 0x7fffffff;
    store<u32>(dst, magnitudeA >= magnitudeB ? <u32>a : b);
    cellState += 32;
    dst += 4;
  }
}

function upper(x: v128): v128 {
  return v128.shuffle<f32>(x, x, 2, 3, 2, 3);
}

/** As `foldExtreme`, adding sum and sum of squares in float64; `sums` holds these two of each cell, 16 bytes. */
export function foldSums(src: usize, rows: i32, columns: i32, edges: usize, cells: i32, sums: usize): void {
  for (let row = 0; row < rows; row++) {
    let at = src;
    let state = sums;
    for (let cell = 0; cell < cells; cell++) {
      const end = src + ((<usize>load<u32>(edges + ((<usize>(cell + 1)) << 2))) << 2);
      let total = f64x2.splat(0);
      let squares = f64x2.splat(0);
      for (; at + 16 <= end; at += 16) {
        const x = v128.load(at);
        const x0 = f64x2.promote_low_f32x4(x);
        const x1 = f64x2.promote_low_f32x4(upper(x));
        total = f64x2.add(total, f64x2.add(x0, x1));
        squares = f64x2.add(squares, f64x2.add(f64x2.mul(x0, x0), f64x2.mul(x1, x1)));
      }
      let sum = f64x2.extract_lane(total, 0) + f64x2.extract_lane(total, 1);
      let squared = f64x2.extract_lane(squares, 0) + f64x2.extract_lane(squares, 1);
      for (; at < end; at += 4) {
        const x = <f64>load<f32>(at);
        sum += x;
        squared += x * x;
      }
      store<f64>(state, load<f64>(state) + sum);
      store<f64>(state, load<f64>(state, 8) + squared, 8);
      state += 16;
    }
    src += (<usize>columns) << 2;
  }
}
