/** What training keeps in memory, beside activations. */
import type { Optimizer, ZeroStage } from './types';

export interface TrainingSetting {
  /** Of the weights while computing: 4 for float32, 2 for half precision, less when quantized. */
  readonly weightBytes: number;
  readonly parameters: number;
  /** Those that learn: all, or an adapter's. */
  readonly trained: number;
  readonly optimizer: Optimizer;
  /** Half-precision weights keep a float32 copy to add small steps to. */
  readonly mixedPrecision: boolean;
  /** Rows + columns of all trained matrices: Adafactor's two vectors. */
  readonly rowsAndColumns?: number | undefined;
  /** The optimizer's states where the tensors tell them exactly, as `stateBytesOf` does. */
  readonly stateBytes?: number | undefined;
  /** Ranks that share by ZeRO's stages. */
  readonly ranks?: number | undefined;
  readonly zeroStage?: ZeroStage | undefined;
}

export interface TrainingMemory {
  readonly weights: number;
  readonly gradients: number;
  readonly optimizer: number;
  readonly total: number;
}

/**
 * Bytes on one rank. AdamW: two float32 states; in 8 bits two bytes and two scales a block of 256 (bitsandbytes); Adafactor
 * without momentum: a float32 a row and a column. Mixed precision: 2 + 2 + 12 bytes a parameter (Rajbhandari et al.,
 * arXiv:1910.02054), of which ZeRO divides the states (1), the gradients too (2), the weights too (3).
 */
export function trainingMemory(setting: TrainingSetting): TrainingMemory {
  const { parameters, trained, mixedPrecision, weightBytes, ranks = 1, zeroStage = 0 } = setting;
  const master = mixedPrecision ? 4 * trained : 0;
  const states = master + (setting.stateBytes ?? stateBytes(setting));
  const share = (bytes: number, fromStage: number) => (zeroStage >= fromStage ? bytes / ranks : bytes);
  const weights = share(parameters * weightBytes, 3);
  const gradients = share(trained * (mixedPrecision ? 2 : 4), 2);
  const optimizer = share(states, 1);
  return { weights, gradients, optimizer, total: weights + gradients + optimizer };
}

function stateBytes({ optimizer, trained, rowsAndColumns = 0 }: TrainingSetting): number {
  switch (optimizer) {
    case 'adamw':
      return 8 * trained;
    case 'adamw-8bit':
      return trained * (2 + 8 / 256);
    case 'adafactor':
      return 4 * rowsAndColumns;
    case 'sgd':
      return 0;
  }
}

/** Below that many elements bitsandbytes keeps states in float32 (optim/optimizer.py, min_8bit_size). */
const least8BitElements = 4096;
const blockOf8Bit = 256;

/**
 * Bytes of an optimizer's states for tensors of these shapes. Adafactor, without momentum: a number for each row and each
 * column of a matrix, of vectors all (transformers, optimization.py); bitsandbytes: whole blocks of scales, none for small tensors.
 */
export function stateBytesOf(
  tensors: readonly { readonly shape: readonly number[]; readonly copies: number }[],
  optimizer: Optimizer,
): number {
  return tensors.reduce((sum, { shape, copies }) => sum + copies * statesOf(shape, optimizer), 0);
}

function statesOf(shape: readonly number[], optimizer: Optimizer): number {
  const elements = shape.reduce((product, size) => product * size, 1);
  switch (optimizer) {
    case 'adamw':
      return 8 * elements;
    case 'adamw-8bit':
      return elements < least8BitElements
        ? 8 * elements
        : 2 * (elements + 4 * Math.ceil(elements / blockOf8Bit));
    case 'adafactor': {
      const [rows, columns] = [shape.at(-2), shape.at(-1)];
      if (rows === undefined || columns === undefined) return 4 * elements;
      return elements === 0 ? 0 : 4 * (elements / columns + elements / rows);
    }
    case 'sgd':
      return 0;
  }
}

/** Trained parameters of low-rank adapters on the given matrices: rank x (in + out) each. */
export function adapterParameters(
  matrices: readonly { readonly shape: readonly number[]; readonly copies: number }[],
  rank: number,
): number {
  return matrices.reduce(
    (sum, { shape, copies }) => sum + copies * rank * ((shape[0] ?? 0) + (shape[1] ?? 0)),
    0,
  );
}

/**
 * Activations of one layer in bytes, half precision, s tokens in b sequences, width d, a heads, without recomputation: s b d
 * (34 + 5 a s / d); the second term falls away with flash attention. With full checkpointing 2 s b d.
 * Korthikanti et al., arXiv:2205.05198.
 */
export function layerActivations(
  shape: { readonly hidden: number; readonly heads: number },
  tokens: number,
  batch: number,
  kept: 'all' | 'flash' | 'checkpoint',
): number {
  const all = tokens * batch * shape.hidden;
  if (kept === 'checkpoint') return 2 * all;
  return 34 * all + (kept === 'all' ? 5 * shape.heads * tokens * tokens * batch : 0);
}
