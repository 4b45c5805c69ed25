/** What the error report's pictures and details of one tensor are made of. */
import type { ScaleGroups } from '../quant/shownCode';
import type { TensorError } from '../quant/types';
import type { DisplayHistogram } from '../stats/types';
import type { Region } from './matrixRegion';

/** A region folded into rows x columns cells beside what it became. */
export interface ErrorTile {
  readonly region: Region;
  readonly rows: number;
  readonly columns: number;
  /** Value of largest magnitude in each cell, sign kept. */
  readonly original: Float32Array;
  readonly dequantized: Float32Array;
  /** Mean |original - dequantized| of each cell. */
  readonly error: Float32Array;
  /** The original - dequantized of largest magnitude in each cell, sign kept. */
  readonly signed: Float32Array;
  /** Where they were asked for, each cell is one value, and the scheme has codes of at most 8 bits. */
  readonly codes?: TileCodes | undefined;
}

export interface TileCodes {
  /** One a cell: signed integers of linear schemes, indices into the levels of others. */
  readonly codes: Int16Array;
  /** What a code (less its zero point) is multiplied with; NaN where a value is kept apart and has no code. */
  readonly scales?: Float32Array | undefined;
  /** Zero points in the codes' own numbers, where there are any but 0. */
  readonly zeros?: Float32Array | undefined;
  /** Undefined: no scale, or one for the whole tensor. */
  readonly groups?: ScaleGroups | undefined;
}

export type { ScaleGroups } from '../quant/shownCode';

/** A value far from its original. */
export interface PlacedError {
  readonly row: number;
  readonly column: number;
  readonly original: number;
  readonly dequantized: number;
}

export interface ErrorDetail {
  readonly tensor: TensorError;
  /** Both over the same bins. */
  readonly original: DisplayHistogram;
  readonly dequantized: DisplayHistogram;
  /** Mean |error| per row and per column. */
  readonly rowError: Float32Array;
  readonly columnError: Float32Array;
  /** Up to 16 values with an error, largest |error| first, of equal ones the first in the tensor. */
  readonly worst: readonly PlacedError[];
  /** Divergence of the value histograms in bits: `valueDivergence` defines it. */
  readonly kl: number;
}
