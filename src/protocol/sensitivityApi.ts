/** The engine's method that compares schemes over the tensors of a model, without writing anything. */
import type { SchemeChoice } from '../quant/types';

/** Values of a tensor that a first look takes: seconds for a model of 7 billion. */
export const usualSampleValues = 2 ** 18;

/** What the error of a sampled tensor was taken from. */
export interface SensitivitySample {
  /** Values that were encoded, in whole bands of rows. */
  readonly values: number;
  /** Values of the tensor. */
  readonly of: number;
  /** Ends of a 95 % interval of the SQNR in dB, from the spread between bands; null when there is no error. */
  readonly sqnrLow: number | null;
  readonly sqnrHigh: number | null;
}

/** One tensor under one choice. */
export interface SensitivityCell {
  /** Index into the catalogue. */
  readonly tensor: number;
  /** Index into the choices. */
  readonly choice: number;
  /**
   * `kept`: the policy leaves the tensor as it is; `failed`: it cannot be quantized so, for instance because it holds
   * NaN. In both cases `note` says why, the sizes are the original's, and the errors are 0 and say nothing.
   */
  readonly state: 'quantized' | 'kept' | 'failed';
  /** What the tensor becomes: "INT4", "NF4"; the original type when it is not quantized. */
  readonly to: string;
  /** Bytes of all pieces; exact, whether errors are sampled or not, but where `note` says otherwise. */
  readonly bytes: number;
  /** 8 bytes / elements. */
  readonly bitsPerWeight: number;
  /** Of errors, as in an error report (`TensorError`). */
  readonly mse: number;
  /** sqrt(sum e^2 / sum x^2), e = x - x~; 0 when both are 0. */
  readonly relative: number;
  /** dB; null when there is no error. */
  readonly sqnr: number | null;
  /** Largest |e|; of a sample it is that of the sampled values. */
  readonly maxAbs: number;
  readonly cosine: number;
  readonly meanAbs: number;
  /** Divergence of the value histograms in bits, 0 when they are equal: `valueDivergence` defines it. */
  readonly kl: number;
  /** Why it is kept or failed; else what to know of the figures. */
  readonly note?: string | undefined;
  /** Undefined: every value was read, and the figures are exact. */
  readonly sampled?: SensitivitySample | undefined;
}

/** A whole model under one choice. */
export interface SensitivityTotal {
  /** Bytes of all tensors of the model, also of those that were not compared. */
  readonly bytes: number;
  /** 8 bytes / elements over all tensors of the model. */
  readonly bitsPerWeight: number;
  /** Over all values of the compared tensors that are quantized; each tensor counts by its size. */
  readonly mse: number;
  /** dB over the same values; null when there is no error or nothing is quantized. */
  readonly sqnr: number | null;
  /** Compared tensors by what became of them. */
  readonly quantized: number;
  readonly kept: number;
  readonly failed: number;
}

export interface SensitivityProgress {
  /** Tensors of which all cells are known. */
  readonly done: number;
  readonly total: number;
  /** The cells that are new. */
  readonly cells: readonly SensitivityCell[];
}

/** What an importance matrix says of a model. */
export interface ImportanceCover {
  /** Absolute path. */
  readonly file: string;
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
  /** Names of the texts that it was made from. */
  readonly datasets: readonly string[];
  /** Pieces of text; 0 where the file does not tell. */
  readonly chunks: number;
  /** Entries of the matrix, and how many of them no tensor of the model has. */
  readonly entries: number;
  readonly unused: number;
  /** Tensors of two or more dimensions that it weighs, and the names of those that it does not. */
  readonly weighed: number;
  readonly unweighed: readonly string[];
}

export type SensitivityContract = {
  /** What an importance matrix says of a model. Throws as `sensitivity` does for the matrix. */
  importanceCover: {
    params: {
      path: string;
      generation?: string | undefined;
      /** Absolute path. */
      imatrix: string;
    };
    result: ImportanceCover;
  };
  /**
   * Size and error of tensors under several choices. Answers are the same whatever the number of workers; those given once
   * are kept for a while, so that asking again with one choice more computes that choice alone.
   */
  sensitivity: {
    params: {
      path: string;
      generation?: string | undefined;
      /** Indices into the catalogue, each once. */
      tensors: readonly number[];
      choices: readonly SchemeChoice[];
      /**
       * Values to look at in a tensor, roughly: fixed bands of rows, chosen by the tensor's name. A tensor of up to twice
       * as many is read whole. Undefined: exact, every value of every tensor.
       */
      sampleValues?: number | undefined;
      /** Also quantize the output head. */
      pure?: boolean | undefined;
      /**
       * Absolute path of an importance matrix, of either form, that ggml's types weigh errors by, as quantizing to GGUF does. A type
       * that is garbage without fails on tensors that it lacks; others are not weighed there, and the cell's note says so. Throws
       * `malformed` or `refused`, naming file, entry and byte, for one that is none, or is that of another model.
       */
      imatrix?: string | undefined;
    };
    /** Cells tensor by tensor in the order asked for, choices in their order within; totals by choice. */
    result: { cells: readonly SensitivityCell[]; totals: readonly SensitivityTotal[] };
    /** A few times a second. */
    progress: SensitivityProgress;
  };
};
