/**
 * ggml's K types: blocks of 256 in groups of 16 or 32, each with a scale (and a minimum) of a few bits, which the block's own
 * multiply (ggml-quants.c, quantize_row_q2_K_ref and so on; the layouts are in src/kernels/reference/kBlocks.ts).
 */
import { clamp, nearestInt, signedByte, storeHalf, sumOfSquares } from './arithmetic';
import type { BlockInput, BlockOutput, BlockType } from './blockType';
import { weightedAttempts } from './legacyTypes';
import {
  type Affine,
  type Attempts,
  affineScale,
  importanceWeight,
  positiveScale,
  refinedScale,
  symmetricScale,
} from './searches';

const f = Math.fround;
const blockSize = 256;
const weights = new Float32Array(32);
/** Scales, minima and weights of the groups of one block, and codes of the first two. */
const groupScales = new Float32Array(16);
const groupOffsets = new Float32Array(16);
const groupWeights = new Float32Array(16);
const scaleCodes = new Uint8Array(16);
const offsetCodes = new Uint8Array(16);

/** Importance weights of a group, and their sum for the group. */
function weigh({ x, importance }: BlockInput, group: number, size: number, meanSquare: number): Float32Array {
  let sum = 0;
  for (let i = 0; i < size; i++) {
    const at = group * size + i;
    weights[i] = importanceWeight(importance![at]!, meanSquare, x[at]!);
    sum = f(sum + weights[i]!);
  }
  groupWeights[group] = sum;
  return weights;
}

/** Codes of 0..top again by the stored scales; groups whose scale is 0 keep those of the search. */
function encodeAffine(
  { x }: BlockInput,
  { codes, scales, zeros }: BlockOutput,
  size: number,
  top: number,
  scale: number,
  offset: number,
): void {
  for (let group = 0; group < blockSize / size; group++) {
    const own = f(scale * scaleCodes[group]!);
    const down = f(offset * offsetCodes[group]!);
    scales[group] = own;
    zeros[group] = down / own;
    if (own === 0) continue;
    for (let i = group * size; i < (group + 1) * size; i++)
      codes[i] = clamp(nearestInt(f(f(x[i]! + down) / own)), 0, top);
  }
}

/** The same for symmetric codes around `half`, with the groups' scales in place. */
function encodeSymmetric({ x }: BlockInput, { codes, scales, zeros }: BlockOutput, half: number): void {
  for (let group = 0; group < 16; group++) {
    const own = scales[group]!;
    zeros[group] = half;
    if (own === 0) continue;
    for (let i = group * 16; i < group * 16 + 16; i++)
      codes[i] = half + clamp(nearestInt(f(x[i]! / own)), -half, half - 1);
  }
}

/** Four codes of two bits a byte: 128 values share 32 bytes. */
function packPairs({ bytes, codes }: BlockOutput, at: number): void {
  for (let i = 0; i < 64; i++) {
    const from = 128 * (i >> 5) + (i & 31);
    bytes[at + i] =
      (codes[from]! & 3) |
      ((codes[from + 32]! & 3) << 2) |
      ((codes[from + 64]! & 3) << 4) |
      ((codes[from + 96]! & 3) << 6);
  }
}

/** The largest of the groups' scales and of their offsets, at least 0. */
function largest(values: Float32Array, count: number): number {
  let found = 0;
  for (let i = 0; i < count; i++) if (values[i]! > found) found = values[i]!;
  return found;
}

const attemptsOfQ2: Attempts = { first: -0.5, step: 0.1, last: 15, absolute: true };

function encodeQ2(input: BlockInput, output: BlockOutput): void {
  const { x, importance } = input;
  const { bytes, view, codes } = output;
  const meanSquare = importance ? f(sumOfSquares(x, 0, blockSize) / blockSize) : 0;
  for (let group = 0; group < 16; group++) {
    const own = { x, start: 16 * group, count: 16, codes };
    let found: Affine;
    if (importance) found = affineScale(own, 3, weigh(input, group, 16, meanSquare), weightedAttempts);
    else {
      for (let i = 0; i < 16; i++) weights[i] = Math.abs(x[16 * group + i]!);
      found = affineScale(own, 3, weights, attemptsOfQ2);
    }
    groupScales[group] = found.scale;
    groupOffsets[group] = found.offset;
  }
  const [scale, offset] = [groupScales, groupOffsets].map((values, which) => {
    const target = which === 0 ? scaleCodes : offsetCodes;
    return storeScales(values, 16, 15, target, importance !== undefined, view, 80 + 2 * which);
  }) as [number, number];
  for (let group = 0; group < 16; group++) {
    // Bits of a scale beyond four would fall into the minimum's, as they do in ggml.
    bytes[group] = scaleCodes[group]! | (offsetCodes[group]! << 4);
    scaleCodes[group] = bytes[group]! & 15;
    offsetCodes[group] = bytes[group]! >> 4;
  }
  encodeAffine(input, output, 16, 3, scale, offset);
  packPairs(output, 16);
}

