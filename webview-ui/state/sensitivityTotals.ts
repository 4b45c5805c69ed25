/** A whole model under a choice for each tensor: size and error, from the cells that are known. Pure. */
import type { SensitivityCells } from './sensitivityCells';

/** What a tensor gets: a scheme's key, its bytes as they are, or nothing that is known. */
export type TensorPick = string | 'keep';

export interface ModelTotal {
  readonly bytes: number;
  /** 8 bytes / elements over the whole model. */
  readonly bitsPerWeight: number;
  /** Over the values of all quantized tensors. */
  readonly mse: number;
  /** dB; Infinity when there is no error, NaN when nothing is quantized. */
  readonly sqnr: number;
  readonly quantized: number;
  readonly kept: number;
  readonly failed: number;
  /** Tensors that are not compared; they count with their original size. */
  readonly unknown: number;
  /** Whether any of the figures comes from a sample. */
  readonly isSampled: boolean;
}

/** Columns of the catalogue that totals need. */
export interface TensorSizes {
  readonly count: number;
  readonly bytes: ArrayLike<number>;
  readonly elements: ArrayLike<number>;
}

/** SQNR of the whole is the sum of the signal's energy over that of the errors, so that each tensor counts by what it holds. */
export function modelTotal(
  cells: SensitivityCells,
  tensors: TensorSizes,
  keys: readonly string[],
  pick: (tensor: number) => TensorPick,
): ModelTotal {
  const counts = { quantized: 0, kept: 0, failed: 0, unknown: 0 };
  let [bytes, elements, values, error, signal, sampled] = [0, 0, 0, 0, 0, 0];
  for (let tensor = 0; tensor < tensors.count; tensor++) {
    const size = tensors.elements[tensor]!;
    elements += size;
    const key = pick(tensor);
    const state = key === 'keep' ? 'kept' : (cells.stateOf(key, tensor) ?? 'unknown');
    counts[state]++;
    // What is kept or cannot be quantized has its own size.
    bytes += state === 'quantized' ? cells.figure(key, tensor, 'bytes') : tensors.bytes[tensor]!;
    if (state !== 'quantized') continue;
    if (cells.isSampled(key, tensor)) sampled++;
    values += size;
    error += cells.figure(key, tensor, 'mse') * size;
    signal += meanSquare(cells, keys, key, tensor) * size;
  }
  return {
    bytes,
    bitsPerWeight: (8 * bytes) / Math.max(1, elements),
    mse: values === 0 ? 0 : error / values,
    sqnr:
      values === 0 ? Number.NaN : error === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / error),
    ...counts,
    isSampled: sampled > 0,
  };
}

/** Mean square of a tensor's values: mse / relative^2, of another scheme where this one has no error. */
function meanSquare(cells: SensitivityCells, keys: readonly string[], own: string, tensor: number): number {
  const first = cells.figure(own, tensor, 'relative');
  if (first > 0) return cells.figure(own, tensor, 'mse') / first ** 2;
  for (const key of keys) {
    const relative = cells.figure(key, tensor, 'relative');
    if (relative > 0) return cells.figure(key, tensor, 'mse') / relative ** 2;
  }
  return 0;
}
