import { roundHalfEven } from '../../numeric/floats';
import { floatBytes, piece } from '../packing';
import { remembering } from '../remembering';
import { type Chunk, type Knowledge, noSurveys, type Scheme } from '../scheme';
import { reciprocable, type StoredScale } from '../storedScale';
import { magnitudes } from '../surveys';
import type { ScaleDtype } from '../types';

/** Below this the mean counts as this: the clamp of BitNet's published weight quantizer. */
const smallestMean = 1e-5;
/** Codes a byte. */
const perByte = 4;

/** The scale of `count` values whose magnitudes add up to `sum`. */
export const ternaryScale = (sum: number, count: number, scaleDtype: ScaleDtype): StoredScale =>
  reciprocable(Math.max(Math.fround(sum / count), smallestMean), scaleDtype);

/** The scale of a whole tensor, from the survey of its magnitudes. */
export function ternaryTensorScale(scaleDtype: ScaleDtype): (known: Knowledge) => StoredScale {
  return remembering((known: Knowledge) => {
    const [sum, count] = known.at(-1) as unknown as [number, number];
    return ternaryScale(sum, count, scaleDtype);
  });
}

/**
 * Ternary weights, 1.58 bits (BitNet b1.58, Ma et al. 2024, arXiv 2402.17764, eq. 1 to 3): scale = mean|w|,
 * code = clamp(round(w / scale), -1, 1), w~ = code * scale; a scale for the tensor or for each row. Two bits are
 * stored a value, offset by 1, the first one lowest.
 */
export const ternary: Scheme = {
  name: 'ternary',
  label: 'Ternary (1.58 bit)',
  detail:
    'scale = mean|x|, codes -1, 0 and 1. Made for models trained so; others lose most of what they know.',
  family: 'ternary',
  scope: 'linear',
  options: { granularities: ['tensor', 'row'], scaleDtypes: ['F32', 'BF16', 'F16'] },
  stored: () => ({ layout: 'none', reason: 'No layout that is written yet holds ternary codes.' }),
  encoding: ({ rows, columns, choice, scaleDtype }) => {
    const byRow = choice.granularity === 'row';
    const scaleOf = (sum: number, count: number) => ternaryScale(sum, count, scaleDtype);
    const tensorScale = ternaryTensorScale(scaleDtype);
    const stride = Math.ceil(columns / perByte);
    return {
      to: 'ternary',
      unit: columns,
      surveys: byRow ? noSurveys : [magnitudes],
      pieces: () => [
        piece('_packed', 'U8', [rows, stride]),
        piece('_scale', scaleDtype, byRow ? [rows, 1] : [1]),
      ],
      wholePieces: (known) =>
        byRow
          ? []
          : [{ suffix: '_scale', byteOffset: 0, bytes: floatBytes([tensorScale(known).scale], scaleDtype) }],
      encode({ first, values }, known) {
        const codes = new Uint8Array(values.length);
        const dequantized = new Float32Array(values.length);
        const scales: number[] = [];
        const packed = new Uint8Array((values.length / columns) * stride);
        for (let at = 0; at < values.length; at += columns) {
          const run = values.subarray(at, at + columns);
          const { scale, inverse } = byRow
            ? scaleOf(
                run.reduce((sum, value) => sum + Math.abs(value), 0),
                columns,
              )
            : tensorScale(known);
          scales.push(scale);
          for (let i = 0; i < run.length; i++) {
            const code = Math.min(Math.max(roundHalfEven(Math.fround(run[i]! * inverse)), -1), 1);
            codes[at + i] = code + 1;
            dequantized[at + i] = code * scale;
            packed[(at / columns) * stride + Math.floor(i / perByte)]! |= (code + 1) << (2 * (i % perByte));
          }
        }
        const row = first / columns;
        const chunks = (): Chunk[] => {
          const weight = { suffix: '_packed', byteOffset: row * stride, bytes: packed };
          if (!byRow) return [weight];
          const byteOffset = row * (scaleDtype === 'F32' ? 4 : 2);
          return [weight, { suffix: '_scale', byteOffset, bytes: floatBytes(scales, scaleDtype) }];
        };
        const scaleAt = (index: number) => ({ scale: scales[Math.floor(index / columns)]! });
        return { codes, dequantized, scaleAt, chunks };
      },
    };
  },
};