/** Codes of the groups' scales (or offsets) of 0..top and the block's own, which is stored as F16 and returned. */
function storeScales(
  values: Float32Array,
  count: number,
  top: number,
  target: Uint8Array,
  weighted: boolean,
  view: DataView,
  byteOffset: number,
): number {
  if (weighted) {
    const own = positiveScale({ x: values, start: 0, count, codes: target }, top, groupWeights);
    return storeHalf(view, byteOffset, own);
  }
  const most = largest(values, count);
  const inverse = most > 0 ? f(top / most) : 0;
  for (let i = 0; i < count; i++) target[i] = nearestInt(f(inverse * values[i]!));
  return storeHalf(view, byteOffset, f(most / top));
}

function encodeQ3(input: BlockInput, output: BlockOutput): void {
  const { x, importance } = input;
  const { bytes, view, codes, scales } = output;
  const meanSquare = importance ? f(f(2 * sumOfSquares(x, 0, blockSize)) / blockSize) : 0;
  let extreme = 0;
  for (let group = 0; group < 16; group++) {
    const own = { x, start: 16 * group, count: 16, codes };
    const scale = importance
      ? symmetricScale(own, 4, weigh(input, group, 16, meanSquare))
      : refinedScale(own, 4);
    groupScales[group] = scale;
    if (Math.abs(scale) > Math.abs(extreme)) extreme = scale;
  }
  let blockScale: number;
  if (importance) {
    const group = { x: groupScales, start: 0, count: 16, codes: scaleCodes };
    blockScale = storeHalf(view, 108, symmetricScale(group, 32, groupWeights));
  } else if (extreme === 0) {
    // Without any scale the codes of scales stay 0, which stands for -32.
    scaleCodes.fill(0);
    blockScale = storeHalf(view, 108, 0);
  } else {
    const inverse = f(-32 / extreme);
    for (let group = 0; group < 16; group++)
      scaleCodes[group] = clamp(signedByte(nearestInt(f(inverse * groupScales[group]!))), -32, 31) + 32;
    blockScale = storeHalf(view, 108, f(1 / inverse));
  }
  for (let group = 0; group < 16; group++) {
    const code = scaleCodes[group]!;
    bytes[96 + (group & 7)]! |= (code & 15) << (group < 8 ? 0 : 4);
    bytes[104 + (group & 3)]! |= (code >> 4) << (2 * (group >> 2));
    scales[group] = f(blockScale * (code - 32));
  }
  encodeSymmetric(input, output, 4);
  for (let i = 0; i < blockSize; i++) bytes[i & 31]! |= (codes[i]! >> 2) << (i >> 5);
  packPairs(output, 32);
}

/** Q4_K and Q5_K: groups of 32 with scales and minima of six bits. */
function encodeSixBitScaled(top: 15 | 31, attempts: Attempts) {
  return (input: BlockInput, output: BlockOutput): void => {
    const { x, importance } = input;
    const { bytes, view, codes } = output;
    const meanSquare = importance ? f(f(2 * sumOfSquares(x, 0, blockSize)) / blockSize) : 0;
    for (let group = 0; group < 8; group++) {
      const start = 32 * group;
      const own = { x, start, count: 32, codes };
      let found: Affine;
      if (importance) found = affineScale(own, top, weigh(input, group, 32, meanSquare), weightedAttempts);
      else {
        const typical = f(Math.sqrt(f(sumOfSquares(x, start, start + 32) / 32)));
        for (let i = 0; i < 32; i++) weights[i] = typical + Math.abs(x[start + i]!);
        found = affineScale(own, top, weights, attempts);
      }
      groupScales[group] = found.scale;
      groupOffsets[group] = found.offset;
    }
    const weighted = importance !== undefined;
    const scale = storeScales(groupScales, 8, 63, scaleCodes, weighted, view, 0);
    const offset = storeScales(groupOffsets, 8, 63, offsetCodes, weighted, view, 2);
    packSixBits(bytes);
    encodeAffine(input, output, 32, top, scale, offset);
    for (let i = 0; i < 128; i++) {
      const from = 64 * (i >> 5) + (i & 31);
      bytes[(top === 15 ? 16 : 48) + i] = (codes[from]! & 15) | ((codes[from + 32]! & 15) << 4);
    }
    if (top === 31) for (let i = 0; i < blockSize; i++) bytes[16 + (i & 31)]! |= (codes[i]! >> 4) << (i >> 5);
  };
}

