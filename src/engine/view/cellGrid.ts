/** How regions of a matrix are divided into cells, and cells among tasks. */
import { LoupeError } from '../../errors';
import { partElements } from '../matrix';
import type { CellGrid } from '../worker/viewTasks';

/** Cells of one tile: as many as a large screen has pixels. */
const mostCells = 2 ** 23;
/** Cells that a task keeps sums for, of up to 32 bytes each. */
const mostTaskCells = 2 ** 18;
/** Values that are worth a task of their own. */
const leastTaskElements = 2 ** 18;

/** No more cells than values along an axis; throws `usage` for more than anyone can see. */
export function checkedCells(
  asked: { rows: number; columns: number },
  height: number,
  width: number,
): { rows: number; columns: number } {
  for (const cells of [asked.rows, asked.columns]) {
    if (!Number.isSafeInteger(cells) || cells < 1)
      throw new LoupeError('usage', `A tile cannot have ${cells} cells.`);
  }
  const rows = Math.min(asked.rows, height);
  const columns = Math.min(asked.columns, width);
  if (rows * columns > mostCells) throw new LoupeError('usage', `A tile has at most ${mostCells} cells.`);
  return { rows, columns };
}

/** The power of two of values that an aligned cell covers along an axis; throws `usage` when the cells fit none. */
export function cellStep(start: number, size: number, cells: number): number {
  const step = 2 ** Math.ceil(Math.log2(size / cells));
  if (start % step === 0 && Math.ceil(size / step) === cells) return step;
  throw new LoupeError(
    'usage',
    `${cells} cells of a power of two do not cover ${size} values from ${start}.`,
  );
}

export interface CellRows {
  readonly cellRow0: number;
  readonly cellRow1: number;
}

/** Shares rows of cells among tasks: each takes at most about a part's worth of values, and all workers get something. */
export function cellRowParts(
  { rows, columns, height, width }: Pick<CellGrid, 'rows' | 'columns'> & { height: number; width: number },
  workers: number,
): CellRows[] {
  const perRow = Math.ceil(height / rows) * width;
  const most = Math.min(Math.floor(partElements / perRow), Math.floor(mostTaskCells / columns));
  const shared = Math.max(Math.ceil(rows / (2 * workers)), Math.ceil(leastTaskElements / perRow));
  const step = Math.max(1, Math.min(most, shared));
  return Array.from({ length: Math.ceil(rows / step) }, (_, i) => ({
    cellRow0: i * step,
    cellRow1: Math.min(rows, (i + 1) * step),
  }));
}
