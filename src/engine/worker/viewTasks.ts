/** What the tensor viewer's jobs ask of worker threads, and what they answer. */
import type { Region } from '../../protocol/engineApi';
import type { MatrixValues } from '../../protocol/tensorViews';
import type { AxisSums } from '../../stats/outliers';
import type { Block } from '../matrix';
import type { TensorSource } from '../tensorSource';
import type { TensorMatrix } from '../view/tensorMatrix';
import type { PackedElement } from './packed/packedReader';

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
  /** What a value of several pieces is made of. */
  readonly packed?: PackedElement | undefined;
}

/** How a region is divided into cells. */
export interface CellGrid {
  readonly rows: number;
  readonly columns: number;
  /** Values that each cell but the last covers; 0: cells share the region evenly. */
  readonly rowStep: number;
  readonly columnStep: number;
}

/** Some rows of cells of a region. */
export interface FoldTask {
  readonly kind: 'fold';
  readonly source: TensorSource;
  readonly matrix: TensorMatrix;
  readonly region: Region;
  readonly grid: CellGrid;
  readonly fold: 'extreme' | 'sums';
  /** Half-open range of the cells' rows. */
  readonly cellRow0: number;
  readonly cellRow1: number;
}

/** One of the two, row-major. */
export interface FoldResult {
  /** Value of largest magnitude; NaN where there is one. */
  readonly extreme?: Float32Array | undefined;
  /** Sum and sum of squares of each cell, side by side. */
  readonly sums?: Float64Array | undefined;
}

/** Values of a block of a region as text. */
export interface TextTask extends MatrixBlock {
  readonly kind: 'text';
  readonly region: Region;
  readonly format: 'csv' | 'numpy';
}

/** Values of a block to `targetOffset` of a file that is there; as stored, or decoded to float32. */
export interface SaveTask extends MatrixBlock {
  readonly kind: 'save';
  readonly stored: boolean;
  readonly path: string;
  readonly targetOffset: number;
}

/** Whole rows of a matrix, or a part of one row. */
export interface ProfileTask extends MatrixBlock {
  readonly kind: 'profile';
}

export interface ProfileResult {
  readonly rows: Omit<AxisSums, 'length'>;
  readonly columns: Omit<AxisSums, 'length'>;
}

export type ViewTask = ValuesTask | ElementTask | FoldTask | TextTask | SaveTask | ProfileTask;

export interface ViewResults {
  values: Pick<MatrixValues, 'values' | 'exact'>;
  element: ElementBytes;
  fold: FoldResult;
  text: string;
  save: number;
  profile: ProfileResult;
}
