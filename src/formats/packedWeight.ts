/**
 * How the values of a quantized weight follow from its stored tensors, whatever method stored them: codes in some order,
 * what a code means, and a grid of scales. The rules in layouts/ fill it; the engine reads by it.
 */

/**
 * How codes lie. A line is a run of logical values: a row of the last dimension, or all values where blocks cross rows.
 * - `dense`: from the lowest bit, without gaps, lines `strideBytes` apart.
 * - `words`: floor(32 / bits) codes in each 32-bit word from the lowest bit, the rest of the word unused.
 * - `upperFirst`: two a byte, the first in the upper half.
 * - `down`: I32 [width * bits / 32, lines], dense from the lowest bit down each column.
 * - `across`: I32 [width, lines * bits / 32]; line i is field `slots[i % slots.length]` of its word.
 */
export type CodeOrder =
  | { readonly kind: 'dense'; readonly strideBytes: number }
  | { readonly kind: 'words'; readonly strideBytes: number }
  | { readonly kind: 'upperFirst' }
  | { readonly kind: 'down' }
  | { readonly kind: 'across'; readonly slots: readonly number[] };

/**
 * What a code u means, in float32 with each operation rounded.
 * - `integer`: (u - zero point) * scale; signed codes are two's complement.
 * - `linear`: scale * u + bias; biases lie as the scales do.
 * - `table`: value(u) * scale, by the name of a type of 4 or 8 bits ("F4" is E2M1; "NF4" and "FP4" are bitsandbytes').
 * - `stored`: values[u] * scale, 16 float32 values from the file.
 */
export type CodeMeaning<Span> =
  | { readonly kind: 'integer'; readonly signed?: boolean | undefined; readonly zeroPoints: ZeroPoints<Span> }
  | { readonly kind: 'linear'; readonly biases: Span }
  | { readonly kind: 'table'; readonly dtype: string }
  | { readonly kind: 'stored'; readonly values: Span };

/**
 * - `constant`: the same for all codes.
 * - `plain`: numbers of a type that lie as the scales do, and `offset` is added.
 * - `packed`: codes of `bits` bits that lie as the scales do, from the lowest bit, rows `rowBits` apart.
 * - `rows`: codes packed along the lines, I32 [ceil(lines * bits / 32), groups], dense or whole codes a word.
 * - `groups`: codes packed along the lines within a row of words, I32 [groups, lines * bits / 32], as `across` when it
 *   has slots; `plus` is added, unless the first code is `unlessFirst`.
 */
export type ZeroPoints<Span> =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'plain'; readonly span: Span; readonly dtype: string; readonly offset: number }
  | {
      readonly kind: 'packed';
      readonly span: Span;
      readonly bits: number;
      readonly rowBits: number;
      readonly signed: boolean;
    }
  | { readonly kind: 'rows'; readonly span: Span; readonly dense: boolean }
  | {
      readonly kind: 'groups';
      readonly span: Span;
      readonly slots?: readonly number[] | undefined;
      readonly plus: number;
      readonly unlessFirst?: number | undefined;
    };

export interface ScaleGrid<Span> {
  readonly span: Span;
  /** How a stored scale is read: F32, F16, BF16, F8_E4M3 or F8_E8M0. */
  readonly dtype: string;
  /** Scales along a line. */
  readonly groups: number;
  /** Values of a line that share a scale. */
  readonly widthEach: number;
  /** Lines that share scales. */
  readonly linesEach: number;
  /** Lines of one matrix: blocks of lines begin anew with each. */
  readonly matrixLines: number;
  /** Stored as [groups, lines] instead of [lines, groups]. */
  readonly byGroup?: boolean | undefined;
  /** One F32 that all scales are first multiplied with or divided by. */
  readonly global?: { readonly span: Span; readonly divides: boolean } | undefined;
  /** Scales are U8 codes themselves: map[code] * absmax[i / blockSize] + offset, in float32. */
  readonly nested?:
    | { readonly map: Span; readonly absmax: Span; readonly blockSize: number; readonly offset: number }
    | undefined;
}

export interface PackedWeight<Span> {
  readonly codes: Span;
  /** Of a stored code, 2 to 8. */
  readonly bits: number;
  readonly lines: number;
  /** Values of a line; lines * width = the weight's elements. */
  readonly width: number;
  readonly order: CodeOrder;
  readonly meaning: CodeMeaning<Span>;
  readonly scales: ScaleGrid<Span>;
  /** I32 [width]: the group of each value of a line, in place of the order of `widthEach`. All -1: none. */
  readonly columnGroups?: Span | undefined;
  /** What each value is multiplied with at last, in float32. */
  readonly factor?: number | undefined;
}

/** Bytes of a scale of a type, or undefined for one that is no scale. */
export const scaleBytes: ReadonlyMap<string, number> = new Map([
  ['F32', 4],
  ['F16', 2],
  ['BF16', 2],
  ['F8_E4M3', 1],
  ['F8_E8M0', 1],
]);

/** Rows of the stored grid of scales. */
export const gridRows = (
  { linesEach, matrixLines }: Pick<ScaleGrid<unknown>, 'linesEach' | 'matrixLines'>,
  lines: number,
): number => (lines / matrixLines) * Math.ceil(matrixLines / linesEach);

/** The same weight with its spans replaced. */
export function mapSpans<A, B>(weight: PackedWeight<A>, to: (span: A) => B): PackedWeight<B> {
  const { meaning, scales, columnGroups } = weight;
  const zeroPoints = (zeros: ZeroPoints<A>): ZeroPoints<B> =>
    zeros.kind === 'constant' ? zeros : { ...zeros, span: to(zeros.span) };
  const mapMeaning = (): CodeMeaning<B> => {
    if (meaning.kind === 'integer') return { ...meaning, zeroPoints: zeroPoints(meaning.zeroPoints) };
    if (meaning.kind === 'linear') return { ...meaning, biases: to(meaning.biases) };
    return meaning.kind === 'stored' ? { ...meaning, values: to(meaning.values) } : meaning;
  };
  const { global, nested } = scales;
  return {
    ...weight,
    codes: to(weight.codes),
    meaning: mapMeaning(),
    scales: {
      ...scales,
      span: to(scales.span),
      global: global && { ...global, span: to(global.span) },
      nested: nested && { ...nested, map: to(nested.map), absmax: to(nested.absmax) },
    },
    columnGroups: columnGroups && to(columnGroups),
  };
}

/** 32-bit words that codes take, dense or whole in each word. */
export const packedWords = (count: number, bits: number, dense: boolean): number =>
  dense ? Math.ceil((count * bits) / 32) : Math.ceil(count / Math.floor(32 / bits));
