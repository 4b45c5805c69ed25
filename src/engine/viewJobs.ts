/** Heatmap tiles and error details of one tensor. */
import { LoupeError } from '../errors';
import type { Against, EngineContract, ErrorDetail, ErrorTile, Region, Tile } from '../protocol/engineApi';
import { addErrorSums, noErrorSums, tensorError } from '../quant/tensorError';
import { displayBins } from '../stats/displayHistogram';
import type { OpenedCheckpoint } from './checkpointCache';
import type { Engine, JobContext } from './jobs';
import { partElements, rowParts } from './matrix';
import { decisionFor } from './policy';
import { schemeCounterpart } from './schemeCounterpart';
import type { TensorSource } from './tensorSource';
import { cellStart } from './worker/cellStart';
import { inOrder } from './worker/inOrder';
import type { TaskOptions } from './worker/pool';
import type { Counterpart, FoldResult } from './worker/task';

/** Rows or columns that an error profile has at most: nobody can draw more, and all workers hold the columns. */
const longestProfile = 2 ** 24;
/** Cells of one tile: as many as a large screen has pixels. */
const mostCells = 2 ** 23;

export async function tileJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  params: EngineContract['tile']['params'],
  { signal }: JobContext<undefined>,
): Promise<Tile> {
  const source = opened.source(params.tensor);
  const folded = await fold(engine, source, params, undefined, { signal, urgent: true });
  const values = folded.original;
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  // Only where no cell has a number.
  if (min > max) [min, max] = [0, 0];
  return { region: folded.region, rows: folded.rows, columns: folded.columns, values, min, max };
}

export async function errorTileJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  params: EngineContract['errorTile']['params'],
  { signal }: JobContext<undefined>,
): Promise<ErrorTile> {
  const options = { signal, urgent: true };
  const other = await opposite(engine, opened, params.tensor, params.against, options);
  const { region, rows, columns, original, dequantized, error } = await fold(
    engine,
    opened.source(params.tensor),
    params,
    other.counterpart,
    options,
  );
  return { region, rows, columns, original, dequantized: dequantized!, error: error! };
}

export async function errorDetailJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  { tensor: index, against }: EngineContract['errorDetail']['params'],
  { signal }: JobContext<undefined>,
): Promise<ErrorDetail> {
  const options = { signal, urgent: true };
  const source = opened.source(index);
  if (source.rows > longestProfile || source.columns > longestProfile) {
    throw new LoupeError('unsupported', 'The tensor has too many rows or columns for error profiles.', {
      tensor: source.name,
    });
  }
  const other = await opposite(engine, opened, index, against, options);
  const { min, max } = await other.extent();
  const margin = max > min ? 0 : Math.max(Math.abs(min) / 2, 0.5);
  const bins = { min: min - margin, max: max + margin, bins: displayBins };

  let sums = noErrorSums;
  const rows = new Float64Array(source.rows);
  const columns = new Float64Array(source.columns);
  const original = new Float64Array(displayBins);
  const dequantized = new Float64Array(displayBins);
  const add = (target: Float64Array, from: Float64Array) => {
    for (let i = 0; i < from.length; i++) target[i]! += from[i]!;
  };
  await inOrder(
    rowParts(source),
    engine.pool.size + 1,
    signal,
    (part) =>
      engine.pool.run(
        { kind: 'compare', source, part, counterpart: slice(other.counterpart, part), detail: bins },
        options,
      ),
    (result, part) => {
      sums = addErrorSums(sums, result.sums);
      const detail = result.detail!;
      rows.set(detail.rows, part.row);
      add(columns, detail.columns);
      add(original, detail.original);
      add(dequantized, detail.dequantized);
    },
  );
  const range = { min: bins.min, max: bins.max };
  return {
    tensor: tensorError(sums, source.rows * source.columns, other.about),
    original: { ...range, counts: original },
    dequantized: { ...range, counts: dequantized },
    rowError: Float32Array.from(rows, (sum) => sum / source.columns),
    columnError: Float32Array.from(columns, (sum) => sum / source.rows),
  };
}

interface Opposite {
  readonly counterpart: Counterpart;
  readonly about: Parameters<typeof tensorError>[2];
  /** Bounds of the original and the dequantized values. */
  extent(): Promise<{ min: number; max: number }>;
}

/** What a tensor is compared with. A tensor that the policy keeps is compared with itself. */
async function opposite(
  engine: Engine,
  opened: OpenedCheckpoint,
  index: number,
  against: Against,
  options: TaskOptions,
): Promise<Opposite> {
  const tensor = opened.tensor(index);
  const source = opened.source(index);
  const { name, dtype: from, bytes } = tensor;
  if (against.kind === 'file') {
    const written = await engine.cache.get(against.path);
    const otherIndex = written.indexOf(name);
    if (otherIndex === undefined) {
      throw new LoupeError('not-found', `${name} is not in the compared file.`, { file: against.path });
    }
    const other = written.tensor(otherIndex);
    const otherSource = written.source(otherIndex);
    if (otherSource.rows !== source.rows || otherSource.columns !== source.columns) {
      throw new LoupeError('refused', `${name} has another shape in the compared file.`, {
        file: against.path,
        tensor: name,
      });
    }
    return {
      counterpart: { kind: 'tensor', source: otherSource },
      about: { name, from, to: other.dtype, bytes: other.bytes },
      extent: async () => {
        const [a, b] = await Promise.all([
          extentOf(engine, opened, index, source, options),
          extentOf(engine, written, otherIndex, otherSource, options),
        ]);
        return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
      },
    };
  }
  const decision = decisionFor(opened.checkpoint, tensor, false, against.choice);
  if (!decision.quantize) {
    return {
      counterpart: { kind: 'tensor', source },
      about: { name, from, to: from, bytes, note: decision.reason },
      extent: () => extentOf(engine, opened, index, source, options),
    };
  }
  const { counterpart, about, extent } = await schemeCounterpart(
    engine,
    source,
    against.choice,
    (key, compute) => opened.remember(key, compute),
    options,
  );
  return {
    counterpart,
    about: { name, from, ...about },
    extent: async () => extent ?? extentOf(engine, opened, index, source, options),
  };
}

