import { e2m1 } from '../../numeric/minifloats';
import { lowNibblesFirst, piece } from '../packing';
import { noChunks, noSurveys, type Scheme } from '../scheme';
import { encodePowerBlocks, mxScaleDtype, wholeBlocks } from './microscaling';

const blockSize = 32;
/** Exponent of E2M1's largest number, 6. */
const largestExponent = 2;

/**
 * MXFP4: E2M1 elements rounded to nearest even and saturated, over blocks of 32 columns with a scale of a power of two.
 * ggml's MXFP4 has the same scales, and differs where a value lies in the middle of two codes: there ggml takes the
 * smaller magnitude.
 */
export const mxfp4: Scheme = {
  name: 'mxfp4',
  label: 'MXFP4',
  detail: '4-bit floats (E2M1) with a power of two for every 32 values; what gpt-oss is stored in.',
  family: 'microscaling',
  scope: 'linear',
  options: { granularities: ['block'], blockSizes: [blockSize] },
  stored: (setting) =>
    wholeBlocks(setting, blockSize, {
      layout: 'compressed-tensors',
      format: 'mxfp4-pack-quantized',
      weights: {
        num_bits: 4,
        type: 'float',
        symmetric: true,
        strategy: 'group',
        group_size: blockSize,
        dynamic: false,
        scale_dtype: mxScaleDtype,
      },
    }),
  encoding: ({ rows, columns }) => {
    const groups = Math.ceil(columns / blockSize);
    const stride = Math.ceil(columns / 2);
    return {
      to: 'MXFP4',
      unit: columns,
      surveys: noSurveys,
      wholePieces: noChunks,
      pieces: () => [piece('_packed', 'U8', [rows, stride]), piece('_scale', 'U8', [rows, groups])],
      encode({ first, values }) {
        const blocks = encodePowerBlocks(e2m1, largestExponent, values, columns, blockSize);
        const row = first / columns;
        return {
          ...blocks,
          chunks: () => [
            { suffix: '_packed', byteOffset: row * stride, bytes: packNibbleRows(blocks.codes, columns) },
            { suffix: '_scale', byteOffset: row * groups, bytes: blocks.scales },
          ],
        };
      },
    };
  },
};

/** Two codes a byte, each row from a byte of its own. */
export function packNibbleRows(codes: Uint8Array, columns: number): Uint8Array {
  if (columns % 2 === 0) return lowNibblesFirst(codes);
  const rows = codes.length / columns;
  const stride = Math.ceil(columns / 2);
  const packed = new Uint8Array(rows * stride);
  for (let row = 0; row < rows; row++)
    packed.set(lowNibblesFirst(codes.subarray(row * columns, (row + 1) * columns)), row * stride);
  return packed;
}
