/**
 * Zero points as compressed-tensors `pack-quantized` stores them for channel-wise scales: I32
 * [ceil(N * 8 / 32), 1], packed along the rows, offset-binary, the first row in the lowest byte of a
 * little-endian word. For 8 bits that is the bytes themselves, filled up with 0 to whole words.
 */
export function packZeroPoints(zeros: Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(4 * Math.ceil(zeros.length / 4));
  packed.set(zeros);
  return packed;
}