function extentOf(
  engine: Engine,
  opened: OpenedCheckpoint,
  index: number,
  source: TensorSource,
  options: TaskOptions,
): Promise<{ min: number; max: number }> {
  return opened.remember(`extent ${index}`, async () => {
    let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    await inOrder(
      rowParts(source),
      engine.pool.size + 1,
      undefined,
      (part) => engine.pool.run({ kind: 'ranges', source, part }, { urgent: options.urgent }),
      (result) => {
        min = result.min.reduce((a, b) => Math.min(a, b), min);
        max = result.max.reduce((a, b) => Math.max(a, b), max);
      },
    );
    return min > max ? { min: 0, max: 0 } : { min, max };
  });
}

/** The parameters that some rows need, so that no task carries those of all rows. */
function slice(counterpart: Counterpart, { row, rows }: { row: number; rows: number }): Counterpart {
  if (counterpart.kind !== 'scheme') return counterpart;
  const { scale, inverse, zero } = counterpart.parameters;
  const from = row - counterpart.firstRow;
  return {
    ...counterpart,
    firstRow: row,
    parameters: {
      scale: scale.slice(from, from + rows),
      inverse: inverse.slice(from, from + rows),
      zero: zero.slice(from, from + rows),
    },
  };
}

interface Folded extends FoldResult {
  readonly region: Region;
  readonly rows: number;
  readonly columns: number;
}

/** Every value of the region is read, however large it is: a tile is exact. */
async function fold(
  engine: Engine,
  source: TensorSource,
  asked: { region?: Region | undefined; rows: number; columns: number },
  counterpart: Counterpart | undefined,
  options: TaskOptions,
): Promise<Folded> {
  const region = checkedRegion(source, asked.region);
  const height = region.row1 - region.row0;
  const width = region.column1 - region.column0;
  const rows = checkedCells(asked.rows, height);
  const columns = checkedCells(asked.columns, width);
  if (rows * columns > mostCells) throw new LoupeError('usage', `A tile has at most ${mostCells} cells.`);
  const result = {
    original: new Float32Array(rows * columns),
    dequantized: counterpart && new Float32Array(rows * columns),
    error: counterpart && new Float32Array(rows * columns),
  };
  if (rows * columns === 0) return { region, rows, columns, ...result };

  // Each task takes about a part's worth of values, and all workers have something to do.
  const perRow = Math.ceil(height / rows) * width;
  const step = Math.max(
    1,
    Math.min(Math.floor(partElements / perRow), Math.ceil(rows / (2 * engine.pool.size))),
  );
  const starts = Array.from({ length: Math.ceil(rows / step) }, (_, i) => i * step);
  await inOrder(
    starts,
    engine.pool.size * 2,
    options.signal,
    (cellRow0) => {
      const cellRow1 = Math.min(rows, cellRow0 + step);
      const row = region.row0 + cellStart(cellRow0, rows, height);
      const end = region.row0 + cellStart(cellRow1, rows, height);
      const own = counterpart && slice(counterpart, { row, rows: end - row });
      return engine.pool.run(
        { kind: 'fold', source, region, rows, columns, cellRow0, cellRow1, counterpart: own },
        options,
      );
    },
    (part, cellRow0) => {
      result.original.set(part.original, cellRow0 * columns);
      if (part.dequantized) result.dequantized?.set(part.dequantized, cellRow0 * columns);
      if (part.error) result.error?.set(part.error, cellRow0 * columns);
    },
  );
  return { region, rows, columns, ...result };
}

function checkedRegion(source: TensorSource, region: Region | undefined): Region {
  if (!region) return { row0: 0, row1: source.rows, column0: 0, column1: source.columns };
  const { row0, row1, column0, column1 } = region;
  const inside =
    [row0, row1, column0, column1].every((edge) => Number.isSafeInteger(edge) && edge >= 0) &&
    row0 < row1 &&
    row1 <= source.rows &&
    column0 < column1 &&
    column1 <= source.columns;
  if (inside) return { row0, row1, column0, column1 };
  throw new LoupeError(
    'usage',
    `Rows ${row0} to ${row1} and columns ${column0} to ${column1} are no region of a ${source.rows} x ${source.columns} matrix.`,
    { tensor: source.name },
  );
}

/** No more cells than values along an axis. */
function checkedCells(cells: number, size: number): number {
  if (!Number.isSafeInteger(cells) || cells < 1)
    throw new LoupeError('usage', `A tile cannot have ${cells} cells.`);
  return Math.min(cells, size);
}
