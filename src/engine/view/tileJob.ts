/** Heatmap tiles of any matrix of a tensor. */
import type { EngineContract, Region, Tile } from '../../protocol/engineApi';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { Engine, JobContext } from '../jobs';
import { namingTensorLater } from '../namingTensor';
import type { TensorSource } from '../tensorSource';
import { cellEdge } from '../worker/cellStart';
import { inOrder } from '../worker/inOrder';
import type { CellGrid, FoldResult } from '../worker/viewTasks';
import { cellRowParts, cellStep, checkedCells } from './cellGrid';
import { FoldCache } from './foldCache';
import { type BaseSteps, baseSteps, baseTileCells, CoarseCells } from './foldLevels';
import { checkedRegion, type TensorMatrix, tensorMatrix } from './tensorMatrix';

/** Folded cells of all checkpoints. */
const cache = new FoldCache(64 * 2 ** 20);
/** Distinguishes generations of checkpoints in the cache. */
const numbers = new WeakMap<OpenedCheckpoint, number>();
let nextNumber = 1;

/** What is folded of what. */
interface Folding {
  readonly source: TensorSource;
  readonly matrix: TensorMatrix;
  readonly fold: 'extreme' | 'sums';
  /** Begins all of its keys in the cache. */
  readonly key: string;
}

/** Cells of the region of the slice's matrix, row by row. Throws `usage` for a region outside it, `unsupported` for values that cannot be read. */
export async function tileJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  params: EngineContract['tile']['params'],
  { signal }: JobContext<undefined>,
): Promise<Tile> {
  const { tensor, slice, aggregate = 'extreme' } = params;
  const source = opened.source(tensor);
  const matrix = tensorMatrix(opened.tensor(tensor).shape, slice, source.name);
  const region = checkedRegion(matrix, params.region, source.name);
  const height = region.row1 - region.row0;
  const width = region.column1 - region.column0;
  const { rows, columns } = checkedCells(params, height, width);
  if (rows * columns === 0) return { region, rows, columns, values: new Float32Array(0), min: 0, max: 0 };
  const grid: CellGrid = {
    rows,
    columns,
    rowStep: params.aligned ? cellStep(region.row0, height, rows) : 0,
    columnStep: params.aligned ? cellStep(region.column0, width, columns) : 0,
  };
  const number = numbers.get(opened) ?? nextNumber++;
  numbers.set(opened, number);
  const fold = aggregate === 'extreme' ? 'extreme' : 'sums';
  const key = `${number} ${tensor} ${fold} ${matrix.first} ${matrix.rowStride} ${matrix.columnStride}`;
  const folded = await namingTensorLater(source, () =>
    foldCells(engine, { source, matrix, fold, key }, region, grid, signal),
  );
  const values = folded.extreme ?? meansOf(folded.sums!, region, grid, aggregate === 'rms');
  return { region, rows, columns, values, ...rangeOf(values) };
}

