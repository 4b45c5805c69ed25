/** First row (or column) of a cell when `size` of them are shared out evenly among `cells`. */
export function cellStart(cell: number, cells: number, size: number): number {
  return Math.floor((cell * size) / cells);
}
