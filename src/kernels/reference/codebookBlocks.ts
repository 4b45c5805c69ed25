/**
 * Types whose nibbles index a table of 16 values: IQ4_NL and IQ4_XS with ggml's own, MXFP4 and NVFP4 with
 * twice those of E2M1 (OCP Microscaling Formats 1.0, 5.3.3), hence half of the scale.
 */
import { e8m0HalfValue, f16ToNumber, ue4m3HalfValue } from '../../numeric/floats';
import type { BlockValue } from './blockValue';

/** ggml-common.h, kvalues_iq4nl. */
export const iq4Values = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
/** Twice the values of E2M1; ggml decodes the pattern of -0 to 0. */
export const doubledFp4Values = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

const half = (view: DataView, at: number): number => f16ToNumber(view.getUint16(at, true));

export const codebookBlocks: Readonly<Record<string, BlockValue>> = {
  IQ4_NL: (view, at, i) => {
    const code = (view.getUint8(at + 2 + (i & 15)) >> (i < 16 ? 0 : 4)) & 15;
    return Math.fround(half(view, at) * iq4Values[code]!);
  },
  // d, scales_h (two bits a group), scales_l[4] (four bits a group), qs[128]
  IQ4_XS: (view, at, i) => {
    const group = i >> 5;
    const low = (view.getUint8(at + 4 + (group >> 1)) >> (4 * (group & 1))) & 15;
    const high = (view.getUint16(at + 2, true) >> (2 * group)) & 3;
    const code = (view.getUint8(at + 8 + 16 * group + (i & 15)) >> ((i & 31) < 16 ? 0 : 4)) & 15;
    const scale = Math.fround(half(view, at) * ((low | (high << 4)) - 32));
    return Math.fround(scale * iq4Values[code]!);
  },
  // One scale byte for 32 values
  MXFP4: (view, at, i) => {
    const code = (view.getUint8(at + 1 + (i & 15)) >> (i < 16 ? 0 : 4)) & 15;
    return Math.fround(e8m0HalfValue(view.getUint8(at)) * doubledFp4Values[code]!);
  },
  // Four scale bytes for 16 values each
  NVFP4: (view, at, i) => {
    const group = i >> 4;
    const code = (view.getUint8(at + 4 + 8 * group + (i & 7)) >> ((i & 15) < 8 ? 0 : 4)) & 15;
    return Math.fround(ue4m3HalfValue(view.getUint8(at + group)) * doubledFp4Values[code]!);
  },
};
