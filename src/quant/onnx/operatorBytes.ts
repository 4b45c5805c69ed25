/** How codes, scales and zero points of a scheme's own layout become the bytes of an operator's inputs. */
import type { Chunk } from '../scheme';

export const chunkOf = (chunks: readonly Chunk[], suffix: string): Uint8Array =>
  chunks.find((chunk) => chunk.suffix === suffix)!.bytes;

/** Undoes `packColumns`: zero points [rows, columns], one a byte. */
export function zeroCodes(packed: Uint8Array, rows: number, columns: number, bits: number): Uint8Array {
  const zeros = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const bit = (row * bits) % 32;
      const word = Math.floor((row * bits) / 32) * columns + column;
      zeros[row * columns + column] = (packed[4 * word + (bit >> 3)]! >> (bit & 7)) & (2 ** bits - 1);
    }
  return zeros;
}

/** Lines of equal length, `strideBytes` apart in the file and each beginning `offsetBytes` into its own; one run where they touch. */
export function lines(
  suffix: string,
  bytes: Uint8Array,
  count: number,
  strideBytes: number,
  offsetBytes: number,
): Chunk[] {
  const length = bytes.length / count;
  if (length === strideBytes) return [{ suffix, byteOffset: 0, bytes }];
  return Array.from({ length: count }, (_, line) => ({
    suffix,
    byteOffset: line * strideBytes + offsetBytes,
    bytes: bytes.subarray(line * length, (line + 1) * length),
  }));
}

/** Lines of codes from the lowest bit, each filled up with 0 to `lineBytes`. */
export function packedLines(
  codes: Uint8Array,
  count: number,
  width: number,
  bits: number,
  lineBytes: number,
): Uint8Array {
  const packed = new Uint8Array(count * lineBytes);
  const perByte = 8 / bits;
  for (let line = 0; line < count; line++)
    for (let i = 0; i < width; i++)
      packed[line * lineBytes + Math.floor(i / perByte)]! |=
        codes[line * width + i]! << ((i % perByte) * bits);
  return packed;
}

/** A matrix of rows of `columns` values, by columns. */
export function transposed<T extends Float32Array | Uint16Array | Uint8Array>(values: T, columns: number): T {
  const rows = values.length / columns;
  const result = new (values.constructor as new (length: number) => T)(values.length);
  // In tiles, which stay in the first-level cache.
  const side = 32;
  for (let row0 = 0; row0 < rows; row0 += side) {
    const row1 = Math.min(rows, row0 + side);
    for (let column0 = 0; column0 < columns; column0 += side) {
      const column1 = Math.min(columns, column0 + side);
      for (let row = row0; row < row1; row++)
        for (let column = column0; column < column1; column++)
          result[column * rows + row] = values[row * columns + column]!;
    }
  }
  return result;
}

/** Offset-binary codes as DequantizeLinear takes them: symmetric ones in two's complement, 4-bit ones two a byte. */
export function typedCodes(codes: Uint8Array, bits: number, symmetric: boolean): Uint8Array {
  const sign = 2 ** (bits - 1);
  const typed = symmetric ? codes.map((code) => code ^ sign) : codes;
  return bits === 8 ? typed : packedLines(typed, 1, typed.length, bits, Math.ceil((typed.length * bits) / 8));
}
