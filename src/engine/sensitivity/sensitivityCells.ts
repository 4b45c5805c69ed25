/** Cells of the comparison of schemes: made from sums, kept for a while, and added up to totals. */
import type { TensorInfo } from '../../formats/checkpoint';
import type { ErrorSums } from '../../kernels/kernels';
import type { SensitivityCell, SensitivitySample, SensitivityTotal } from '../../protocol/engineApi';
import { chosenOptions } from '../../quant/choice';
import { tensorError } from '../../quant/tensorError';
import type { SchemeChoice } from '../../quant/types';
import type { OpenedCheckpoint } from '../checkpointCache';

/** Everything about a cell but which choice of a request it answers. */
export interface CellFigures {
  readonly cell: Omit<SensitivityCell, 'choice'>;
  /** Mean square of the originals, for totals; 0 for a tensor that stays as it is. */
  readonly signal: number;
}

const bitsPerWeight = (bytes: number, elements: number) => (8 * bytes) / Math.max(1, elements);

/** A tensor that stays as it is, and why. */
export function leftCell(
  index: number,
  { dtype, bytes, elements }: TensorInfo,
  state: 'kept' | 'failed',
  note: string,
): CellFigures {
  const none = { mse: 0, relative: 0, sqnr: null, maxAbs: 0, cosine: 1, meanAbs: 0, kl: 0 };
  const bits = bitsPerWeight(bytes, elements);
  const cell = { tensor: index, state, to: dtype, bytes, bitsPerWeight: bits, ...none, note };
  return { cell, signal: 0 };
}

export interface Measured {
  readonly sums: ErrorSums;
  /** Values that the sums are over. */
  readonly values: number;
  readonly to: string;
  readonly bytes: number;
  readonly kl: number;
  readonly note?: string | undefined;
  readonly sampled?: SensitivitySample | undefined;
}

/** The cell of a tensor whose errors were summed. */
export function measuredCell(index: number, tensor: TensorInfo, measured: Measured): CellFigures {
  const { sums, values, to, bytes, kl, note, sampled } = measured;
  const { name, dtype: from } = tensor;
  const { mse, sqnr, maxAbs, cosine, meanAbs } = tensorError(sums, values, { name, from, to, bytes });
  const cell = {
    tensor: index,
    state: 'quantized' as const,
    to,
    bytes,
    bitsPerWeight: bitsPerWeight(bytes, tensor.elements),
    mse,
    relative: sums.squaredError === 0 ? 0 : Math.sqrt(sums.squaredError / sums.squaredX),
    sqnr,
    maxAbs,
    cosine,
    meanAbs,
    kl,
    ...(note === undefined ? {} : { note }),
    ...(sampled === undefined ? {} : { sampled }),
  };
  return { cell, signal: sums.squaredX / Math.max(1, values) };
}

/** Cells kept of a checkpoint: some tens of megabytes. */
const capacity = 100_000;
const keptCells = new WeakMap<OpenedCheckpoint, Map<string, CellFigures>>();

/** The cells that are known of a checkpoint, by keys that say all that they depend on; the oldest go first. */
export class KnownCells {
  private readonly cells: Map<string, CellFigures>;

  constructor(opened: OpenedCheckpoint) {
    this.cells = keptCells.get(opened) ?? new Map();
    keptCells.set(opened, this.cells);
  }

  get(key: string): CellFigures | undefined {
    const known = this.cells.get(key);
    if (known) this.put(key, known);
    return known;
  }

  put(key: string, cell: CellFigures): void {
    this.cells.delete(key);
    this.cells.set(key, cell);
    const oldest = this.cells.size > capacity ? this.cells.keys().next().value : undefined;
    if (oldest !== undefined) this.cells.delete(oldest);
  }
}

/** The same text for choices of the same options. */
export const choiceKey = (choice: SchemeChoice): string => JSON.stringify(chosenOptions(choice));

/** What a tensor that is not compared takes under a choice. */
export type SizeOf = (index: number) => number;

/** A model under one choice, from the cells of the tensors that were compared and the sizes of the others. */
export function totalOf(
  tensors: readonly TensorInfo[],
  cells: readonly CellFigures[],
  sizeOf: SizeOf,
): SensitivityTotal {
  const own = new Map(cells.map((figures) => [figures.cell.tensor, figures]));
  const counts = { quantized: 0, kept: 0, failed: 0 };
  let [bytes, elements, values, error, signal] = [0, 0, 0, 0, 0];
  for (const [index, tensor] of tensors.entries()) {
    const { cell, signal: meanSquare } = own.get(index) ?? { cell: undefined, signal: 0 };
    bytes += cell?.bytes ?? sizeOf(index);
    elements += tensor.elements;
    if (!cell) continue;
    counts[cell.state]++;
    if (cell.state !== 'quantized') continue;
    values += tensor.elements;
    error += cell.mse * tensor.elements;
    signal += meanSquare * tensor.elements;
  }
  return {
    bytes,
    bitsPerWeight: bitsPerWeight(bytes, elements),
    mse: values === 0 ? 0 : error / values,
    sqnr: error === 0 ? null : 10 * Math.log10(signal / error),
    ...counts,
  };
}
