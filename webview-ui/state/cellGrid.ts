/** How cells divide elements: every picture folds ranges of elements into cells by the same rule as the engine. */

/** A tensor seen as a matrix: first dimension down, the rest across; 1-D is one row. */
export function matrixShape(shape: readonly number[]): { rows: number; columns: number } {
  if (shape.length === 0) return { rows: 1, columns: 1 };
  if (shape.length === 1) return { rows: 1, columns: shape[0]! };
  return { rows: shape[0]!, columns: shape.slice(1).reduce((product, size) => product * size, 1) };
}

/** Elements start..end (half-open) that cell `index` of `cells` over start..end holds. */
export function elementsOf(
  start: number,
  end: number,
  cells: number,
  index: number,
): [from: number, to: number] {
  const extent = end - start;
  return [start + Math.floor((index * extent) / cells), start + Math.floor(((index + 1) * extent) / cells)];
}

/** The cell that holds an element: the inverse of `elementsOf`. */
export function cellOf(start: number, end: number, cells: number, element: number): number {
  return Math.floor(((element - start + 1) * cells - 1) / (end - start));
}
