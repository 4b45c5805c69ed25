/** INT8 by rows as bitsandbytes stores it, and LLM.int8() with outlier columns kept in F16. */
import { roundHalfEven, roundToDtype } from '../../numeric/floats';
import { outlierFactor as defaultFactor } from '../../stats/outliers';
import { floatBytes, piece } from '../packing';
import { remembering } from '../remembering';
import { type Chunk, type Encoding, type Knowledge, noChunks, type Scheme, type Setting } from '../scheme';
import { columnExtremes } from '../surveys';

const largestFloat = Math.fround(3.4028234663852886e38);

/** What bitsandbytes multiplies with in place of dividing by 127 (functional.py `int8_vectorwise_dequant`). */
export const perStep = Math.fround(1 / 127);

/** What the values of a row are multiplied with. */
export const rowInverse = (absmax: number): number =>
  absmax === 0 ? 0 : Math.min(Math.fround(127 / absmax), largestFloat);

/** Vector-wise INT8 of some columns: SCB = max|x| of the row, q = rne(x * (127 / SCB)), x~ = (q * SCB) * (1 / 127). */
function encodeRow(
  values: Float32Array,
  isOutlier: Uint8Array | undefined,
  codes: Uint8Array,
  dequantized: Float32Array,
): number {
  let absmax = 0;
  for (let i = 0; i < values.length; i++)
    if (isOutlier?.[i] !== 1) absmax = Math.max(absmax, Math.abs(values[i]!));
  const inverse = rowInverse(absmax);
  for (let i = 0; i < values.length; i++) {
    if (isOutlier?.[i] === 1) dequantized[i] = roundToDtype(values[i]!, 'F16');
    else {
      const code = roundHalfEven(Math.fround(values[i]! * inverse));
      codes[i] = code;
      dequantized[i] = Math.fround(code * absmax) * perStep;
    }
  }
  return absmax;
}

/** Two's complement bytes as offset-binary ones, which pictures show. */
const offsetBinary = (codes: Uint8Array) => codes.map((code) => code ^ 0x80);

/** The columns that LLM.int8() keeps apart, in ascending order, from the survey of the columns' extremes. */
export function outlierColumns({
  columns,
  choice,
}: Pick<Setting, 'columns' | 'choice'>): (known: Knowledge) => readonly number[] {
  const { outlierThreshold, outlierFactor } = choice;
  return remembering((known: Knowledge): readonly number[] => {
    const ranges = known.at(-1)!;
    const absmax = Float64Array.from({ length: columns }, (_, i) =>
      Math.max(Math.abs(ranges[i]!), Math.abs(ranges[columns + i]!)),
    );
    if (outlierThreshold !== undefined)
      return [...absmax.keys()].filter((column) => absmax[column]! >= outlierThreshold);
    const sorted = absmax.slice().sort();
    const median = (sorted[(columns - 1) >> 1]! + sorted[columns >> 1]!) / 2;
    const limit = (outlierFactor ?? defaultFactor) * median;
    return median > 0 ? [...absmax.keys()].filter((column) => absmax[column]! > limit) : [];
  });
}

function encodingOf(setting: Setting, apart: boolean): Encoding {
  const { rows, columns } = setting;
  const outliersOf = outlierColumns(setting);
  const mask = remembering((outliers: readonly number[]) => {
    const isOutlier = new Uint8Array(columns);
    for (const column of outliers) isOutlier[column] = 1;
    return isOutlier;
  });
  return {
    to: 'INT8',
    unit: columns,
    surveys: apart ? [columnExtremes(columns)] : [],
    pieces(known) {
      const stored = [piece('', 'I8', [rows, columns]), scbPiece(rows), formatPiece()];
      if (!apart) return stored;
      const count = known ? outliersOf(known).length : 0;
      return [
        ...stored,
        piece('.outlier_columns', 'I32', [count]),
        piece('.outlier_weights', 'F16', [rows, count]),
      ];
    },
    wholePieces: apart
      ? (known) => [
          {
            suffix: '.outlier_columns',
            byteOffset: 0,
            bytes: new Uint8Array(Int32Array.from(outliersOf(known)).buffer),
          },
        ]
      : // Weight format 0: rows as they are, the only one that is loaded; files begin as zeros.
        noChunks,
    encode({ first, values }, known) {
      const codes = new Uint8Array(values.length);
      const dequantized = new Float32Array(values.length);
      const outliers = apart ? outliersOf(known) : [];
      const isOutlier = apart ? mask(outliers) : undefined;
      const scb: number[] = [];
      const kept: number[] = [];
      for (let at = 0; at < values.length; at += columns) {
        const end = at + columns;
        scb.push(
          encodeRow(
            values.subarray(at, end),
            isOutlier,
            codes.subarray(at, end),
            dequantized.subarray(at, end),
          ),
        );
        for (const column of outliers) kept.push(values[at + column]!);
      }
      const row = first / columns;
      const chunks = (): Chunk[] => [
        { suffix: '', byteOffset: first, bytes: codes },
        { suffix: scbSuffix, byteOffset: 4 * row, bytes: floatBytes(scb, 'F32') },
        ...(apart
          ? [
              {
                suffix: '.outlier_weights',
                byteOffset: 2 * row * outliers.length,
                bytes: floatBytes(kept, 'F16'),
              },
            ]
          : []),
      ];
      const scaleAt = (index: number) =>
        isOutlier?.[index % columns] === 1
          ? undefined
          : { scale: scb[Math.floor(index / columns)]! * perStep, zero: 128 };
      return { codes: offsetBinary(codes), dequantized, scaleAt, chunks };
    },
  };
}

/** Beside the weight, not below it: the module's name and these. */
export const scbSuffix = '/SCB';
const scbPiece = (rows: number) => piece(scbSuffix, 'F32', [rows]);
const formatPiece = () => piece('/weight_format', 'U8', []);

/** What bitsandbytes' load_in_8bit stores: it finds outliers in the activations, when the model runs. */
export const bnbInt8: Scheme = {
  name: 'bnb-int8',
  label: 'INT8 (bitsandbytes)',
  detail:
    'Vector-wise INT8 as load_in_8bit stores it; outliers are found in the activations when the model runs.',
  family: 'integer',
  scope: 'linear',
  options: { granularities: ['row'] },
  encoding: (setting) => encodingOf(setting, false),
  stored: () => ({ layout: 'bitsandbytes', config: { load_in_8bit: true, load_in_4bit: false } }),
};

/**
 * LLM.int8() (Dettmers et al. 2022, arXiv 2208.07339) on weights: input columns with outliers stay in F16, the rest
 * is vector-wise INT8. A column is one by its largest magnitude: beyond a multiple of the median column's, or
 * from a threshold on.
 */
export const llmInt8: Scheme = {
  name: 'llm-int8',
  label: 'LLM.int8()',
  detail: 'Columns with outliers stay in F16, the rest is INT8 by rows.',
  family: 'mixed',
  scope: 'linear',
  options: { granularities: ['row'], outliers: true },
  encoding: (setting) => encodingOf(setting, true),
  stored: () => ({
    layout: 'none',
    reason: 'No loader keeps weight columns apart; bitsandbytes stores all in INT8 (scheme bnb-int8).',
  }),
};
