/** Codes of quantized layouts in plain loops, see ../packedExports.ts. */

/** `count` codes of `bits` bits from bit 0 on, without gaps. */
export function unpackDenseReference(bytes: Uint8Array, count: number, bits: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => {
    let code = 0;
    for (let bit = 0; bit < bits; bit++) {
      const at = i * bits + bit;
      code |= ((bytes[at >> 3]! >> (at & 7)) & 1) << bit;
    }
    return code;
  });
}

/** 4-bit codes, the first of a byte in its upper half. */
export function unpackUpperFirstReference(bytes: Uint8Array, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => (bytes[i >> 1]! >> (i % 2 === 0 ? 4 : 0)) & 15);
}

/** floor(32 / bits) codes in each word. */
export function unpackWordsReference(words: Uint32Array, count: number, bits: number): Uint8Array {
  const each = Math.floor(32 / bits);
  return Uint8Array.from(
    { length: count },
    (_, i) => (words[Math.floor(i / each)]! >>> (bits * (i % each))) & (2 ** bits - 1),
  );
}

/** One field of each word. */
export function unpackFieldReference(words: Uint32Array, shift: number, bits: number): Uint8Array {
  return Uint8Array.from(words, (word) => (word >>> shift) & (2 ** bits - 1));
}

/** How codes and scales lie: one row, its first scale for `first` codes, the others for `each`. */
export interface ReferenceRow {
  readonly codes: Uint8Array;
  readonly first: number;
  readonly each: number;
  readonly scales: Float32Array;
}

const groupOf = ({ first, each }: ReferenceRow, column: number): number =>
  column < first ? 0 : 1 + Math.floor((column - first) / each);

/** (u - zero) * scale. */
export function affineReference(row: ReferenceRow, zeros: Float32Array): Float32Array {
  return Float32Array.from(row.codes, (code, column) => {
    const group = groupOf(row, column);
    return Math.fround(code - zeros[group]!) * row.scales[group]!;
  });
}

/** u * scale + bias. */
export function linearReference(row: ReferenceRow, biases: Float32Array): Float32Array {
  return Float32Array.from(row.codes, (code, column) => {
    const group = groupOf(row, column);
    return Math.fround(code * row.scales[group]!) + biases[group]!;
  });
}

/** table[u] * scale. */
export function tableReference(row: ReferenceRow, table: Float32Array): Float32Array {
  return Float32Array.from(row.codes, (code, column) => table[code]! * row.scales[groupOf(row, column)]!);
}

/** (u - zeros[g]) * scales[g] with the group g of each column. */
export function byIndexReference(
  codes: Uint8Array,
  groups: ArrayLike<number>,
  scales: Float32Array,
  zeros: Float32Array,
): Float32Array {
  return Float32Array.from(
    codes,
    (code, column) => Math.fround(code - zeros[groups[column]!]!) * scales[groups[column]!]!,
  );
}
