/** ggml's types of three values or two (ggml-quants.c, dequantize_row_tq1_0, _tq2_0, _q1_0 and _q2_0). */
import { f16ToNumber } from '../../numeric/floats';
import type { BlockValue } from './blockValue';

const half = (view: DataView, at: number): number => f16ToNumber(view.getUint16(at, true));

/**
 * A byte holds five digits of base 3 as a fraction of 256, rounded up: times 3^n modulo 256 brings digit n
 * to the front, and three times that has it above the point.
 */
const digit = (byte: number, n: number): number => (((byte * 3 ** n) & 255) * 3) >> 8;

export const ternaryBlocks: Readonly<Record<string, BlockValue>> = {
  // qs[48]: five digits in each of 32 bytes, then in each of 16; qh[4]: four digits each; d
  TQ1_0: (view, at, i) => {
    const d = half(view, at + 52);
    const [byte, n] =
      i < 160
        ? [i & 31, i >> 5]
        : i < 240
          ? [32 + ((i - 160) & 15), (i - 160) >> 4]
          : [48 + (i & 3), (i - 240) >> 2];
    return Math.fround(d * (digit(view.getUint8(at + byte), n) - 1));
  },
  // qs[64]: 128 values share 32 bytes, as in Q2_K; d
  TQ2_0: (view, at, i) => {
    const code = (view.getUint8(at + 32 * (i >> 7) + (i & 31)) >> (2 * ((i >> 5) & 3))) & 3;
    return Math.fround(half(view, at + 64) * (code - 1));
  },
  Q1_0: (view, at, i) => {
    const d = half(view, at);
    return (view.getUint8(at + 2 + (i >> 3)) >> (i & 7)) & 1 ? d : -d;
  },
  Q2_0: (view, at, i) => {
    const code = (view.getUint8(at + 2 + (i >> 2)) >> (2 * (i & 3))) & 3;
    return Math.fround(half(view, at) * (code - 1));
  },
};
