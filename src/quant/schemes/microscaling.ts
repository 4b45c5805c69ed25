/** Block scales along the rows, shared by the microscaling formats. */
import { floorLog2, type Minifloat, toMinifloat } from '../../numeric/minifloats';
import type { Setting, StoredForm } from '../scheme';

/** Elements of a format from start to end: the code of fround(x * inverse), saturated, and its value times scale. */
export function encodeElements(
  format: Minifloat,
  target: {
    readonly values: Float32Array;
    readonly codes: Uint8Array;
    readonly dequantized: Float32Array;
  },
  start: number,
  end: number,
  inverse: number,
  scale: number,
): void {
  const { values, codes, dequantized } = target;
  const levels = format.values;
  for (let i = start; i < end; i++) {
    const code = toMinifloat(Math.fround(values[i]! * inverse), format, true);
    codes[i] = code;
    dequantized[i] = levels[code]! * scale;
  }
}

/** Calls `block` for each run of at most `size` columns of each row; a row's last one may be shorter. */
export function forEachBlock(
  values: Float32Array,
  columns: number,
  size: number,
  block: (start: number, end: number, index: number) => void,
): void {
  let index = 0;
  for (let row = 0; row < values.length; row += columns) {
    for (let at = row; at < row + columns; at += size) {
      block(at, Math.min(at + size, row + columns), index++);
    }
  }
}

/** The block, as `forEachBlock` counts them, of a place in a band. */
export const blockAt = (index: number, columns: number, size: number): number =>
  Math.floor(index / columns) * Math.ceil(columns / size) + Math.floor((index % columns) / size);

/** Largest magnitude in a run of values. */
export function absmaxOf(values: Float32Array, start: number, end: number): number {
  let absmax = 0;
  for (let i = start; i < end; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude > absmax) absmax = magnitude;
  }
  return absmax;
}

/**
 * How compressed-tensors' `scale_dtype` says that scales are E8M0. Without it, MXFP8 is told for plain 8-bit floats, whose scales are
 * numbers (mxfp8/base.py `can_compress`). The key is as old as MXFP4's format; earlier versions refuse both.
 */
export const mxScaleDtype = 'torch.uint8';

/** The form of compressed-tensors, whose rows hold whole blocks. */
export function wholeBlocks({ columns }: Setting, size: number, form: StoredForm): StoredForm {
  if (columns % size === 0) return form;
  return { layout: 'none', reason: `${columns} columns do not divide into blocks of ${size}.` };
}

/**
 * The E8M0 scale code of a block and its value (OCP Microscaling Formats 1.0, 6.3): 2^(floor(log2 max|x|) - emax), kept
 * within 2^-127 .. 2^127. A block of zeros takes code 0, as ggml's does.
 */
export function sharedExponent(absmax: number, elementExponent: number): number {
  if (absmax === 0) return 0;
  return Math.min(Math.max(floorLog2(absmax) - elementExponent, -127), 127) + 127;
}

/**
 * A band of whole rows in blocks whose scale is a power of two: codes, dequantized values, and the E8M0 code of each
 * block as `forEachBlock` counts them. `largestExponent`: of the format's largest number.
 */
export function encodePowerBlocks(
  format: Minifloat,
  largestExponent: number,
  values: Float32Array,
  columns: number,
  size: number,
) {
  const codes = new Uint8Array(values.length);
  const dequantized = new Float32Array(values.length);
  const scales = new Uint8Array((values.length / columns) * Math.ceil(columns / size));
  forEachBlock(values, columns, size, (start, end, block) => {
    const code = sharedExponent(absmaxOf(values, start, end), largestExponent);
    scales[block] = code;
    const scale = 2 ** (code - 127);
    encodeElements(format, { values, codes, dequantized }, start, end, 1 / scale, scale);
  });
  const scaleAt = (index: number) => ({ scale: 2 ** (scales[blockAt(index, columns, size)]! - 127) });
  return { codes, dequantized, scales, scaleAt };
}
