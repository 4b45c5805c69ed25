import { e4m3 } from '../../numeric/minifloats';
import { piece } from '../packing';
import { noChunks, noSurveys, type Scheme } from '../scheme';
import { absmaxOf, blockAt, encodeElements, forEachBlock, wholeBlocks } from './microscaling';
import { sharedExponent } from './mxfp4';

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
        const codes = new Uint8Array(values.length);
        const dequantized = new Float32Array(values.length);
        const scales = new Uint8Array((values.length / columns) * groups);
        forEachBlock(values, columns, blockSize, (start, end, block) => {
          const code = sharedExponent(absmaxOf(values, start, end), largestExponent);
          scales[block] = code;
          const scale = 2 ** (code - 127);
          encodeElements(e4m3, { values, codes, dequantized }, start, end, 1 / scale, scale);
        });
        return {
          codes,
          dequantized,
          scaleAt: (index) => ({ scale: 2 ** (scales[blockAt(index, columns, blockSize)]! - 127) }),
          chunks: () => [
            { suffix: '', byteOffset: first, bytes: codes },
            { suffix: '_scale', byteOffset: (first / columns) * groups, bytes: scales },
          ],
        };
      },
    };
  },
};
