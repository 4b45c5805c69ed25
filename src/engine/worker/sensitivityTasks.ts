/** What the comparison of schemes asks of worker threads, and what they answer. */
import type { SerializedError } from '../../errors';
import type { ErrorSums } from '../../kernels/kernels';
import type { Knowledge, Setting } from '../../quant/scheme';
import type { DivergenceBins } from '../../quant/valueDivergence';
import type { Block } from '../matrix';
import type { TensorSource } from '../tensorSource';

/** A choice may fail where others do not: it holds NaN, or a type cannot hold a value. */
export type Outcome<Result> = Result | { readonly error: SerializedError };

/** Errors of whole rows under several choices. */
export interface SensitivityTask {
  readonly kind: 'sensitivity';
  readonly source: TensorSource;
  readonly part: Block;
  readonly choices: readonly { readonly setting: Setting; readonly known: Knowledge }[];
  readonly bins: DivergenceBins;
}

export interface SensitivityPart {
  readonly original: Float64Array;
  readonly outcomes: readonly Outcome<{ readonly sums: ErrorSums; readonly dequantized: Float64Array }>[];
}

/** Errors of some bands of rows, encoded as if the tensor were no more than these. */
export interface SensitivitySampleTask {
  readonly kind: 'sensitivitySample';
  readonly source: TensorSource;
  readonly bands: readonly Block[];
  /** For the whole tensor. */
  readonly settings: readonly Setting[];
  readonly bins: DivergenceBins;
  /** Of the whole tensor, where they are known. */
  readonly extremes?: { readonly min: number; readonly max: number } | undefined;
}

export interface SampleErrors {
  /** One a band, in order. */
  readonly bands: readonly ErrorSums[];
  readonly values: number;
  readonly original: Float64Array;
  readonly dequantized: Float64Array;
  /** Of the whole tensor's pieces. */
  readonly bytes: number;
  /** The scheme needs to know something of the whole tensor, and took it from the sample. */
  readonly guessed: boolean;
}

export type SensitivityTasks = SensitivityTask | SensitivitySampleTask;

export interface SensitivityResults {
  sensitivity: SensitivityPart;
  sensitivitySample: readonly Outcome<SampleErrors>[];
}
