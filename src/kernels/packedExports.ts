/**
 * The kernels of quantized layouts: codes are first spread to a byte each, then turned into float32. Pointers are byte
 * offsets into the kernels' memory; sources may lie at any address. ./reference/packed.ts has the same in plain loops.
 */

/** Rows of bytes `stride` apart to rows x columns float32 without gaps. Scales are float32, `groups` a row. */
export interface PackedRows {
  readonly codes: number;
  readonly stride: number;
  readonly dst: number;
  readonly rows: number;
  readonly columns: number;
  /** Codes that a row's first scale serves. */
  readonly first: number;
  /** Codes that each further scale serves, at least 1. */
  readonly each: number;
  readonly groups: number;
  readonly scales: number;
}

type RowKernel = (
  codes: number,
  stride: number,
  dst: number,
  rows: number,
  columns: number,
  first: number,
  each: number,
  groups: number,
  scales: number,
  other: number,
) => void;

export interface PackedExports {
  /** `count` codes of 2 to 8 bits from the lowest bit of the first byte on, without gaps. */
  unpackDense(src: number, dst: number, count: number, bits: number): void;
  /** 4-bit codes, the first of a byte in its upper half. */
  unpackUpperFirst(src: number, dst: number, count: number): void;
  /** floor(32 / bits) codes in each 32-bit word, from its lowest bit. */
  unpackWords(src: number, dst: number, count: number, bits: number): void;
  /** The field of `bits` bits at bit `shift` of each of `count` 32-bit words. */
  unpackField(src: number, dst: number, count: number, shift: number, bits: number): void;
  /** Flips the bits of a mask in each byte, in place: with the highest bit of codes, two's complement to offset-binary. */
  flipBits(bytes: number, count: number, mask: number): void;
  /** y = (u - zero) * scale; zeros lie as the scales. */
  packedAffine: RowKernel;
  /** y = u * scale + bias; biases lie as the scales. */
  packedLinear: RowKernel;
  /** y = table[u] * scale for codes below 16 and 16 float32. */
  packedTable16: RowKernel;
  /** As `packedTable16` for 256 float32. */
  packedTable256: RowKernel;
  /** As `packedAffine`, the scale and zero of a column at a byte offset (4 * group, u32) of the row's. */
  packedByIndex(
    codes: number,
    stride: number,
    dst: number,
    rows: number,
    columns: number,
    groupOffsets: number,
    groups: number,
    scales: number,
    zeros: number,
  ): void;
  /** Multiplies `count` float32 in place. */
  packedTimes(values: number, count: number, factor: number): void;
}

/** Calls a kernel of `PackedExports` that takes rows. */
export function callRows(kernel: RowKernel, rows: PackedRows, other: number): void {
  const { codes, stride, dst, columns, first, each, groups, scales } = rows;
  kernel(codes, stride, dst, rows.rows, columns, first, each, groups, scales, other);
}
