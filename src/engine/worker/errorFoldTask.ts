/** Folds a region of a matrix and its counterpart into cells of an error picture. */
import { divide, segmentElements } from '../matrix';
import { cellStart } from './cellStart';
import { CounterpartReader } from './compareTask';
import type { ErrorFoldResult, ErrorFoldTask } from './task';
import type { WorkerContext } from './workerContext';

/** Only the rows and columns of the cells asked for are read; every one of them is, however many there are. */
export async function runErrorFold(context: WorkerContext, task: ErrorFoldTask): Promise<ErrorFoldResult> {
  const { kernels, reader } = context;
  const { source, region, cellRow0, cellRow1 } = task;
  const width = region.column1 - region.column0;
  const columnEdges = Float64Array.from({ length: task.columns + 1 }, (_, cell) =>
    cellStart(cell, task.columns, width),
  );
  const rowEdge = (cell: number) => region.row0 + cellStart(cell, task.rows, region.row1 - region.row0);
  const area = {
    row: rowEdge(cellRow0),
    rows: rowEdge(cellRow1) - rowEdge(cellRow0),
    column: region.column0,
    columns: width,
  };
  const most = Math.min(segmentElements, area.rows * width);
  const x = kernels.alloc(4 * most);
  const y = kernels.alloc(4 * most);
  const other = new CounterpartReader(context, task.counterpart, source, most);

  const cells = new Cells(task, columnEdges);
  let cellRow = cellRow0;
  for (const block of divide(area, segmentElements)) {
    context.checkCancelled();
    reader.readRegion(source, block, x);
    other.read(block, x, y);
    const n = block.rows * block.columns;
    const values = kernels.f32(x, n);
    const others = kernels.f32(y, n);
    for (let i = 0; i < block.rows; i++) {
      while (block.row + i >= rowEdge(cellRow + 1)) cellRow++;
      const from = i * block.columns;
      cells.addRow(
        cellRow - cellRow0,
        block.column - region.column0,
        values.subarray(from, from + block.columns),
        others.subarray(from, from + block.columns),
      );
    }
  }
  return cells.result();
}

class Cells {
  private readonly original: Float32Array;
  private readonly dequantized: Float32Array;
  private readonly error: Float64Array;
  private readonly signed: Float32Array;
  private readonly counts: Float64Array;

  constructor(
    private readonly task: ErrorFoldTask,
    private readonly columnEdges: Float64Array,
  ) {
    const count = (task.cellRow1 - task.cellRow0) * task.columns;
    this.original = new Float32Array(count);
    this.dequantized = new Float32Array(count);
    this.error = new Float64Array(count);
    this.signed = new Float32Array(count);
    this.counts = new Float64Array(count);
  }

  /** Adds values that begin at column `start` of the region. */
  addRow(cellRow: number, start: number, x: Float32Array, y: Float32Array): void {
    const { columnEdges } = this;
    const { columns } = this.task;
    const width = columnEdges[columns]!;
    const end = start + x.length;
    let cell = Math.min(columns - 1, Math.floor((start * columns) / width));
    while (columnEdges[cell + 1]! <= start) cell++;
    while (columnEdges[cell]! > start) cell--;
    const errors = x.map((value, i) => value - y[i]!);
    for (let at = start; at < end; cell++) {
      const stop = Math.min(end, columnEdges[cell + 1]!);
      const index = cellRow * columns + cell;
      this.original[index] = largest(this.original[index]!, x, at - start, stop - start);
      this.dequantized[index] = largest(this.dequantized[index]!, y, at - start, stop - start);
      this.signed[index] = largest(this.signed[index]!, errors, at - start, stop - start);
      let sum = 0;
      for (let i = at - start; i < stop - start; i++) sum += Math.abs(x[i]! - y[i]!);
      this.error[index]! += sum;
      this.counts[index]! += stop - at;
      at = stop;
    }
  }

  result(): ErrorFoldResult {
    return {
      original: this.original,
      dequantized: this.dequantized,
      error: Float32Array.from(this.error, (sum, i) => sum / this.counts[i]!),
      signed: this.signed,
    };
  }
}

/** The value of largest magnitude, the positive one of two, as the heatmap's kernel has it; NaN once there is one. */
function largest(start: number, values: Float32Array, from: number, to: number): number {
  let best = start;
  let magnitude = Math.abs(start);
  for (let i = from; i < to; i++) {
    const value = values[i]!;
    const size = Math.abs(value);
    if (size > magnitude || (size === magnitude && value > best)) {
      best = value;
      magnitude = size;
    } else if (Number.isNaN(size)) {
      return Number.NaN;
    }
  }
  return best;
}
