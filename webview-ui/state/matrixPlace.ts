/** Places in a tensor of any rank and in the matrix that a slice of it makes. */
import type { TensorSlice } from '../../src/protocol/engineApi';
import { atOfFlat, flatOf } from '../../src/protocol/tensorIndex';
import { matrixShape } from './cellGrid';
import type { MatrixSize } from './matrixCamera';

export interface MatrixPlace {
  readonly row: number;
  readonly column: number;
}

/** The matrix that is shown; at least one element each way, so that empty tensors divide by nothing. */
export function sliceSize(shape: readonly number[], slice: TensorSlice | undefined): MatrixSize {
  const { rows, columns } = slice
    ? { rows: shape[slice.rowDimension]!, columns: shape[slice.columnDimension]! }
    : matrixShape(shape);
  return { rows: Math.max(1, rows), columns: Math.max(1, columns) };
}

/**
 * What a tensor is shown as at first: with more than two dimensions a slice over the last two when both are long,
 * as in stacks of expert weights; small ones, as a convolution's kernels, are laid side by side.
 */
export function firstSlice(shape: readonly number[]): TensorSlice | undefined {
  const rank = shape.length;
  if (rank < 3 || Math.min(shape[rank - 1]!, shape[rank - 2]!) < 16) return undefined;
  return { rowDimension: rank - 2, columnDimension: rank - 1, at: shape.map(() => 0) };
}

/** One index a dimension of the element at a row and a column. */
export function indicesOf(
  place: MatrixPlace,
  shape: readonly number[],
  slice: TensorSlice | undefined,
): number[] {
  if (!slice) return atOfFlat(place.row * matrixShape(shape).columns + place.column, shape);
  return shape.map((_, dimension) =>
    dimension === slice.rowDimension
      ? place.row
      : dimension === slice.columnDimension
        ? place.column
        : (slice.at[dimension] ?? 0),
  );
}

/** Where an element lies, and the slice moved to where it shows it. */
export function placeOf(
  at: readonly number[],
  shape: readonly number[],
  slice: TensorSlice | undefined,
): { place: MatrixPlace; slice: TensorSlice | undefined } {
  if (slice) {
    const { rowDimension, columnDimension } = slice;
    return { place: { row: at[rowDimension]!, column: at[columnDimension]! }, slice: { ...slice, at } };
  }
  const { columns } = matrixShape(shape);
  const flat = flatOf(at, shape);
  return { place: { row: Math.floor(flat / columns), column: flat % columns }, slice: undefined };
}

/** Whether two slices along the same dimensions show different elements. */
export function showsOther(slice: TensorSlice, before: TensorSlice | undefined): boolean {
  return slice.at.some((index, dimension) => {
    const isFree = dimension === slice.rowDimension || dimension === slice.columnDimension;
    return !isFree && index !== before?.at[dimension];
  });
}

/** A saved slice that still fits the shape. */
export function restoredSlice(
  saved: TensorSlice | undefined,
  shape: readonly number[],
): TensorSlice | undefined {
  if (!saved || shape.length < 2 || !Array.isArray(saved.at)) return undefined;
  const { rowDimension, columnDimension } = saved;
  const isDimension = (value: number) => Number.isInteger(value) && value >= 0 && value < shape.length;
  if (!isDimension(rowDimension) || !isDimension(columnDimension) || rowDimension === columnDimension)
    return undefined;
  const at = shape.map((size, dimension) =>
    Math.min(Math.max(0, size - 1), Math.max(0, Math.floor(saved.at[dimension] ?? 0) || 0)),
  );
  return { rowDimension, columnDimension, at };
}
