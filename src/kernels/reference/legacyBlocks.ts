/** ggml's blocks of 32 with one scale, and a minimum in the _1 types (ggml-quants.c, dequantize_row_q4_0 and so on). */
import { f16ToNumber } from '../../numeric/floats';
import type { BlockValue } from './blockValue';

const half = (view: DataView, at: number): number => f16ToNumber(view.getUint16(at, true));

/** Sixteen bytes hold 32 nibbles, the low ones first. */
const nibble = (view: DataView, at: number, i: number): number =>
  (view.getUint8(at + (i % 16)) >> (i < 16 ? 0 : 4)) & 15;

const fifthBit = (view: DataView, at: number, i: number): number =>
  ((view.getUint32(at, true) >>> i) & 1) << 4;

const affine = (d: number, q: number, m: number): number => Math.fround(Math.fround(d * q) + m);

export const legacyBlocks: Readonly<Record<string, BlockValue>> = {
  Q8_0: (view, at, i) => Math.fround(half(view, at) * view.getInt8(at + 2 + i)),
  // d, a sum that decoding does not need, codes
  Q8_1: (view, at, i) => Math.fround(half(view, at) * view.getInt8(at + 4 + i)),
  Q4_0: (view, at, i) => Math.fround(half(view, at) * (nibble(view, at + 2, i) - 8)),
  Q4_1: (view, at, i) => affine(half(view, at), nibble(view, at + 4, i), half(view, at + 2)),
  Q5_0: (view, at, i) =>
    Math.fround(half(view, at) * ((nibble(view, at + 6, i) | fifthBit(view, at + 2, i)) - 16)),
  Q5_1: (view, at, i) =>
    affine(half(view, at), nibble(view, at + 8, i) | fifthBit(view, at + 4, i), half(view, at + 2)),
};
