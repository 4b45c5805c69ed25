import { e2m1, e4m3, toMinifloat } from '../../numeric/minifloats';
import { floatBytes, piece } from '../packing';
import { remembering } from '../remembering';
import type { Knowledge, Scheme } from '../scheme';
import { extremes } from '../surveys';
import { absmaxOf, blockAt, encodeElements, forEachBlock, wholeBlocks } from './microscaling';
import { packNibbleRows } from './mxfp4';

const blockSize = 16;
const largestElement = 6;
const largestScale = 448;
const largestFloat = Math.fround(3.4028234663852886e38);

/** What scales are divided by, from the survey of the tensor's extremes. */
export function tensorDivisor(): (known: Knowledge) => number {
  return remembering((known: Knowledge) => {
    const [low, high] = known.at(-1) as unknown as [number, number];
    const absmax = Math.max(Math.abs(low), Math.abs(high));
    if (absmax === 0) return 1;
    return Math.min(Math.fround((largestScale * largestElement) / absmax), largestFloat);
  });
}

/** The scale of a block: as stored, and in float32 with its reciprocal. */
function blockScale(
  absmax: number,
  divisor: number,
): { readonly code: number; readonly scale: number; readonly inverse: number } {
  const code = toMinifloat(Math.fround(divisor * Math.fround(absmax / largestElement)), e4m3, true);
  const scale = Math.fround(e4m3.values[code]! / divisor);
  // A block too small for the smallest scale becomes 0.
  const inverse = scale === 0 ? 0 : Math.min(Math.fround(1 / scale), largestFloat);
  return { code, scale, inverse };
}

/**
 * NVFP4 as compressed-tensors has it (layouts.md, section 1; NVIDIA's formula): a divisor for the tensor,
 * g = 448 * 6 / max|x|, in F32; a scale for every 16 columns, s = E4M3(g * max|x| / 6); elements E2M1(x / (s / g)), by the
 * reciprocal of s / g in float32; x~ = element * (s / g). Weights that loaders join have one g, from the largest magnitude of
 * all: vLLM keeps one divisor for the matrix that it makes of them (`weight_global_scale.max()`).
 */
export const nvfp4: Scheme = {
  name: 'nvfp4',
  label: 'NVFP4',
  detail:
    '4-bit floats (E2M1) with an 8-bit float for every 16 values and one scale for all; for recent NVIDIA GPUs.',
  family: 'microscaling',
  scope: 'linear',
  options: { granularities: ['block'], blockSizes: [blockSize] },
  stored: (setting) =>
    wholeBlocks(setting, blockSize, {
      layout: 'compressed-tensors',
      format: 'nvfp4-pack-quantized',
      weights: {
        num_bits: 4,
        type: 'float',
        symmetric: true,
        strategy: 'tensor_group',
        group_size: blockSize,
        dynamic: false,
      },
    }),
  encoding: ({ rows, columns }) => {
    const groups = Math.ceil(columns / blockSize);
    const stride = Math.ceil(columns / 2);
    const divisorOf = tensorDivisor();
    return {
      to: 'NVFP4',
      unit: columns,
      surveys: [extremes],
      isJoined: true,
      pieces: () => [
        piece('_packed', 'U8', [rows, stride]),
        piece('_scale', 'F8_E4M3', [rows, groups]),
        piece('_global_scale', 'F32', [1]),
      ],
      wholePieces: (known) => [
        { suffix: '_global_scale', byteOffset: 0, bytes: floatBytes([divisorOf(known)], 'F32') },
      ],
      encode({ first, values }, known) {
        const divisor = divisorOf(known);
        const codes = new Uint8Array(values.length);
        const dequantized = new Float32Array(values.length);
        const scales = new Uint8Array((values.length / columns) * groups);
        forEachBlock(values, columns, blockSize, (start, end, block) => {
          const { code, scale, inverse } = blockScale(absmaxOf(values, start, end), divisor);
          scales[block] = code;
          encodeElements(e2m1, { values, codes, dequantized }, start, end, inverse, scale);
        });
        const row = first / columns;
        return {
          codes,
          dequantized,
          scaleAt: (index) => ({
            scale: Math.fround(e4m3.values[scales[blockAt(index, columns, blockSize)]!]! / divisor),
          }),
          chunks: () => [
            { suffix: '_packed', byteOffset: row * stride, bytes: packNibbleRows(codes, columns) },
            { suffix: '_scale', byteOffset: row * groups, bytes: scales },
          ],
        };
      },
    };
  },
};
