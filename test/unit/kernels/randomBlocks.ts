import { byteSize, findDtype } from '../../../src/numeric/dtypes';
import { randomBytes } from './randomValues';

/** Where a block type keeps its floating-point scales, in bytes from a block's start: 'f16' at each place by default. */
const scalesOf: Readonly<Record<string, readonly number[]>> = {
  ...{ Q4_1: [0, 2], Q5_1: [0, 2], Q2_K: [80, 82], Q3_K: [108], Q4_K: [0, 2], Q5_K: [0, 2] },
  ...{ Q6_K: [208], TQ1_0: [52], TQ2_0: [64], MXFP4: [], NVFP4: [] },
  // Only the upper half of the float32 matters to its size.
  Q8_K: [2],
  // The upper four bits of the scale are those of the last byte.
  IQ1_M: [54],
};

/**
 * Random bytes of a type whose scales are finite and whose products do not overflow: what a product with a NaN holds
 * is the machine's choice. Plain types may hold NaN and infinities.
 */
export function randomBlocks(dtype: string, elements: number, seed: number): Uint8Array {
  const { kind, blockBytes } = findDtype(dtype)!;
  const bytes = randomBytes(byteSize(findDtype(dtype)!, elements)!, seed);
  if (kind !== 'quantized') return bytes;
  for (let at = 0; at < bytes.length; at += blockBytes) {
    for (const scale of scalesOf[dtype] ?? [0]) {
      const upper = at + scale + 1;
      if (dtype === 'Q8_K' || dtype === 'IQ1_M' || (bytes[upper]! & 0x7c) === 0x7c) bytes[upper]! &= 0xbf;
    }
    if (dtype === 'MXFP4') bytes[at]! %= 192;
  }
  return bytes;
}
