import { e4m3, e5m2, type Minifloat, toMinifloat } from '../../numeric/minifloats';
import { floatBytes, piece } from '../packing';
import { remembering } from '../remembering';
import { type Chunk, type Knowledge, noSurveys, type Scheme, type Setting, type StoredForm } from '../scheme';
import { type StoredScale, storedScale } from '../storedScale';
import { extremes } from '../surveys';
import type { ScaleDtype } from '../types';

/** The scale of a whole tensor, from the survey of its extremes. */
export function tensorScaleOf(format: Minifloat, scaleDtype: ScaleDtype): (known: Knowledge) => StoredScale {
  const largest = format.values[format.largestCode]!;
  return remembering((known: Knowledge) => {
    const [low, high] = known.at(-1) as unknown as [number, number];
    return storedScale(Math.max(Math.abs(low), Math.abs(high)), largest, scaleDtype);
  });
}

export const unscaled: StoredScale = { scale: 1, inverse: 1 };

/**
 * 8-bit floats (OFP8 1.0), rounded to nearest even, with no scale, one a row or one a tensor: scale = max|x| / largest
 * number of the format, code = round(x / scale). Values beyond the largest number saturate, or become
 * NaN (E4M3) and infinity (E5M2) as PyTorch's casts make them.
 */
function float8(name: 'f8-e4m3' | 'f8-e5m2', format: Minifloat, detail: string): Scheme {
  const dtype = name === 'f8-e4m3' ? 'F8_E4M3' : 'F8_E5M2';
  const largest = format.values[format.largestCode]!;
  return {
    name,
    label: name === 'f8-e4m3' ? 'F8 E4M3' : 'F8 E5M2',
    detail,
    family: 'cast',
    scope: 'linear',
    options: {
      granularities: ['row', 'tensor', 'none'],
      overflow: true,
      scaleDtypes: ['F32', 'BF16', 'F16'],
    },
    stored: (setting) => storedForm(name, setting),
    encoding({ rows, columns, choice, scaleDtype }) {
      const { granularity } = choice;
      const saturate = choice.overflow === 'saturate';
      const tensorScale = tensorScaleOf(format, scaleDtype);
      const rowScale = (values: Float32Array) =>
        storedScale(
          values.reduce((absmax, value) => Math.max(absmax, Math.abs(value)), 0),
          largest,
          scaleDtype,
        );
      const scaleCount = granularity === 'none' ? [] : granularity === 'row' ? [rows, 1] : [1];
      return {
        to: dtype,
        unit: granularity === 'row' ? columns : 1,
        surveys: granularity === 'tensor' ? [extremes] : noSurveys,
        pieces: () => [
          piece('', dtype, [rows, columns]),
          ...(granularity === 'none' ? [] : [piece('_scale', scaleDtype, scaleCount)]),
        ],
        encode({ first, values }, known) {
          const codes = new Uint8Array(values.length);
          const dequantized = new Float32Array(values.length);
          const scales: number[] = [];
          const width = granularity === 'row' ? columns : values.length;
          for (let at = 0; at < values.length; at += width) {
            const run = values.subarray(at, at + width);
            const { scale, inverse } =
              granularity === 'none' ? unscaled : granularity === 'row' ? rowScale(run) : tensorScale(known);
            scales.push(scale);
            for (let i = 0; i < run.length; i++) {
              const code = toMinifloat(Math.fround(run[i]! * inverse), format, saturate);
              codes[at + i] = code;
              dequantized[at + i] = format.values[code]! * scale;
            }
          }
          const chunks = (): Chunk[] => {
            const weight = { suffix: '', byteOffset: first, bytes: codes };
            if (granularity !== 'row') return [weight];
            const bytes = floatBytes(scales, scaleDtype);
            const bytesEach = scaleDtype === 'F32' ? 4 : 2;
            return [weight, { suffix: '_scale', byteOffset: (first / columns) * bytesEach, bytes }];
          };
          const scaleAt = (index: number) => ({ scale: scales[Math.floor(index / width)]! });
          return { codes, dequantized, scaleAt, chunks };
        },
        wholePieces: (known) =>
          granularity === 'tensor'
            ? [
                {
                  suffix: '_scale',
                  byteOffset: 0,
                  bytes: floatBytes([tensorScale(known).scale], scaleDtype),
                },
              ]
            : [],
      };
    },
  };
}

function storedForm(name: 'f8-e4m3' | 'f8-e5m2', { choice }: Setting): StoredForm {
  if (choice.granularity === 'none') return { layout: 'plain' };
  if (name === 'f8-e5m2')
    return { layout: 'none', reason: 'compressed-tensors has scaled 8-bit floats of type E4M3 only.' };
  return {
    layout: 'compressed-tensors',
    format: 'float-quantized',
    weights: {
      num_bits: 8,
      type: 'float',
      symmetric: true,
      strategy: choice.granularity === 'row' ? 'channel' : 'tensor',
      dynamic: false,
    },
  };
}

export const f8E4m3 = float8(
  'f8-e4m3',
  e4m3,
  '4 exponent and 3 fraction bits, up to 448; what recent GPUs multiply.',
);
export const f8E5m2 = float8(
  'f8-e5m2',
  e5m2,
  '5 exponent and 2 fraction bits, up to 57,344: more range, less precision.',
);
