/** The engine's method that compares two checkpoints tensor by tensor. */
import type { TensorError } from '../quant/types';

/** A tensor of both; `from` is its type in the first, `to` and `bytes` those in the second. */
export interface ComparedTensor extends TensorError {
  /**
   * `identical`: the same type and values; `equal`: the same values in another type; `different`: the errors tell how far;
   * `reshaped`: of other rows or columns; `unreadable`: the values of one cannot be read. The last two have no
   * errors, and a note.
   */
  readonly state: 'identical' | 'equal' | 'different' | 'reshaped' | 'unreadable';
}

export interface Comparison {
  /** In the first one's order. */
  readonly tensors: readonly ComparedTensor[];
  /** Names that the other has not. */
  readonly onlyInFirst: readonly string[];
  readonly onlyInSecond: readonly string[];
}

export type CompareContract = {
  /** Values of every tensor of the first checkpoint against those of the same name in the second, of any formats. */
  compare: {
    params: {
      path: string;
      other: string;
      /** Of the first one; when its files are others, it fails with `changed`. */
      generation?: string | undefined;
      /** The same of the other one. */
      otherGeneration?: string | undefined;
      /** Indices into the first one's catalogue; undefined: all. */
      tensors?: readonly number[] | undefined;
    };
    result: Comparison;
    progress: { done: number; total: number; row: ComparedTensor };
  };
};
