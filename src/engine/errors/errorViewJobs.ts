/** Error pictures and error details of one tensor. */
import { LoupeError } from '../../errors';
import type {
  Against,
  EngineContract,
  ErrorDetail,
  ErrorTile,
  PlacedError,
  Region,
} from '../../protocol/engineApi';
import { addErrorSums, noErrorSums, tensorError } from '../../quant/tensorError';
import { divergenceBins, valueDivergence } from '../../quant/valueDivergence';
import { displayBins } from '../../stats/displayHistogram';
import type { OpenedCheckpoint } from '../checkpointCache';
import { encodedSetting } from '../encode/encodedSource';
import { modelImportance, weighedSetting } from '../importance/modelImportance';
import type { Engine, JobContext } from '../jobs';
import { rowParts, sampleBlocks } from '../matrix';
import { resolvedFor } from '../recipe/policy';
import { withLayers } from '../recipe/pruneLayers';
import type { TensorSource } from '../tensorSource';
import { cellRowParts, checkedCells } from '../view/cellGrid';
import { checkedRegion } from '../view/tensorMatrix';
import { cellStart } from '../worker/cellStart';
import { inOrder } from '../worker/inOrder';
import type { TaskOptions } from '../worker/pool';
import type { Counterpart } from '../worker/task';
import { holdsSingles, tileCodes } from './errorCodes';
import { schemeCounterpart } from './schemeCounterpart';
import { storesTranspose } from './storesTranspose';
import { worstOf } from './worstErrors';

/** Rows or columns that an error profile has at most: nobody can draw more, and all workers hold the columns. */
const longestProfile = 2 ** 24;

/** Largest errors of the cells of a region, row by row. Throws `usage` for a region outside the tensor, and what encoding throws. */
export async function errorTileJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  params: EngineContract['errorTile']['params'],
  { signal }: JobContext<undefined>,
): Promise<ErrorTile> {
  const options = { signal, urgent: true };
  const source = opened.source(params.tensor);
  const other = await opposite(engine, opened, params.tensor, params.against, options);
  const tile = await foldErrors(engine, source, params, other.counterpart, options);
  if (!params.codes || !holdsSingles(tile)) return tile;
  const choice = params.codes;
  const imatrix = params.against.kind === 'scheme' ? params.against.imatrix : undefined;
  const own = await opposite(engine, opened, params.tensor, { kind: 'scheme', choice, imatrix }, options);
  const codes = await tileCodes(engine, source, choice, own.counterpart, tile, options);
  return codes ? { ...tile, codes } : tile;
}

