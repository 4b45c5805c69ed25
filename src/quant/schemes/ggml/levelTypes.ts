/** ggml's types whose codes are indices into 16 levels: IQ4_NL, IQ4_XS and MXFP4 (ggml-quants.c, quantize_row_iq4_nl_impl). */
import { doubledFp4Values, iq4Values } from '../../../kernels/reference/codebookBlocks';
import { e8m0HalfValue } from '../../../numeric/floats';
import { clamp, cut, extremeOf, nearestInt, storeHalf, sumOfSquares } from './arithmetic';
import type { BlockInput, BlockOutput, BlockType } from './blockType';
import { importanceWeight } from './searches';

const f = Math.fround;
const groupSize = 32;
const smallestMagnitude = f(1e-15);
const weights = new Float32Array(groupSize);
const groupScales = new Float32Array(8);

/** The nearest of IQ4's levels; of two equally near ones the upper. NaN takes the last. */
function nearestLevel(value: number): number {
  if (value <= iq4Values[0]!) return 0;
  if (value >= iq4Values[15]!) return 15;
  let upper = 15;
  for (let at = 0, gap = 15; gap > 1; gap = upper - at) {
    const middle = (at + upper) >> 1;
    if (value < iq4Values[middle]!) upper = middle;
    else at = middle;
  }
  return f(value - iq4Values[upper - 1]!) < f(iq4Values[upper]! - value) ? upper - 1 : upper;
}

/** The scale of 32 values from `start` on: 16 are tried, each refined by weighted least squares. */
function levelScale({ x, importance }: BlockInput, start: number, meanSquare: number): number {
  const extreme = extremeOf(x, start, start + groupSize);
  if (Math.abs(extreme) < smallestMagnitude) return 0;
  for (let i = 0; i < groupSize; i++) {
    const value = x[start + i]!;
    weights[i] = importance ? importanceWeight(importance[start + i]!, meanSquare, value) : value * value;
  }
  let scale = 0;
  let best = 0;
  for (let attempt = -8; attempt <= 7; attempt++) {
    // The first one is by the lowest level alone.
    const isFirst = attempt === -8;
    const inverse = isFirst ? f(1 / f(-extreme / iq4Values[0]!)) : f((attempt + iq4Values[0]!) / extreme);
    let productSum = 0;
    let squareSum = 0;
    for (let i = 0; i < groupSize; i++) {
      const value = x[start + i]!;
      const level = iq4Values[nearestLevel(f(inverse * value))]!;
      const weighted = f(weights[i]! * level);
      productSum = f(productSum + f(weighted * value));
      squareSum = f(squareSum + f(weighted * level));
    }
    if (isFirst) scale = squareSum > 0 ? f(productSum / squareSum) : 0;
    else if (squareSum > 0 && f(productSum * productSum) > f(best * squareSum))
      scale = f(productSum / squareSum);
    else continue;
    best = f(scale * productSum);
  }
  return scale;
}

/** Two codes a byte: those of a group's first half in the low nibbles. */
function pack({ bytes, codes }: BlockOutput, at: number): void {
  for (let start = 0; start < codes.length; start += groupSize) {
    for (let i = 0; i < 16; i++)
      bytes[at + start / 2 + i] = codes[start + i]! | (codes[start + 16 + i]! << 4);
  }
}

function encodeLevels({ x }: BlockInput, { codes }: BlockOutput, start: number, scale: number): void {
  const inverse = scale === 0 ? 0 : f(1 / scale);
  for (let i = start; i < start + groupSize; i++) codes[i] = nearestLevel(f(inverse * x[i]!));
}

/** As llama-quantize writes it (quantize_iq4_nl), where codes come from the scale before it is rounded to F16. */
function encodeIq4Nl(input: BlockInput, output: BlockOutput): void {
  const meanSquare = f(sumOfSquares(input.x, 0, groupSize) * (2 / groupSize));
  const scale = levelScale(input, 0, meanSquare);
  output.scales[0] = storeHalf(output.view, 0, scale);
  encodeLevels(input, output, 0, scale);
  pack(output, 2);
}

function encodeIq4Xs(input: BlockInput, output: BlockOutput): void {
  const { bytes, view, scales } = output;
  const meanSquare = f(sumOfSquares(input.x, 0, 256) * (2 / 256));
  let extreme = 0;
  for (let group = 0; group < 8; group++) {
    groupScales[group] = levelScale(input, groupSize * group, meanSquare);
    if (Math.abs(groupScales[group]!) > Math.abs(extreme)) extreme = groupScales[group]!;
  }
  const scale = f(-extreme / 32);
  const stored = storeHalf(view, 0, scale);
  const inverse = scale === 0 ? 0 : f(1 / scale);
  let upper = 0;
  for (let group = 0; group < 8; group++) {
    const code = clamp(nearestInt(f(inverse * groupScales[group]!)), -32, 31);
    scales[group] = f(stored * code);
    encodeLevels(input, output, groupSize * group, f(scale * code));
    bytes[4 + (group >> 1)]! |= ((code + 32) & 15) << (4 * (group & 1));
    upper |= ((code + 32) >> 4) << (2 * group);
  }
  view.setUint16(2, upper, true);
  pack(output, 8);
}

/**
 * ggml's MXFP4. The exponent is floor(log2(max|x|)) - 2 with the logarithm rounded to float32, kept in eight bits whatever it is;
 * of two equally near levels the one of smaller magnitude is taken, and -0 never.
 */
function encodeMxfp4({ x }: BlockInput, output: BlockOutput): void {
  const largest = Math.abs(extremeOf(x, 0, groupSize));
  const exponent = largest > 0 ? cut(Math.floor(f(Math.log2(largest))) - 2 + 127) & 255 : 0;
  const half = e8m0HalfValue(exponent);
  output.bytes[0] = exponent;
  output.scales[0] = 2 * half;
  for (let i = 0; i < groupSize; i++) {
    let best = 0;
    let least = Math.abs(x[i]!);
    for (let code = 1; code < 16; code++) {
      const error = Math.abs(f(f(doubledFp4Values[code]! * half) - x[i]!));
      if (error < least) {
        best = code;
        least = error;
      }
    }
    output.codes[i] = best;
  }
  pack(output, 1);
}

const common = { groupElements: groupSize, hasLevels: true, hasCodes: true, codeOffset: 0 };

export const levelTypes: readonly BlockType[] = [
  {
    ...common,
    name: 'iq4_nl',
    type: 'IQ4_NL',
    label: 'IQ4_NL',
    detail: 'GGUF: 16 uneven levels and a scale for every 32 values; better than Q4_0 in its size.',
    hasHalfScale: true,
    encode: encodeIq4Nl,
  },
  {
    ...common,
    name: 'iq4_xs',
    type: 'IQ4_XS',
    label: 'IQ4_XS',
    detail: 'GGUF: 16 uneven levels and 6-bit scales for every 32 values; smaller than Q4_K.',
    hasHalfScale: true,
    encode: encodeIq4Xs,
  },
  {
    ...common,
    name: 'mxfp4-ggml',
    type: 'MXFP4',
    label: 'MXFP4 (GGUF)',
    detail: 'GGUF: MXFP4 as ggml rounds it; of two equally near numbers the smaller.',
    hasHalfScale: false,
    encode: encodeMxfp4,
  },
];
