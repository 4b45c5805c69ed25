import type { Bands } from '../kernels/valueFolds';
import type { HistogramKind } from './patterns';

/** A contiguous part of a tensor whose statistics are gathered in one go. */
export interface Segment {
  /** One of `decodableDtypes`. */
  readonly dtype: string;
  /** Position of the segment's first element in the flattened tensor; a multiple of the type's block. */
  readonly startElement: number;
  readonly elements: number;
  /** Columns of the tensor as a matrix, for channel figures; undefined to leave them out. */
  readonly columns?: number | undefined;
  /** How the values are binned, when it does not follow from `dtype`: decoded integers come as F32. */
  readonly kind?: HistogramKind | undefined;
  /** Rings around borders that were guessed, see `SigmaBands`; for the kind `f32`. */
  readonly bands?: Bands | undefined;
  /**
   * Set where F32 values are not looked through for NaN and infinity before they are folded. Where one is met all the same,
   * `add` throws `NonFiniteMet`, and the segment must be begun anew without this. The figures are the same to the last bit.
   */
  readonly expectsFinite?: boolean | undefined;
  /** Of segments that follow one another in the same place of the memory; undefined: the bins may hold anything. */
  readonly bins?: BinState | undefined;
}

/** Whether the histogram's memory is all zero. A small segment leaves it so: clearing 256 KB would take most of its time. */
export interface BinState {
  isClear: boolean;
}
