/** Where a tensor's values lie, as a plain value that a worker thread can be sent. */
import type { Checkpoint, CheckpointFile, TensorInfo, TensorSpan } from '../formats/checkpoint';
import { findDtype, undecodable } from '../numeric/dtypes';
import { type MatrixShape, matrixShape } from '../stats/matrixShape';

/** A run of bytes in a file. */
export interface FileSpan {
  readonly file: CheckpointFile;
  readonly byteOffset: number;
}

/** A weight of 8-bit codes with its scales, see `PackedPieces`. */
export interface PackedSource {
  readonly codes: FileSpan;
  /** Bytes from one row's codes to the next. */
  readonly strideBytes: number;
  /** Codes are two's complement bytes, not offset by 128. */
  readonly signed: boolean;
  readonly scale: FileSpan & { readonly dtype: string };
  /** Stored scales are divided by this. */
  readonly scaleDivisor: number;
  readonly zeroPoint?: FileSpan | undefined;
  /** Scales a row: 0 when one scale serves the whole tensor. */
  readonly groups: number;
}

export interface TensorSource extends MatrixShape, FileSpan {
  readonly name: string;
  readonly dtype: string;
  /** Column ranges are read in multiples of this: the block of a block type, the group of group-wise scales. */
  readonly columnUnit: number;
  readonly packed?: PackedSource | undefined;
}

/** The source of a tensor's values, or one sentence about why they cannot be read. */
export function tensorSource(checkpoint: Checkpoint, tensor: TensorInfo): TensorSource | string {
  if (tensor.unreadable !== undefined) return tensor.unreadable;
  const span = (piece: TensorSpan): FileSpan => ({
    file: checkpoint.files[piece.file]!,
    byteOffset: piece.byteOffset,
  });
  const matrix = matrixShape(tensor.shape);
  const base = { name: tensor.name, dtype: tensor.dtype, ...matrix, ...span(tensor) };
  if (!tensor.pieces) {
    const reason = undecodable(tensor.dtype);
    if (reason !== undefined) return reason;
    const columnUnit = findDtype(tensor.dtype)!.blockElements;
    // Rows are read one by one, so none may begin inside a block.
    if (matrix.columns % columnUnit !== 0)
      return `Rows of ${matrix.columns} values do not fill blocks of ${columnUnit} (${tensor.dtype}).`;
    return { ...base, columnUnit };
  }
  const { layout, bits, codes } = tensor.pieces;
  if (!codes) return `${layout} codes are shown, but not decoded yet.`;
  const { packed, scale, zeroPoint } = codes;
  if (bits !== 8) return `Packed values of ${bits} bits cannot be decoded yet.`;
  const scales = scale.shape.reduce((product, size) => product * size, 1);
  const groups = scales === 1 && matrix.rows !== 1 ? 0 : scales / matrix.rows;
  const signed = packed.dtype === 'I8';
  // Packed rows fill whole words.
  const strideBytes = signed ? matrix.columns : 4 * Math.ceil(matrix.columns / 4);
  const columnUnit = groups > 1 ? matrix.columns / groups : 1;
  const groupsFit =
    Number.isInteger(groups) &&
    // Groups are decoded as short rows, which need one stride, and a segment must not cut them.
    (groups <= 1 || (strideBytes === matrix.columns && Number.isInteger(Math.log2(columnUnit))));
  if (!groupsFit) return `Scales of shape [${scale.shape.join(', ')}] cannot be applied to these values yet.`;
  return {
    ...base,
    columnUnit,
    packed: {
      codes: span(packed),
      strideBytes,
      signed,
      scaleDivisor: codes.scaleDivisor ?? 1,
      scale: { ...span(scale), dtype: scale.dtype },
      zeroPoint: zeroPoint && span(zeroPoint),
      groups,
    },
  };
}
