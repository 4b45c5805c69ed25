/** Encoding of bands that lie in the kernels' memory. */
import type { Kernels } from '../../kernels/kernels';
import type { Chunk, Knowledge } from '../scheme';
import type { ScaleDtype } from '../types';

/** Consecutive values of the flattened weight, all finite: a `Band` in the kernels' memory. */
export interface KernelBand {
  readonly first: number;
  readonly count: number;
  /** `count` float32. */
  readonly x: number;
  /** Where the dequantized float32 go. */
  readonly y: number;
  /**
   * Dequantized values are not wanted: a kernel may leave `y` as it is, and says so by `omitsValues`, where it has found all values
   * of the band finite, and so small (`isUnchecked`) that all that they become is finite too.
   */
  readonly codesOnly?: boolean | undefined;
}

/** Below this magnitude no scheme's scale or value comes near to float32's largest: each is at most a few times a value. */
export const largestUnchecked = 2 ** 100;

/** Whether `count` float32, values or magnitudes, are all of at most such a magnitude; NaN and infinity are not. */
export function isUnchecked(
  kernels: Kernels,
  pointer: number,
  count: number,
  most = largestUnchecked,
): boolean {
  const mark = kernels.mark();
  const largest = kernels.alloc(4);
  // As patterns, so that NaN is larger than all numbers.
  kernels.quant.groupMagnitudes(pointer, 1, count, count, largest);
  const isSmall = count === 0 || kernels.f32(largest, 1)[0]! <= most;
  kernels.reset(mark);
  return isSmall;
}

/** The largest number of binary16. */
export const largestHalf = 65504;

export interface KernelEncoded {
  /** Where the codes lie, one byte a value; undefined for schemes without. */
  readonly codes?: number | undefined;
  /** Nothing was written to the band's `y`. */
  readonly omitsValues?: boolean | undefined;
  /** Bytes may be views of the kernels' memory, good until the next chunk is asked for. */
  chunks(): Iterable<Chunk>;
}

/**
 * Does what `Encoding.encode` does, with the same bits. What it reserves in the kernels' memory is for the caller to
 * free. undefined where the plain code decides: where a scale does not fit its type.
 */
export type BandKernel = (band: KernelBand, known: Knowledge) => KernelEncoded | undefined;

/** Codebooks, and floats of 4 and 8 bits. */
export type LevelName = 'nf4' | 'fp4' | 'e2m1' | 'e4m3' | 'e5m2';

/**
 * Codes of rows x columns float32 at `x`, clamp(rne(x * inverse) + zero, low, high), one byte each, go to `codes`; inverses and
 * zeros hold one float32 a row.
 */
export type EncodeRows = (call: {
  readonly x: number;
  readonly codes: number;
  readonly rows: number;
  readonly columns: number;
  readonly strideBytes: number;
  readonly inverses: number;
  readonly zeros: number;
  readonly low: number;
  readonly high: number;
  /** Inverses and zeros hold one a column instead. */
  readonly byColumn?: boolean;
  /** Codes are places among the levels of this name instead, of floats without the sign. */
  readonly level?: LevelName;
}) => void | Promise<void>;

/** A `BandKernel` part of whose work is done elsewhere. */
export type GraphKernel = (band: KernelBand, known: Knowledge) => Promise<KernelEncoded | undefined>;

/** Largest magnitudes of groups, at a pointer to float32. */
export function groupMagnitudes(
  kernels: Kernels,
  x: number,
  rows: number,
  columns: number,
  width: number,
): { readonly pointer: number; readonly groups: number } {
  const groups = rows * Math.ceil(columns / width);
  const pointer = kernels.alloc(4 * groups);
  kernels.quant.groupMagnitudes(x, rows, columns, width, pointer);
  return { pointer, groups };
}

/** Copies numbers into the kernels' memory as float32. */
export function placeFloats(kernels: Kernels, values: ArrayLike<number>): number {
  const pointer = kernels.alloc(4 * values.length);
  kernels.f32(pointer, values.length).set(values);
  return pointer;
}

/** Copies numbers into the kernels' memory as float64. */
export function placeDoubles(kernels: Kernels, values: ArrayLike<number>): number {
  const pointer = kernels.alloc(8 * values.length);
  kernels.f64(pointer, values.length).set(values);
  return pointer;
}

/** Copies bytes into the kernels' memory. */
export function placeBytes(kernels: Kernels, values: ArrayLike<number>): number {
  const pointer = kernels.alloc(values.length);
  kernels.u8(pointer, values.length).set(values);
  return pointer;
}

/** A `floatBytes` of float32 in the kernels' memory, all of them values of the type already. */
export function scaleBytes(
  kernels: Kernels,
  pointer: number,
  count: number,
  dtype: ScaleDtype,
): Uint8Array<ArrayBuffer> {
  if (dtype === 'F32') return kernels.u8(pointer, 4 * count);
  const words = kernels.alloc(2 * count);
  const values = kernels.alloc(4 * count);
  if (dtype === 'BF16') kernels.quant.castBF16(pointer, words, values, count);
  else kernels.quant.castF16(pointer, words, values, count);
  return kernels.u8(words, 2 * count);
}

/** Rows of codes, `bits` each, packed from the lowest bits on into rows of `stride` bytes. */
export function packedRows(
  kernels: Kernels,
  codes: number,
  rows: number,
  columns: number,
  bits: number,
  stride: number,
): Uint8Array<ArrayBuffer> {
  if (bits === 8 && stride === columns) return kernels.u8(codes, rows * columns);
  const packed = kernels.alloc(rows * stride);
  kernels.quant.packDense(codes, rows, columns, bits, packed, stride);
  return kernels.u8(packed, rows * stride);
}
