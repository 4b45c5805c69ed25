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
