import { roundToDtype } from '../../numeric/floats';
import { floatBytes, piece } from '../packing';
import { noChunks, noSurveys, type Scheme } from '../scheme';

const floatTypes = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' } as const;

/** Casting to another float type: to nearest, ties to even (IEEE 754-2019, 4.3.1), subnormals kept. */
function floatCast(name: keyof typeof floatTypes, detail: string): Scheme {
  const dtype = name.toUpperCase() as 'F32' | 'F16' | 'BF16';
  const bytesEach = name === 'f32' ? 4 : 2;
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
        const dequantized = name === 'f32' ? values : values.map((value) => roundToDtype(value, dtype));
        return {
          dequantized,
          chunks: () => [
            { suffix: '', byteOffset: bytesEach * first, bytes: floatBytes(dequantized, dtype) },
          ],
        };
      },
    }),
    stored: () => ({ layout: 'plain', floatType: floatTypes[name] }),
  };
}

export const f16 = floatCast('f16', '11 significant bits; values beyond 65,504 do not fit and are refused.');
export const bf16 = floatCast('bf16', "8 significant bits and F32's range.");
export const f32 = floatCast(
  'f32',
  'Every value of a shorter float as it is, in four bytes: for what reads nothing else.',
);
