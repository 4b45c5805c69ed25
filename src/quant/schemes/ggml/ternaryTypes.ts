/** ggml's types of three values, for models that were trained so: TQ1_0 and TQ2_0 (ggml-quants.c, quantize_row_tq1_0_ref). */
import { extremeOf, roundAway, storeHalf } from './arithmetic';
import type { BlockInput, BlockOutput, BlockType } from './blockType';

const f = Math.fround;
const blockSize = 256;

/** Codes 0..2 of -1, 0 and 1 times the largest magnitude, which is the scale. */
function encodeTrits({ x }: BlockInput, { view, codes, scales, zeros }: BlockOutput, at: number): void {
  const scale = Math.abs(extremeOf(x, 0, blockSize));
  const inverse = scale === 0 ? 0 : f(1 / scale);
  scales[0] = storeHalf(view, at, scale);
  zeros[0] = 1;
  for (let i = 0; i < blockSize; i++) {
    const scaled = f(x[i]! * inverse);
    // Infinity and NaN, which reciprocals of the smallest numbers bring about, become 0.
    codes[i] = Number.isFinite(scaled) ? roundAway(scaled) + 1 : 1;
  }
}

/** Up to five digits of base 3, the first one foremost, as a fraction of 256 rounded up. */
function packDigits(codes: Uint8Array, from: number, step: number, count: number): number {
  let digits = 0;
  for (let n = 0; n < 5; n++) digits = (3 * digits + (n < count ? codes[from + n * step]! : 0)) & 255;
  return Math.floor((digits * 256 + 242) / 243) & 255;
}

function encodeTq1(input: BlockInput, output: BlockOutput): void {
  const { bytes, codes } = output;
  encodeTrits(input, output, 52);
  for (let i = 0; i < 32; i++) bytes[i] = packDigits(codes, i, 32, 5);
  for (let i = 0; i < 16; i++) bytes[32 + i] = packDigits(codes, 160 + i, 16, 5);
  for (let i = 0; i < 4; i++) bytes[48 + i] = packDigits(codes, 240 + i, 4, 4);
}

function encodeTq2(input: BlockInput, output: BlockOutput): void {
  const { bytes, codes } = output;
  encodeTrits(input, output, 64);
  for (let i = 0; i < blockSize; i++)
    bytes[32 * (i >> 7) + (i & 31)]! |= (codes[i]! & 3) << (2 * ((i >> 5) & 3));
}

const common = { groupElements: blockSize, hasHalfScale: true, hasCodes: true, codeOffset: 1 };

export const ternaryTypes: readonly BlockType[] = [
  {
    ...common,
    name: 'tq1_0',
    type: 'TQ1_0',
    label: 'TQ1_0',
    detail: 'GGUF: -1, 0 and 1 in 1.69 bits, for models that were trained so (BitNet).',
    encode: encodeTq1,
  },
  {
    ...common,
    name: 'tq2_0',
    type: 'TQ2_0',
    label: 'TQ2_0',
    detail: 'GGUF: -1, 0 and 1 in 2.06 bits, for models that were trained so (BitNet).',
    encode: encodeTq2,
  },
];