/** From base tiles where the cells are made of whole base cells, else from the file. */
async function foldCells(
  engine: Engine,
  folding: Folding,
  region: Region,
  grid: CellGrid,
  signal: AbortSignal,
): Promise<FoldResult> {
  const { matrix } = folding;
  const base = baseSteps(matrix, folding.fold);
  const whole = (step: number, unit: number, start: number, end: number, size: number) =>
    step >= unit && start % unit === 0 && (end % unit === 0 || end === size);
  const isCoarse =
    base.rowStep * base.columnStep > 1 &&
    whole(grid.rowStep, base.rowStep, region.row0, region.row1, matrix.rows) &&
    whole(grid.columnStep, base.columnStep, region.column0, region.column1, matrix.columns);
  if (!isCoarse) {
    const { row0, row1, column0, column1 } = region;
    const place = `${row0},${row1},${column0},${column1} ${grid.rows},${grid.columns}`;
    return cache.get(`${folding.key} ${place}`, signal, (own) =>
      foldFile(engine, folding, region, grid, own),
    );
  }
  const tiles = [...baseTiles(matrix, base, region)];
  const baseTile = (tile: Region): Promise<FoldResult> => {
    const rows = Math.ceil((tile.row1 - tile.row0) / base.rowStep);
    const columns = Math.ceil((tile.column1 - tile.column0) / base.columnStep);
    const key = `${folding.key} base ${tile.row0},${tile.column0}`;
    return cache.get(key, signal, (own) => foldFile(engine, folding, tile, { rows, columns, ...base }, own));
  };
  const [only] = tiles;
  const isBase = grid.rowStep === base.rowStep && grid.columnStep === base.columnStep;
  if (isBase && tiles.length === 1 && sameRegion(only!, region)) return baseTile(only!);
  const coarse = new CoarseCells(region, grid, folding.fold);
  await inOrder(tiles, 2 * engine.pool.size, signal, baseTile, (cells, tile) =>
    coarse.add(tile, base, cells),
  );
  return coarse.result();
}

const sameRegion = (a: Region, b: Region): boolean =>
  a.row0 === b.row0 && a.row1 === b.row1 && a.column0 === b.column0 && a.column1 === b.column1;

/** The base tiles that a region touches, row by row. */
function* baseTiles(matrix: TensorMatrix, base: BaseSteps, region: Region): Generator<Region> {
  const [high, wide] = [baseTileCells * base.rowStep, baseTileCells * base.columnStep];
  for (let row = Math.floor(region.row0 / high) * high; row < region.row1; row += high) {
    for (let column = Math.floor(region.column0 / wide) * wide; column < region.column1; column += wide) {
      yield {
        row0: row,
        row1: Math.min(matrix.rows, row + high),
        column0: column,
        column1: Math.min(matrix.columns, column + wide),
      };
    }
  }
}

/** Reads every value of the region, however large it is: a tile is exact. */
async function foldFile(
  { pool }: Engine,
  { source, matrix, fold }: Folding,
  region: Region,
  grid: CellGrid,
  signal: AbortSignal,
): Promise<FoldResult> {
  const { rows, columns } = grid;
  const height = region.row1 - region.row0;
  const width = region.column1 - region.column0;
  const extreme = fold === 'extreme' ? new Float32Array(rows * columns) : undefined;
  const sums = fold === 'sums' ? new Float64Array(2 * rows * columns) : undefined;
  await inOrder(
    cellRowParts({ rows, columns, height, width }, pool.size),
    2 * pool.size,
    signal,
    (part) =>
      pool.run({ kind: 'fold', source, matrix, region, grid, fold, ...part }, { signal, urgent: true }),
    (part, { cellRow0 }) => {
      if (part.extreme) extreme?.set(part.extreme, cellRow0 * columns);
      if (part.sums) sums?.set(part.sums, 2 * cellRow0 * columns);
    },
  );
  return { extreme, sums };
}

/** Mean or root of the mean square of each cell. */
function meansOf(sums: Float64Array, region: Region, grid: CellGrid, rms: boolean): Float32Array {
  const { rows, columns, rowStep, columnStep } = grid;
  const [height, width] = [region.row1 - region.row0, region.column1 - region.column0];
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const high = cellEdge(row + 1, rows, height, rowStep) - cellEdge(row, rows, height, rowStep);
    for (let column = 0; column < columns; column++) {
      const wide =
        cellEdge(column + 1, columns, width, columnStep) - cellEdge(column, columns, width, columnStep);
      const cell = row * columns + column;
      values[cell] = rms ? Math.sqrt(sums[2 * cell + 1]! / (high * wide)) : sums[2 * cell]! / (high * wide);
    }
  }
  return values;
}

/** Smallest and largest of the cells that hold a number; 0 where none does. */
function rangeOf(values: Float32Array): { min: number; max: number } {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min > max ? { min: 0, max: 0 } : { min, max };
}
