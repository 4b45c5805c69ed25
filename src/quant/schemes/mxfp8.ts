import { e4m3 } from '../../numeric/minifloats';
import { piece } from '../packing';
import { noChunks, noSurveys, type Scheme } from '../scheme';
import { encodePowerBlocks, mxScaleDtype, wholeBlocks } from './microscaling';

const blockSize = 32;
/** Exponent of E4M3's largest number, 448. */
const largestExponent = 8;

/** MXFP8 (OCP Microscaling Formats 1.0) with E4M3 elements: as MXFP4, with a byte a value. */
export const mxfp8: Scheme = {
  name: 'mxfp8',
  label: 'MXFP8 (E4M3)',
  detail: '8-bit floats (E4M3) with a power of two for every 32 values.',
  family: 'microscaling',
  scope: 'linear',
  options: { granularities: ['block'], blockSizes: [blockSize] },
  stored: (setting) =>
    wholeBlocks(setting, blockSize, {
      layout: 'compressed-tensors',
      format: 'mxfp8-quantized',
      weights: {
        num_bits: 8,
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
    return {
      to: 'MXFP8',
      unit: columns,
      surveys: noSurveys,
      wholePieces: noChunks,
      pieces: () => [piece('', 'F8_E4M3', [rows, columns]), piece('_scale', 'U8', [rows, groups])],
      encode({ first, values }) {
        const blocks = encodePowerBlocks(e4m3, largestExponent, values, columns, blockSize);
        return {
          ...blocks,
          chunks: () => [
            { suffix: '', byteOffset: first, bytes: blocks.codes },
            { suffix: '_scale', byteOffset: (first / columns) * groups, bytes: blocks.scales },
          ],
        };
      },
    };
  },
};