/** Figures, distributions and profiles over every value. Throws `unsupported` for longer axes than profiles have, and what encoding throws. */
export async function errorDetailJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  { tensor: index, against, background = false }: EngineContract['errorDetail']['params'],
  { signal }: JobContext<undefined>,
): Promise<ErrorDetail> {
  const options = { signal, urgent: !background };
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
  const sample = { kind: 'sample', source, blocks: sampleBlocks(source) } as const;
  const guess = await engine.pool.run(sample, options);
  const divergence = divergenceBins(guess?.mean ?? 0, (guess?.sigma3 ?? 0) / 3);

  let sums = noErrorSums;
  const rows = new Float64Array(source.rows);
  const columns = new Float64Array(source.columns);
  const original = new Float64Array(displayBins);
  const dequantized = new Float64Array(displayBins);
  const spread = {
    original: new Float64Array(divergence.bins),
    dequantized: new Float64Array(divergence.bins),
  };
  const worst: PlacedError[] = [];
  const add = (target: Float64Array, from: Float64Array) => {
    for (let i = 0; i < from.length; i++) target[i]! += from[i]!;
  };
  await inOrder(
    rowParts(source),
    engine.pool.size + 1,
    signal,
    (part) =>
      engine.pool.run(
        {
          kind: 'compare',
          source,
          part,
          counterpart: slice(other.counterpart, part),
          detail: { bins, divergence },
        },
        options,
      ),
    (result, part) => {
      sums = addErrorSums(sums, result.sums);
      const detail = result.detail!;
      rows.set(detail.rows, part.row);
      add(columns, detail.columns);
      add(original, detail.original);
      add(dequantized, detail.dequantized);
      add(spread.original, detail.divergence.original);
      add(spread.dequantized, detail.divergence.dequantized);
      worst.push(...detail.worst);
    },
  );
  const range = { min: bins.min, max: bins.max };
  return {
    tensor: tensorError(sums, source.rows * source.columns, other.about),
    original: { ...range, counts: original },
    dequantized: { ...range, counts: dequantized },
    rowError: Float32Array.from(rows, (sum) => sum / source.columns),
    columnError: Float32Array.from(columns, (sum) => sum / source.rows),
    worst: worstOf(worst),
    kl: valueDivergence(spread.original, spread.dequantized),
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
    const isTransposed = storesTranspose(tensor, other);
    const sameShape = otherSource.rows === source.rows && otherSource.columns === source.columns;
    if (!sameShape && !isTransposed) {
      throw new LoupeError('refused', `${name} has another shape in the compared file.`, {
        file: against.path,
        tensor: name,
      });
    }
    return {
      counterpart: { kind: 'tensor', source: otherSource, isTransposed },
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
  const decision = resolvedFor(opened.checkpoint, tensor, against);
  if (!decision.choice) {
    return {
      counterpart: { kind: 'tensor', source },
      about: { name, from, to: from, bytes, note: decision.reason },
      extent: () => extentOf(engine, opened, index, source, options),
    };
  }
  const choice = await withLayers(engine, opened, decision.choice, false, options);
  const importance =
    against.imatrix === undefined ? undefined : await modelImportance(opened, against.imatrix);
  const { setting, note } = weighedSetting(encodedSetting(opened, index, choice), importance, index);
  const { counterpart, about, extent } = await schemeCounterpart(
    engine,
    opened.checkpoint,
    source,
    setting,
    (key, compute) => opened.remember(key, compute),
    options,
  );
  return {
    counterpart,
    about: { name, from, ...about, ...(note === undefined ? {} : { note }) },
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

/** Every value of the region is read, however large it is: a tile is exact. */
async function foldErrors(
  engine: Engine,
  source: TensorSource,
  asked: { region?: Region | undefined; rows: number; columns: number },
  counterpart: Counterpart,
  options: TaskOptions,
): Promise<ErrorTile> {
  const region = checkedRegion(source, asked.region, source.name);
  const height = region.row1 - region.row0;
  const width = region.column1 - region.column0;
  const { rows, columns } = checkedCells(asked, height, width);
  const result = {
    original: new Float32Array(rows * columns),
    dequantized: new Float32Array(rows * columns),
    error: new Float32Array(rows * columns),
    signed: new Float32Array(rows * columns),
  };
  if (rows * columns === 0) return { region, rows, columns, ...result };

  await inOrder(
    cellRowParts({ rows, columns, height, width }, engine.pool.size),
    engine.pool.size * 2,
    options.signal,
    ({ cellRow0, cellRow1 }) => {
      const row = region.row0 + cellStart(cellRow0, rows, height);
      const end = region.row0 + cellStart(cellRow1, rows, height);
      const own = slice(counterpart, { row, rows: end - row });
      return engine.pool.run(
        { kind: 'errorFold', source, region, rows, columns, cellRow0, cellRow1, counterpart: own },
        options,
      );
    },
    (part, { cellRow0 }) => {
      result.original.set(part.original, cellRow0 * columns);
      result.dequantized.set(part.dequantized, cellRow0 * columns);
      result.error.set(part.error, cellRow0 * columns);
      result.signed.set(part.signed, cellRow0 * columns);
    },
  );
  return { region, rows, columns, ...result };
}
