/** How a tensor of any rank is seen as a matrix. */
export interface MatrixShape {
  readonly rows: number;
  readonly columns: number;
}

/** Rows = the first dimension, columns = all others. A 1-D tensor is one row, a scalar 1 x 1. */
export function matrixShape(shape: readonly number[]): MatrixShape {
  if (shape.length === 0) return { rows: 1, columns: 1 };
  if (shape.length === 1) return { rows: 1, columns: shape[0]! };
  return { rows: shape[0]!, columns: shape.slice(1).reduce((product, n) => product * n, 1) };
}

/** Beyond these the channel arrays themselves would take more memory than the work is allowed. */
const maximumChannelRows = 2 ** 24;
const maximumChannelColumns = 2 ** 21;

/** Whether figures for each channel are kept for a matrix of this shape. */
export function hasChannels(shape: MatrixShape): boolean {
  return shape.rows <= maximumChannelRows && shape.columns <= maximumChannelColumns && shape.columns > 0;
}
