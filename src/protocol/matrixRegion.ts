/** Parts of a tensor that is seen as a matrix. */

/** Half-open ranges over the tensor seen as a matrix. */
export interface Region {
  readonly row0: number;
  readonly row1: number;
  readonly column0: number;
  readonly column1: number;
}

/**
 * A tensor of any rank as a matrix: two of its dimensions vary, the others stand still. Without a slice the first
 * dimension gives the rows and all others together the columns.
 */
export interface TensorSlice {
  /** Places in the shape, outermost first; they differ. */
  readonly rowDimension: number;
  readonly columnDimension: number;
  /** One index a dimension; those of the two above are not looked at. */
  readonly at: readonly number[];
}
