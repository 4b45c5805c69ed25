/** What the tensor viewer's jobs ask of worker threads, and what they answer. */
import type { MatrixValues } from '../../protocol/tensorViews';
import type { Block } from '../matrix';
import type { TensorMatrix } from '../tensorMatrix';
import type { TensorSource } from '../tensorSource';

/** A block of a matrix of a tensor. */
interface MatrixBlock {
  readonly source: TensorSource;
  readonly matrix: TensorMatrix;
  readonly block: Block;
}

export interface ValuesTask extends MatrixBlock {
  readonly kind: 'values';
}

/** The stored bytes around one value. */
export interface ElementTask {
  readonly kind: 'element';
  readonly source: TensorSource;
  /** In the flattened tensor. */
  readonly index: number;
}

export interface ElementBytes {
  readonly value: number;
  /** The value's bytes, or those of its block; none for a value of several pieces. */
  readonly bytes?: Uint8Array | undefined;
  /** Of these bytes, absolute in the file. */
  readonly byteOffset?: number | undefined;
}

export type ViewTask = ValuesTask | ElementTask;

export interface ViewResults {
  values: Pick<MatrixValues, 'values' | 'exact'>;
  element: ElementBytes;
}
