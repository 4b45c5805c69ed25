/** A tensor of any rank as a matrix: two of its dimensions vary, or the first one against all others. */
import { LoupeError } from '../../errors';
import type { Region, TensorSlice } from '../../protocol/engineApi';
import { matrixShape } from '../../stats/matrixShape';
import type { Block } from '../matrix';

/**
 * Where the values of a matrix lie in the flattened tensor, the last dimension varying fastest: value (r, c) is number
 * first + r * rowStride + c * columnStride. A plain value that a worker thread can be sent.
 */
export interface TensorMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly first: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** The matrix of a slice, or of the whole tensor without one; throws `usage` for a slice that the shape does not have. */
export function tensorMatrix(
  shape: readonly number[],
  slice: TensorSlice | undefined,
  tensor: string,
): TensorMatrix {
  if (!slice) {
    const { rows, columns } = matrixShape(shape);
    return { rows, columns, first: 0, rowStride: columns, columnStride: 1 };
  }
  const refuse = (message: string): never => {
    throw new LoupeError('usage', message, { tensor });
  };
  const { rowDimension, columnDimension, at } = slice;
  const isDimension = (d: number) => Number.isInteger(d) && d >= 0 && d < shape.length;
  if (!isDimension(rowDimension) || !isDimension(columnDimension) || rowDimension === columnDimension)
    refuse(
      `Dimensions ${rowDimension} and ${columnDimension} are no two dimensions of [${shape.join(', ')}].`,
    );
  if (!Array.isArray(at) || at.length !== shape.length)
    refuse(`A slice of [${shape.join(', ')}] has one index for each dimension.`);
  const strides = elementStrides(shape);
  let first = 0;
  for (const [d, size] of shape.entries()) {
    if (d === rowDimension || d === columnDimension) continue;
    const index = at[d]!;
    if (!Number.isInteger(index) || index < 0 || index >= size)
      refuse(`Index ${index} of dimension ${d} is not in 0..${size - 1}.`);
    first += index * strides[d]!;
  }
  return {
    rows: shape[rowDimension]!,
    columns: shape[columnDimension]!,
    first,
    rowStride: strides[rowDimension]!,
    columnStride: strides[columnDimension]!,
  };
}

/** Values from one index of a dimension to the next. */
function elementStrides(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let d = shape.length - 2; d >= 0; d--) strides[d] = strides[d + 1]! * shape[d + 1]!;
  return strides;
}

/** The indices, one a dimension, of a value of the flattened tensor. */
export function indicesOf(shape: readonly number[], index: number): number[] {
  const strides = elementStrides(shape);
  let rest = index;
  return strides.map((stride) => {
    const at = Math.floor(rest / stride);
    rest -= at * stride;
    return at;
  });
}

/** The region asked for, or all of the matrix; throws `usage` where it is not in the matrix or holds nothing. */
export function checkedRegion(
  { rows, columns }: Pick<TensorMatrix, 'rows' | 'columns'>,
  region: Region | undefined,
  tensor: string,
): Region {
  if (!region) return { row0: 0, row1: rows, column0: 0, column1: columns };
  const { row0, row1, column0, column1 } = region;
  const inside =
    [row0, row1, column0, column1].every((edge) => Number.isSafeInteger(edge) && edge >= 0) &&
    row0 < row1 &&
    row1 <= rows &&
    column0 < column1 &&
    column1 <= columns;
  if (inside) return { row0, row1, column0, column1 };
  throw new LoupeError(
    'usage',
    `Rows ${row0} to ${row1} and columns ${column0} to ${column1} are no region of a ${rows} x ${columns} matrix.`,
    { tensor },
  );
}

/** The rows and columns of a region as a block. */
export const regionBlock = ({ row0, row1, column0, column1 }: Region): Block => ({
  row: row0,
  rows: row1 - row0,
  column: column0,
  columns: column1 - column0,
});
