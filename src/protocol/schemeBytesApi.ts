/** What is asked and told of the bytes that some of a checkpoint's tensors would take. */
import type { SchemeSize } from '../estimate/types';

export interface SchemeBytes {
  /** As they are stored now. */
  readonly storedBytes: number;
  /** One for each scheme with its default options; `quantized` is 0 where its policy keeps all of the tensors. */
  readonly sizes: readonly SchemeSize[];
}

export type SchemeBytesContract = {
  /** From names and shapes alone. */
  schemeBytes: {
    params: { path: string; generation?: string | undefined; tensors: readonly number[] };
    result: SchemeBytes;
  };
};

/** Asked by the checkpoint page of its own checkpoint. */
export type SchemeBytesPageContract = {
  schemeBytes: { params: { tensors: readonly number[] }; result: SchemeBytes };
};
