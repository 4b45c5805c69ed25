import { roundToDtype } from '../../numeric/floats';
import { floatBytes, piece } from '../packing';
import { noChunks, noSurveys, type Scheme } from '../scheme';

/** Downcasting to a 16-bit float: to nearest, ties to even (IEEE 754-2019, 4.3.1), subnormals kept. */
function floatCast(name: 'f16' | 'bf16', detail: string): Scheme {
  const dtype = name === 'f16' ? 'F16' : 'BF16';
  return {
    name,
    label: `${dtype} cast`,
    detail,
    family: 'cast',
    scope: 'floats',
    options: { granularities: ['none'] },
    encoding: ({ rows, columns }) => ({
      to: dtype,
      unit: 1,
      surveys: noSurveys,
      pieces: () => [piece('', dtype, [rows, columns])],
      wholePieces: noChunks,
      encode({ first, values }) {
        const dequantized = values.map((value) => roundToDtype(value, dtype));
        return {
          dequantized,
          chunks: () => [{ suffix: '', byteOffset: 2 * first, bytes: floatBytes(dequantized, dtype) }],
        };
      },
    }),
    stored: () => ({ layout: 'plain', floatType: dtype === 'F16' ? 'float16' : 'bfloat16' }),
  };
}

export const f16 = floatCast('f16', '11 significant bits; values beyond 65,504 do not fit and are refused.');
export const bf16 = floatCast('bf16', "8 significant bits and F32's range.");
