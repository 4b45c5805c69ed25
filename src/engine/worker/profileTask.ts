/** Largest magnitude and sum of squares of each row and column of a block of a matrix. */
import { extremeStateBytes } from '../../kernels/kernels';
import { divide, segmentElements } from '../matrix';
import { SliceReader } from './sliceReader';
import { isWide } from './valuesTask';
import type { ProfileResult, ProfileTask } from './viewTasks';
import type { WorkerContext } from './workerContext';

/** The block is whole rows of the matrix, or a part of one row. */
export function runProfile(context: WorkerContext, task: ProfileTask): ProfileResult {
  const { kernels } = context;
  const { source, matrix, block } = task;
  const reader = new SliceReader(context);
  const wide = isWide(source);
  const rowMax = kernels.alloc(4 * block.rows);
  const columnMax = kernels.alloc(4 * block.columns);
  const rowSumSq = kernels.alloc(8 * block.rows);
  const columnSumSq = kernels.alloc(8 * block.columns);
  kernels.f32(rowMax, block.rows).fill(0);
  kernels.f32(columnMax, block.columns).fill(0);
  kernels.f64(rowSumSq, block.rows).fill(0);
  kernels.f64(columnSumSq, block.columns).fill(0);
  const most = Math.min(segmentElements, block.rows * block.columns);
  const x = kernels.alloc(8 * most);
  const raw = wide ? kernels.alloc(8 * most) : 0;
  const state = kernels.alloc(extremeStateBytes + 16);
  const rowBad = new Float64Array(block.rows);
  const columnBad = new Float64Array(block.columns);
  let anyBad = false;
  for (const segment of divide(block, segmentElements)) {
    context.checkCancelled();
    const n = segment.rows * segment.columns;
    if (wide) {
      reader.readStored(source, matrix, segment, raw);
      kernels.decodeWide(source.dtype, raw, x, n);
    } else reader.readFloat32(source, matrix, segment, x);
    const row = segment.row - block.row;
    const column = segment.column - block.column;
    const fold = wide ? kernels.channels64 : kernels.channels;
    fold.call(
      kernels,
      x,
      n,
      0,
      segment.columns,
      rowMax + 4 * row,
      columnMax + 4 * column,
      rowSumSq + 8 * row,
      columnSumSq + 8 * column,
    );
    if (!wide && isFinite32(context, x, n, state)) continue;
    const values = wide ? kernels.f64(x, n) : kernels.f32(x, n);
    for (let i = 0; i < n; i++) {
      if (Number.isFinite(values[i])) continue;
      anyBad = true;
      rowBad[row + Math.floor(i / segment.columns)]!++;
      columnBad[column + (i % segment.columns)]!++;
    }
  }
  return {
    rows: {
      absmax: kernels.f32(rowMax, block.rows).slice(),
      sumSq: kernels.f64(rowSumSq, block.rows).slice(),
      nonFinite: anyBad ? rowBad : undefined,
    },
    columns: {
      absmax: kernels.f32(columnMax, block.columns).slice(),
      sumSq: kernels.f64(columnSumSq, block.columns).slice(),
      nonFinite: anyBad ? columnBad : undefined,
    },
  };
}

/** Whether all values are finite: their extreme is then, and only then. */
function isFinite32({ kernels }: WorkerContext, x: number, n: number, state: number): boolean {
  const [edges, out] = [state + extremeStateBytes, state + extremeStateBytes + 8];
  kernels.u32(edges, 2).set([0, n]);
  kernels.startExtreme(state, 1);
  kernels.foldExtreme(x, 1, n, edges, 1, state);
  kernels.finishExtreme(state, 1, out);
  return Number.isFinite(kernels.f32(out, 1)[0]!);
}
