/** First row (or column) of a cell when `size` of them are shared out evenly among `cells`. */
export function cellStart(cell: number, cells: number, size: number): number {
  return Math.floor((cell * size) / cells);
}

/** First row (or column) of a cell of `step` each, the last one cut; with step 0 they are shared out evenly. */
export function cellEdge(cell: number, cells: number, size: number, step: number): number {
  return step > 0 ? Math.min(size, cell * step) : cellStart(cell, cells, size);
}
