/** ggml's blocks of 32 values with one scale: Q8_0, Q4_0, Q4_1, Q5_0 and Q5_1 (ggml-quants.c, quantize_row_q4_0_ref and so on). */
import { cut, extremeOf, roundAway, signedByte, storeHalf } from './arithmetic';
import type { BlockInput, BlockOutput, BlockType } from './blockType';
import { type Attempts, affineScale, importanceWeight, symmetricScale } from './searches';

const f = Math.fround;
const size = 32;

/** Scales that are tried where an importance matrix is given. */
export const weightedAttempts: Attempts = { first: -0.9, step: 0.05, last: 36 };

const weights = new Float32Array(size);

/** Weights of a block by its importance and the row's mean square. */
function weightsOf({ x, rowMeanSquare }: BlockInput, importance: Float32Array): Float32Array {
  for (let i = 0; i < size; i++) weights[i] = importanceWeight(importance[i]!, rowMeanSquare, x[i]!);
  return weights;
}

/** The reciprocal of a scale as ggml takes it: 0 for 0. */
const inverseOf = (scale: number): number => (scale === 0 ? 0 : f(1 / scale));

function encodeQ8({ x }: BlockInput, { view, codes, scales, zeros }: BlockOutput): void {
  const scale = f(Math.abs(extremeOf(x, 0, size)) / 127);
  const inverse = inverseOf(scale);
  scales[0] = storeHalf(view, 0, scale);
  zeros[0] = 128;
  for (let i = 0; i < size; i++) {
    const code = signedByte(cut(roundAway(f(x[i]! * inverse))));
    view.setInt8(2 + i, code);
    codes[i] = code + 128;
  }
}

/** Low nibbles of the first half beside those of the second; fifth bits, where there are some, in a word of their own. */
function pack({ bytes, view, codes }: BlockOutput, at: number, fifthBits: number | undefined): void {
  for (let i = 0; i < 16; i++) bytes[at + i] = (codes[i]! & 15) | ((codes[i + 16]! & 15) << 4);
  if (fifthBits === undefined) return;
  let upper = 0;
  for (let i = 0; i < size; i++) upper |= ((codes[i]! >> 4) & 1) << i;
  view.setUint32(fifthBits, upper >>> 0, true);
}

/** Codes from 0 on that stand for code - half: the value of largest magnitude gets code 0. */
function symmetric(half: 8 | 16) {
  return (input: BlockInput, output: BlockOutput): void => {
    const { x, importance } = input;
    const { view, codes, scales, zeros } = output;
    zeros[0] = half;
    if (importance) {
      const group = { x, start: 0, count: size, codes };
      scales[0] = storeHalf(view, 0, symmetricScale(group, half, weightsOf(input, importance)));
    } else {
      const scale = f(extremeOf(x, 0, size) / -half);
      const inverse = inverseOf(scale);
      scales[0] = storeHalf(view, 0, scale);
      for (let i = 0; i < size; i++) {
        const code = signedByte(cut(f(f(x[i]! * inverse) + (half + 0.5))));
        codes[i] = Math.min(2 * half - 1, code);
      }
    }
    pack(output, half === 8 ? 2 : 6, half === 8 ? undefined : 2);
  };
}

/** Codes from 0 on above the block's minimum. */
function affine(top: 15 | 31) {
  return (input: BlockInput, output: BlockOutput): void => {
    const { x, importance } = input;
    const { view, codes, scales, zeros } = output;
    let scale: number;
    let low: number;
    if (importance) {
      const group = { x, start: 0, count: size, codes };
      const found = affineScale(group, top, weightsOf(input, importance), weightedAttempts);
      scale = found.scale;
      low = -found.offset;
    } else {
      low = Number.MAX_VALUE;
      let high = -low;
      for (let i = 0; i < size; i++) {
        if (x[i]! < low) low = x[i]!;
        if (x[i]! > high) high = x[i]!;
      }
      scale = f(f(high - low) / top);
      const inverse = inverseOf(scale);
      for (let i = 0; i < size; i++) {
        const code = cut(f(f(f(x[i]! - low) * inverse) + 0.5));
        codes[i] = top === 15 ? Math.min(15, signedByte(code)) : code;
      }
    }
    scales[0] = storeHalf(view, 0, scale);
    zeros[0] = -storeHalf(view, 2, low) / scales[0]!;
    pack(output, top === 15 ? 4 : 8, top === 15 ? undefined : 4);
  };
}

const common = { groupElements: size, hasHalfScale: true, hasCodes: true };

export const legacyTypes: readonly BlockType[] = [
  {
    ...common,
    name: 'q8_0',
    codeOffset: 128,
    type: 'Q8_0',
    label: 'Q8_0',
    detail: 'GGUF: 8 bits and a scale for every 32 values; hardly any loss.',
    encode: encodeQ8,
  },
  {
    ...common,
    name: 'q4_0',
    codeOffset: 8,
    type: 'Q4_0',
    label: 'Q4_0',
    detail: 'GGUF: 4 bits and a scale for every 32 values; the simplest and fastest.',
    encode: symmetric(8),
  },
  {
    ...common,
    name: 'q4_1',
    codeOffset: 0,
    type: 'Q4_1',
    label: 'Q4_1',
    detail: 'GGUF: 4 bits, a scale and a minimum for every 32 values.',
    encode: affine(15),
  },
  {
    ...common,
    name: 'q5_0',
    codeOffset: 16,
    type: 'Q5_0',
    label: 'Q5_0',
    detail: 'GGUF: 5 bits and a scale for every 32 values.',
    encode: symmetric(16),
  },
  {
    ...common,
    name: 'q5_1',
    codeOffset: 0,
    type: 'Q5_1',
    label: 'Q5_1',
    detail: 'GGUF: 5 bits, a scale and a minimum for every 32 values.',
    encode: affine(31),
  },
];
