/** How codes and scales become bytes. */
import { f32BitsToBf16, f32BitsToF16 } from '../numeric/floats';
import type { Piece } from './scheme';
import type { ScaleDtype } from './types';

const dtypeBytes: Readonly<Record<string, number>> = {
  F32: 4,
  I32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  U8: 1,
  I8: 1,
  I4: 0.5,
  U4: 0.5,
  F8_E4M3: 1,
  F8_E5M2: 1,
};

/** A piece of a plain type. */
export function piece(suffix: string, dtype: string, shape: readonly number[]): Piece {
  const bytes = Math.ceil(shape.reduce((product, size) => product * size, dtypeBytes[dtype]!));
  return { suffix, dtype, shape, bytes };
}

/** Float32 values as bytes of a float type, little-endian; they are rounded to nearest even where they are not of it. */
export function floatBytes(values: ArrayLike<number>, dtype: ScaleDtype): Uint8Array {
  const words = Float32Array.from(values);
  if (dtype === 'F32') return new Uint8Array(words.buffer);
  const patterns = new Uint32Array(words.buffer);
  const round = dtype === 'BF16' ? f32BitsToBf16 : f32BitsToF16;
  return new Uint8Array(Uint16Array.from(patterns, round).buffer);
}

/** Two whole numbers as I64: a weight's shape. */
export function shapeBytes(rows: number, columns: number): Uint8Array {
  return new Uint8Array(BigInt64Array.of(BigInt(rows), BigInt(columns)).buffer);
}

/**
 * Packs each row of codes densely into 32-bit words, the first code in the lowest bits, and fills rows up with 0:
 * compressed-tensors 0.18, compressors/pack_quantized. Codes are below 2^bits.
 */
export function packRows(codes: Uint8Array, columns: number, bits: number): Uint8Array {
  const rows = codes.length / columns;
  const stride = 4 * Math.ceil((columns * bits) / 32);
  const packed = new Uint8Array(rows * stride);
  for (let row = 0; row < rows; row++) {
    let buffer = 0;
    let held = 0;
    let at = row * stride;
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      buffer |= codes[i]! << held;
      held += bits;
      while (held >= 8) {
        packed[at++] = buffer & 0xff;
        buffer >>>= 8;
        held -= 8;
      }
    }
    if (held > 0) packed[at] = buffer;
  }
  return packed;
}

/**
 * Packs a matrix of codes along its rows: word [floor(row * bits / 32)][column], as compressed-tensors packs zero
 * points. `codes` is row-major.
 */
export function packColumns(codes: Uint8Array, columns: number, bits: number): Uint8Array {
  const rows = codes.length / columns;
  const wordRows = Math.ceil((rows * bits) / 32);
  const words = new Uint32Array(wordRows * columns);
  for (let row = 0; row < rows; row++) {
    const word = Math.floor((row * bits) / 32);
    const shift = (row * bits) % 32;
    for (let column = 0; column < columns; column++) {
      const code = codes[row * columns + column]!;
      words[word * columns + column]! |= code << shift;
      if (shift + bits > 32) words[(word + 1) * columns + column]! |= code >>> (32 - shift);
    }
  }
  return new Uint8Array(words.buffer);
}

/** Two codes a byte, the first in the low nibble: compressed-tensors' FP4. */
export function lowNibblesFirst(codes: Uint8Array): Uint8Array {
  const packed = new Uint8Array(Math.ceil(codes.length / 2));
  for (let i = 0; i < codes.length; i++) packed[i >> 1]! |= codes[i]! << (4 * (i & 1));
  return packed;
}

/** Two codes a byte, the first in the high nibble: bitsandbytes. */
export function highNibblesFirst(codes: Uint8Array): Uint8Array {
  const packed = new Uint8Array(Math.ceil(codes.length / 2));
  for (let i = 0; i < codes.length; i++) packed[i >> 1]! |= codes[i]! << (4 * (1 - (i & 1)));
  return packed;
}
