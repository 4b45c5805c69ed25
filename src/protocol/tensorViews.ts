/** What the tensor viewer asks of the compute process: single values, an element's bits, profiles, files and text. */
import type { ConvertedNumber } from '../numeric/convertedNumber';
import type { NumberPicture } from '../numeric/numberPicture';
import type { AxisStats } from '../stats/types';
import type { Region, TensorSlice } from './matrixRegion';

export type { ConvertedDtype, ConvertedNumber } from '../numeric/convertedNumber';
export type { BitField, NumberPicture } from '../numeric/numberPicture';

/** One tensor of a checkpoint, seen as a matrix. */
export interface TensorView {
  readonly path: string;
  readonly generation?: string | undefined;
  /** Index into the catalogue. */
  readonly tensor: number;
  /** Undefined: the first dimension gives the rows, all others together the columns. */
  readonly slice?: TensorSlice | undefined;
}

/** Values that one `values` request gives at most. */
export const mostValues = 65_536;
/** Values that one `tensorText` request gives at most. */
export const mostTextValues = 2 ** 20;

export interface MatrixValues {
  readonly region: Region;
  /** Row-major. Integers beyond 2^53 are rounded here. */
  readonly values: Float64Array;
  /** Decimal texts in the same order, of 64-bit integers alone: a number may not hold them. */
  readonly exact?: readonly string[] | undefined;
}

/** What lies around an element of a type whose values share scales. */
export interface ElementBlock {
  /** Values that share a scale (or a block of scales). */
  readonly elements: number;
  /** Which block, counted in the order of storage. */
  readonly index: number;
  /** Place of the element in it. */
  readonly position: number;
  /** The stored numbers that give the value, in the order of the formula. */
  readonly parts: readonly { readonly name: string; readonly text: string }[];
  /** How the value follows: "d = 0.0123, code 7: (7 - 8) x 0.0123 = -0.0123". */
  readonly text: string;
}

export interface ElementReading {
  /** Flat, in the tensor's own order, the last dimension varying fastest. */
  readonly index: number;
  /** One index a dimension. */
  readonly at: readonly number[];
  /** Rounded to float64 where the type is a 64-bit integer. */
  readonly value: number;
  /** Exact text of the value. */
  readonly decimal: string;
  readonly dtype: string;
  /** Where the element's bits (or its block) begin in the file, in bytes. Undefined for values of several pieces. */
  readonly byteOffset?: number | undefined;
  /** The stored bits: of a block type those of its code. null where a value has no bits of its own. */
  readonly stored: NumberPicture | null;
  readonly block?: ElementBlock | undefined;
  readonly as: readonly ConvertedNumber[];
}

/** Absmax and RMS of every row and column of the matrix. */
export interface ChannelProfile {
  readonly rows: AxisStats;
  readonly columns: AxisStats;
}

export interface SaveProgress {
  /** Bytes of the output. */
  readonly bytesDone: number;
  /** For CSV an estimate until the end. */
  readonly bytesTotal: number;
}

/** The viewer's part of `EngineContract`. Regions are over the matrix that the slice gives; `usage` where they are not in it. */
export type TensorViewContract = {
  /** At most `mostValues`. */
  values: { params: TensorView & { region: Region }; result: MatrixValues };
  element: { params: TensorView & { row: number; column: number }; result: ElementReading };
  /** Fails with `unsupported` where an axis is longer than 2^20. */
  profile: { params: TensorView & { outlierFactor?: number | undefined }; result: ChannelProfile };
  /**
   * At most `mostTextValues`. csv: a line a row, comma between values, nan and inf. numpy: a whole Python expression,
   * `np.array([[...], ...], dtype=np.float32)`. Both give values back to the bit.
   */
  tensorText: { params: TensorView & { region: Region; format: 'csv' | 'numpy' }; result: { text: string } };
  /**
   * Writes values to a file: beside it first, then renamed. Without region the whole matrix; without region and slice .npy
   * keeps the tensor's own shape. `exists` where the file is there and `overwrite` is not set. .npy keeps the stored dtype
   * where NumPy has it, else writes the decoded values as float32.
   */
  saveTensor: {
    params: TensorView & {
      region?: Region | undefined;
      format: 'npy' | 'csv';
      /** Absolute path. */
      out: string;
      overwrite: boolean;
    };
    result: { path: string; bytes: number };
    progress: SaveProgress;
  };
};
