/** Where a tensor's values lie, as a plain value that a worker thread can be sent. */
import type { Checkpoint, CheckpointFile, TensorInfo, TensorSpan } from '../formats/checkpoint';
import { mapSpans, type PackedWeight } from '../formats/packedWeight';
import { findDtype, undecodable } from '../numeric/dtypes';
import type { GraphPlace } from '../quant/scheme';
import { type MatrixShape, matrixShape } from '../stats/matrixShape';

/** A run of bytes in a file. */
export interface FileSpan {
  readonly file: CheckpointFile;
  readonly byteOffset: number;
}

/** A stored tensor that a packed weight's values are made of. */
export interface PieceSpan extends FileSpan {
  readonly name: string;
  readonly bytes: number;
}

/** A logical weight of codes and scales, checked against its pieces' sizes. */
export type PackedSource = PackedWeight<PieceSpan>;

/** How values that are written otherwise than they are stored come from the stored ones. */
export type Rearrangement =
  /** Each head's rows in pairs, one of its first half beside one of its second. */
  | { readonly kind: 'pair-rows'; readonly heads: number }
  | { readonly kind: 'add'; readonly addend: number }
  /** The stored matrix has the source's rows as its columns. */
  | { readonly kind: 'transpose' }
  /** Matrices of the same shape below each other; of each as many rows as come to the source's, from `firstRow` on. */
  | { readonly kind: 'stack'; readonly parts: readonly TensorSource[]; readonly firstRow?: number };

export interface TensorSource extends MatrixShape, FileSpan {
  readonly name: string;
  readonly dtype: string;
  /** Column ranges are read in multiples of this: the block of a block type. */
  readonly columnUnit: number;
  readonly packed?: PackedSource | undefined;
  readonly rearranged?: Rearrangement | undefined;
  /** Set for the weight of an operator in an ONNX graph. */
  readonly graph?: GraphPlace | undefined;
}

/** The source of a tensor's values, or one sentence about why they cannot be read. */
export function tensorSource(checkpoint: Checkpoint, tensor: TensorInfo): TensorSource | string {
  if (tensor.unreadable !== undefined) return tensor.unreadable;
  const span = (piece: TensorSpan): PieceSpan => ({
    file: checkpoint.files[piece.file]!,
    byteOffset: piece.byteOffset,
    name: piece.name,
    bytes: piece.bytes,
  });
  const matrix = matrixShape(tensor.shape);
  const { file, byteOffset } = span(tensor);
  const base = { name: tensor.name, dtype: tensor.dtype, ...matrix, file, byteOffset };
  if (!tensor.pieces) {
    const reason = undecodable(tensor.dtype);
    if (reason !== undefined) return reason;
    const columnUnit = findDtype(tensor.dtype)!.blockElements;
    // Rows are read one by one, so none may begin inside a block.
    if (matrix.columns % columnUnit !== 0)
      return `Rows of ${matrix.columns} values do not fill blocks of ${columnUnit} (${tensor.dtype}).`;
    const use = tensor.graphWeight;
    return { ...base, columnUnit, ...(use && 'operator' in use ? { graph: use } : {}) };
  }
  if (!tensor.packed) return `${tensor.pieces.layout} codes are shown, but cannot be read.`;
  return { ...base, columnUnit: 1, packed: mapSpans(tensor.packed, span) };
}
