/** Largest |x| and sum of squares of each row and column that a run of values touches. */
export interface ChannelFold {
  readonly rowMax: Float32Array;
  readonly columnMax: Float32Array;
  readonly rowSumSq: Float64Array;
  readonly columnSumSq: Float64Array;
}

/**
 * Folds a flat run that begins at `startColumn` of a row. Row arrays have one entry for each row that
 * the run touches, column arrays one a column; non-finite values are left out. Magnitudes beyond float32 count as its
 * largest number, and squares beyond 2^960 as that, so that sums stay finite.
 */
export function channelsReference(
  values: Float32Array | Float64Array,
  startColumn: number,
  columns: number,
): ChannelFold {
  const rows = Math.ceil((startColumn + values.length) / columns);
  const rowMax = new Float32Array(rows);
  const columnMax = new Float32Array(columns);
  const rowSumSq = new Float64Array(rows);
  const columnSumSq = new Float64Array(columns);
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) return;
    const row = Math.floor((startColumn + i) / columns);
    const column = (startColumn + i) % columns;
    const magnitude = Math.min(Math.fround(Math.abs(value)), 3.4028234663852886e38);
    const squared = Math.min(value * value, 2 ** 960);
    rowMax[row] = Math.max(rowMax[row]!, magnitude);
    columnMax[column] = Math.max(columnMax[column]!, magnitude);
    rowSumSq[row]! += squared;
    columnSumSq[column]! += squared;
  });
  return { rowMax, columnMax, rowSumSq, columnSumSq };
}
