/** What `Kernels.rowRange` writes and returns; zeros lose their sign. */
export interface RowRange {
  readonly min: Float32Array;
  readonly max: Float32Array;
  /** Index of the first NaN or infinity, or -1. Rows from that one on are left 0. */
  readonly firstNonFinite: number;
}

/** Smallest and largest value of each row of a rows x columns matrix with at least one column. */
export function rowRangeReference(values: Float32Array, rows: number, columns: number): RowRange {
  const min = new Float32Array(rows);
  const max = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let column = 0; column < columns; column++) {
      const index = row * columns + column;
      const value = values[index]!;
      if (!Number.isFinite(value)) return { min, max, firstNonFinite: index };
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    min[row] = low + 0;
    max[row] = high + 0;
  }
  return { min, max, firstNonFinite: -1 };
}
