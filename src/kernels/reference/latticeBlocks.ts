/**
 * ggml's IQ1, IQ2 and IQ3 types: blocks of 256 whose codes name points of a lattice (ggml-common.h, block_iq2_xxs and
 * so on; ggml-quants.c, dequantize_row_iq2_xxs and so on). `group` is one of 8 runs of 32 values, `eight` one of 32 runs of 8.
 */
import { f16ToNumber } from '../../numeric/floats';
import { fillLattice, type LatticeName, latticeBytes, lattices } from '../../numeric/latticeGrids';
import type { BlockValue } from './blockValue';

const f = Math.fround;

const half = (view: DataView, at: number): number => f16ToNumber(view.getUint16(at, true));

const grids = new Map<LatticeName, Int8Array>();

/** Value `i` of a point. */
function pointValue(name: LatticeName, point: number, i: number): number {
  let grid = grids.get(name);
  if (!grid) {
    grid = new Int8Array(latticeBytes(name));
    fillLattice(name, grid);
    grids.set(name, grid);
  }
  return grid[point * lattices[name].dimensions + i]!;
}

/** Sign of value `i` of eight, from a byte with a bit each. */
const signOf = (signs: number, i: number): number => ((signs >> i) & 1 ? -1 : 1);

/** The eighth sign of seven stored ones is such that an even number of them is set. */
function evenSigns(seven: number): number {
  let parity = 0;
  for (let bit = 0; bit < 7; bit++) parity ^= (seven >> bit) & 1;
  return seven | (parity << 7);
}

/** The nibble for group-halves `half` 0 and 1. */
const nibble = (byte: number, which: number): number => (byte >> (4 * which)) & 15;

/** (grid + delta) in eighths, times an odd multiple of the block's scale. */
function shiftedValue(d: number, scale: number, point: number, minus: boolean, i: number): number {
  const shifted = (pointValue('iq1s', point, i) + (minus ? -1 : 1)) / 8;
  return f(f(d * (2 * scale + 1)) * shifted);
}

export const latticeBlocks: Readonly<Record<string, BlockValue>> = {
  // d, then for each group four bytes of points and a word of 4 x 7 signs and 4 bits of scale
  IQ2_XXS: (view, at, i) => {
    const [group, eight] = [i >> 5, (i >> 3) & 3];
    const word = view.getUint32(at + 6 + 8 * group, true);
    const db = f(f(half(view, at) * (0.5 + (word >>> 28))) * 0.25);
    const value = pointValue('iq2xxs', view.getUint8(at + 2 + 8 * group + eight), i & 7);
    return f(db * value) * signOf(evenSigns((word >>> (7 * eight)) & 127), i & 7);
  },
  // d, qs[32] of 9 bits of point and 7 of signs, scales[8]
  IQ2_XS: (view, at, i) => {
    const code = view.getUint16(at + 2 + 2 * (i >> 3), true);
    const scale = nibble(view.getUint8(at + 66 + (i >> 5)), (i >> 4) & 1);
    const db = f(f(half(view, at) * (0.5 + scale)) * 0.25);
    return f(db * pointValue('iq2xs', code & 511, i & 7)) * signOf(evenSigns(code >> 9), i & 7);
  },
  // d, qs[32], signs[32], qh[8] with two more bits of each point, scales[8]
  IQ2_S: (view, at, i) => {
    const eight = i >> 3;
    const high = (view.getUint8(at + 66 + (i >> 5)) >> (2 * (eight & 3))) & 3;
    const point = view.getUint8(at + 2 + eight) | (high << 8);
    const scale = nibble(view.getUint8(at + 74 + (i >> 5)), (i >> 4) & 1);
    const db = f(f(half(view, at) * (0.5 + scale)) * 0.25);
    return f(db * pointValue('iq2s', point, i & 7)) * signOf(view.getUint8(at + 34 + eight), i & 7);
  },
  // d, qs[64], then for each group a word of 4 x 7 signs and 4 bits of scale
  IQ3_XXS: (view, at, i) => {
    const word = view.getUint32(at + 66 + 4 * (i >> 5), true);
    const db = f(f(half(view, at) * (0.5 + (word >>> 28))) * 0.5);
    const signs = evenSigns((word >>> (7 * ((i >> 3) & 3))) & 127);
    return f(db * pointValue('iq3xxs', view.getUint8(at + 2 + (i >> 2)), i & 3)) * signOf(signs, i & 7);
  },
  // d, qs[64], qh[8] with one more bit of each point, signs[32], scales[4]
  IQ3_S: (view, at, i) => {
    const high = (view.getUint8(at + 66 + (i >> 5)) >> ((i >> 2) & 7)) & 1;
    const point = view.getUint8(at + 2 + (i >> 2)) | (high << 8);
    const scale = nibble(view.getUint8(at + 106 + (i >> 6)), (i >> 5) & 1);
    const db = f(half(view, at) * (1 + 2 * scale));
    return f(db * pointValue('iq3s', point, i & 3)) * signOf(view.getUint8(at + 74 + (i >> 3)), i & 7);
  },
  // d, qs[32], qh[8] of 16 bits: 4 x 3 more bits of the points, 3 bits of scale, the sign of delta
  IQ1_S: (view, at, i) => {
    const high = view.getUint16(at + 34 + 2 * (i >> 5), true);
    const point = view.getUint8(at + 2 + (i >> 3)) | (((high >> (3 * ((i >> 3) & 3))) & 7) << 8);
    return shiftedValue(half(view, at), (high >> 12) & 7, point, (high & 0x8000) !== 0, i & 7);
  },
  // qs[32], qh[16] of nibbles: 3 more bits of a point and the sign of its delta; scales[4] of 16 bits: four scales of
  // 3 bits for 16 values each below a nibble of d
  IQ1_M: (view, at, i) => {
    const scales = (word: number) => view.getUint16(at + 48 + 2 * word, true);
    const d = f16ToNumber(
      [0, 1, 2, 3].reduce((bits, word) => bits | ((scales(word) >> 12) << (4 * word)), 0),
    );
    const high = nibble(view.getUint8(at + 32 + (i >> 4)), (i >> 3) & 1);
    const point = view.getUint8(at + (i >> 3)) | ((high & 7) << 8);
    const scale = (scales(i >> 6) >> (3 * ((i >> 4) & 3))) & 7;
    return shiftedValue(d, scale, point, (high & 8) !== 0, i & 7);
  },
};
