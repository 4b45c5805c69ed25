/**
 * ggml's K types: blocks of 256 in groups of 16 or 32, whose small integer scales and minima are multiplied by
 * the block's own (ggml-common.h, block_q2_K and so on; ggml-quants.c, dequantize_row_q2_K and so on).
 */
import { f16ToNumber } from '../../numeric/floats';
import type { BlockValue } from './blockValue';

const f = Math.fround;

const half = (view: DataView, at: number): number => f16ToNumber(view.getUint16(at, true));

/** A code of two bits: 128 values share 32 bytes, one 32 of them for each pair of bits. */
const twoBits = (view: DataView, at: number, i: number): number =>
  (view.getUint8(at + 32 * (i >> 7) + (i & 31)) >> (2 * ((i >> 5) & 3))) & 3;

/** A nibble: 64 values share 32 bytes, the first 32 in the low halves. */
const nibble = (view: DataView, at: number, i: number): number =>
  (view.getUint8(at + 32 * (i >> 6) + (i & 31)) >> (4 * ((i >> 5) & 1))) & 15;

/** Six-bit scale and minimum of group 0..7: four pairs in whole bytes, whose free upper bits hold four pairs more. */
function scaleAndMin(view: DataView, at: number, group: number): [number, number] {
  const byte = (i: number) => view.getUint8(at + i);
  if (group < 4) return [byte(group) & 63, byte(group + 4) & 63];
  return [
    (byte(group + 4) & 15) | ((byte(group - 4) >> 6) << 4),
    (byte(group + 4) >> 4) | ((byte(group) >> 6) << 4),
  ];
}

/** Six-bit scale of group 0..15 of Q3_K, 32 too large: 16 nibbles in eight bytes, then four bytes of upper pairs. */
function scaleOfQ3(view: DataView, at: number, group: number): number {
  const low = (view.getUint8(at + (group & 7)) >> (group < 8 ? 0 : 4)) & 15;
  const high = (view.getUint8(at + 8 + (group & 3)) >> (2 * (group >> 2))) & 3;
  return (low | (high << 4)) - 32;
}

function affine(view: DataView, at: number, scales: number, i: number, code: number): number {
  const [scale, min] = scaleAndMin(view, scales, i >> 5);
  return f(f(f(half(view, at) * scale) * code) - f(half(view, at + 2) * min));
}

export const kBlocks: Readonly<Record<string, BlockValue>> = {
  // scales[16], qs[64], d, dmin
  Q2_K: (view, at, i) => {
    const scale = view.getUint8(at + (i >> 4));
    const scaled = f(f(half(view, at + 80) * (scale & 15)) * twoBits(view, at + 16, i));
    return f(scaled - f(half(view, at + 82) * (scale >> 4)));
  },
  // hmask[32], qs[64], scales[12], d
  Q3_K: (view, at, i) => {
    const high = (view.getUint8(at + (i & 31)) >> (i >> 5)) & 1;
    const scale = f(half(view, at + 108) * scaleOfQ3(view, at + 96, i >> 4));
    return f(scale * (twoBits(view, at + 32, i) - (high === 1 ? 0 : 4)));
  },
  // d, dmin, scales[12], qs[128]
  Q4_K: (view, at, i) => affine(view, at, at + 4, i, nibble(view, at + 16, i)),
  // d, dmin, scales[12], qh[32], qs[128]
  Q5_K: (view, at, i) => {
    const high = (view.getUint8(at + 16 + (i & 31)) >> (i >> 5)) & 1;
    return affine(view, at, at + 4, i, nibble(view, at + 48, i) + 16 * high);
  },
  // ql[128], qh[64], scales[16], d. A low half holds values l and l + 32 of 128, an upper half l + 64 and l + 96.
  Q6_K: (view, at, i) => {
    const [part, quarter, l] = [i >> 7, (i >> 5) & 3, i & 31];
    const low = (view.getUint8(at + 64 * part + 32 * (quarter & 1) + l) >> (quarter < 2 ? 0 : 4)) & 15;
    const high = (view.getUint8(at + 128 + 32 * part + l) >> (2 * quarter)) & 3;
    const scale = f(half(view, at + 208) * view.getInt8(at + 192 + (i >> 4)));
    return f(scale * ((low | (high << 4)) - 32));
  },
  // d as float32, qs[256], sums of groups that decoding does not need
  Q8_K: (view, at, i) => f(view.getFloat32(at, true) * view.getInt8(at + 4 + i)),
};