/** Eight scales and eight minima of six bits in 12 bytes, from byte 4 on; codes are bounded. */
function packSixBits(bytes: Uint8Array): void {
  for (let group = 0; group < 8; group++) {
    const scale = Math.min(63, scaleCodes[group]!);
    const offset = Math.min(63, offsetCodes[group]!);
    scaleCodes[group] = scale;
    offsetCodes[group] = offset;
    if (group < 4) {
      bytes[4 + group] = scale;
      bytes[8 + group] = offset;
    } else {
      bytes[8 + group] = (scale & 15) | ((offset & 15) << 4);
      bytes[group]! |= (scale >> 4) << 6;
      bytes[4 + group]! |= (offset >> 4) << 6;
    }
  }
}

function encodeQ6(input: BlockInput, output: BlockOutput): void {
  const { x, importance } = input;
  const { bytes, view, codes, scales, zeros } = output;
  let extreme = 0;
  for (let group = 0; group < 16; group++) {
    const start = 16 * group;
    const scale = symmetricScale({ x, start, count: 16, codes }, 32, importance?.subarray(start, start + 16));
    groupScales[group] = scale;
    if (Math.abs(scale) > Math.abs(extreme)) extreme = scale;
  }
  if (Math.abs(extreme) < f(1e-15)) {
    // A block of zeros is all bytes 0.
    codes.fill(0);
    scales.fill(0);
    zeros.fill(32);
    return;
  }
  const inverse = f(-128 / extreme);
  const blockScale = storeHalf(view, 208, f(1 / inverse));
  for (let group = 0; group < 16; group++) {
    const code = signedByte(Math.min(127, nearestInt(f(inverse * groupScales[group]!))));
    view.setInt8(192 + group, code);
    scales[group] = f(blockScale * code);
  }
  encodeSymmetric(input, output, 32);
  for (let i = 0; i < 64; i++) {
    const [part, l] = [i >> 5, i & 31];
    const from = 128 * part + l;
    const [a, b, c, d] = [codes[from]!, codes[from + 32]!, codes[from + 64]!, codes[from + 96]!];
    bytes[64 * part + l] = (a & 15) | ((c & 15) << 4);
    bytes[64 * part + 32 + l] = (b & 15) | ((d & 15) << 4);
    bytes[128 + i] = (a >> 4) | ((b >> 4) << 2) | ((c >> 4) << 4) | ((d >> 4) << 6);
  }
}

const common = { hasHalfScale: true, hasCodes: true };

export const kTypes: readonly BlockType[] = [
  {
    ...common,
    name: 'q2_k',
    codeOffset: 0,
    type: 'Q2_K',
    label: 'Q2_K',
    detail: 'GGUF: 2 bits, 4-bit scales and minima for every 16 values; much is lost.',
    groupElements: 16,
    encode: encodeQ2,
  },
  {
    ...common,
    name: 'q3_k',
    codeOffset: 4,
    type: 'Q3_K',
    label: 'Q3_K',
    detail: 'GGUF: 3 bits and 6-bit scales for every 16 values.',
    groupElements: 16,
    encode: encodeQ3,
  },
  {
    ...common,
    name: 'q4_k',
    codeOffset: 0,
    type: 'Q4_K',
    label: 'Q4_K',
    detail: 'GGUF: 4 bits, 6-bit scales and minima for every 32 values; what most models are shared in.',
    groupElements: 32,
    encode: encodeSixBitScaled(15, { first: -1, step: 0.1, last: 20 }),
  },
  {
    ...common,
    name: 'q5_k',
    codeOffset: 0,
    type: 'Q5_K',
    label: 'Q5_K',
    detail: 'GGUF: 5 bits, 6-bit scales and minima for every 32 values.',
    groupElements: 32,
    encode: encodeSixBitScaled(31, { first: -0.5, step: 0.1, last: 15 }),
  },
  {
    ...common,
    name: 'q6_k',
    codeOffset: 32,
    type: 'Q6_K',
    label: 'Q6_K',
    detail: 'GGUF: 6 bits and 8-bit scales for every 16 values; close to Q8_0.',
    groupElements: 16,
    encode: encodeQ6,
  },
];
