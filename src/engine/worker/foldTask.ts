/** Folds a region of a matrix into cells for a heatmap. */
import { extremeStateBytes, sumStateBytes } from '../../kernels/kernels';
import { type Block, divide, segmentElements } from '../matrix';
import { cellEdge } from './cellStart';
import { SliceReader } from './sliceReader';
import type { FoldResult, FoldTask } from './viewTasks';
import type { WorkerContext } from './workerContext';

/** Only the rows and columns of the cells asked for are read; every one of them is, however many there are. */
export function runFold(context: WorkerContext, task: FoldTask): FoldResult {
  const { kernels } = context;
  const { region, fold, grid, cellRow0, cellRow1 } = task;
  const reader = new SliceReader(context);
  const height = region.row1 - region.row0;
  const width = region.column1 - region.column0;
  const rowEdge = (cell: number) => region.row0 + cellEdge(cell, grid.rows, height, grid.rowStep);
  const columnEdge = (cell: number) => cellEdge(cell, grid.columns, width, grid.columnStep);
  const area = {
    row: rowEdge(cellRow0),
    rows: rowEdge(cellRow1) - rowEdge(cellRow0),
    column: region.column0,
    columns: width,
  };
  const cells = (cellRow1 - cellRow0) * grid.columns;
  const stateBytes = fold === 'extreme' ? extremeStateBytes : sumStateBytes;
  const states = kernels.alloc(stateBytes * cells);
  if (fold === 'extreme') kernels.startExtreme(states, cells);
  else kernels.f64(states, 2 * cells).fill(0);
  const x = kernels.alloc(4 * Math.min(segmentElements, area.rows * width));
  const edges = kernels.alloc(4 * (grid.columns + 1));

  let edgesOf = -1;
  let [firstCell, cellCount] = [0, 0];
  /** The cells that a block's columns lie in, and where in the block they begin. */
  const placeEdges = ({ column, columns }: Block) => {
    const start = column - region.column0;
    if (edgesOf === start) return;
    edgesOf = start;
    firstCell = Math.min(grid.columns - 1, Math.floor((start * grid.columns) / width));
    while (columnEdge(firstCell) > start) firstCell--;
    while (columnEdge(firstCell + 1) <= start) firstCell++;
    let end = firstCell + 1;
    while (end < grid.columns && columnEdge(end) < start + columns) end++;
    cellCount = end - firstCell;
    const places = kernels.u32(edges, cellCount + 1);
    for (let i = 0; i <= cellCount; i++)
      places[i] = Math.min(columns, Math.max(0, columnEdge(firstCell + i) - start));
  };

  const add = fold === 'extreme' ? kernels.foldExtreme : kernels.foldSums;
  let cellRow = cellRow0;
  // Across the tensor's rows, square blocks read longer runs of each.
  const blocks = task.matrix.columnStride === 1 ? divide(area, segmentElements) : squares(area);
  for (const block of blocks) {
    context.checkCancelled();
    if (block.row < rowEdge(cellRow)) cellRow = cellRow0;
    reader.readFloat32(task.source, task.matrix, block, x);
    placeEdges(block);
    for (let done = 0; done < block.rows; ) {
      while (block.row + done >= rowEdge(cellRow + 1)) cellRow++;
      const rows = Math.min(block.rows - done, rowEdge(cellRow + 1) - block.row - done);
      const state = states + stateBytes * ((cellRow - cellRow0) * grid.columns + firstCell);
      add.call(kernels, x + 4 * done * block.columns, rows, block.columns, edges, cellCount, state);
      done += rows;
    }
  }
  if (fold === 'sums') return { sums: kernels.f64(states, 2 * cells).slice() };
  const out = kernels.alloc(4 * cells);
  kernels.finishExtreme(states, cells, out);
  return { extreme: kernels.f32(out, cells).slice() };
}

/** Side of a square of a segment's values. */
const squareSide = Math.sqrt(segmentElements);

/** Divides a block into squares, row by row. */
function* squares({ row, rows, column, columns }: Block): Generator<Block> {
  for (let down = 0; down < rows; down += squareSide) {
    for (let across = 0; across < columns; across += squareSide) {
      yield {
        row: row + down,
        rows: Math.min(squareSide, rows - down),
        column: column + across,
        columns: Math.min(squareSide, columns - across),
      };
    }
  }
}
