/**
 * Kernels of schemes that multiply each group of values by a number and give each product a code: the same preparation
 * serves the WebAssembly kernels and a graph that makes the codes elsewhere.
 */
import type { Kernels } from '../../kernels/kernels';
import { e2m1, e4m3, e5m2, type Minifloat } from '../../numeric/minifloats';
import type { Chunk, Knowledge } from '../scheme';
import { fp4Codes, fp4Values, nf4Values } from '../schemes/blockCodebook';
import {
  type BandKernel,
  type EncodeRows,
  type GraphKernel,
  isUnchecked,
  type KernelBand,
  type LevelName,
  placeFloats,
} from './bandKernel';

/** What becomes of x * inverse. */
export type ElementCode =
  /** clamp(rne(x * inverse) + zero, low, high); x~ = ((code - zero) * scale) * factor. */
  | {
      readonly kind: 'integer';
      readonly low: number;
      readonly high: number;
      /** A pointer to float32, one for each group. */
      readonly zeros: number;
      readonly factor: number;
      /** Zero points are no integers: x~ = (code - zero) * scale of codes that are rounded after the zero point was added. */
      readonly isRefined?: boolean | undefined;
    }
  /** The nearest of a list; x~ = level * scale. */
  | { readonly kind: 'level'; readonly name: LevelName };

/** A band in the kernels' memory with the parameters of its groups: runs of `width` values, the last of a row may be shorter. */
export interface PreparedBand {
  readonly columns: number;
  readonly width: number;
  readonly code: ElementCode;
  /** Pointer to float32, and bytes from a group's to the next one's; 0: one serves all. */
  readonly scales: number;
  readonly step: 0 | 4;
  /** Where the largest magnitudes of groups lie, a float32 each, if they were taken. */
  readonly magnitudes?: { readonly pointer: number; readonly count: number } | undefined;
  /** Parameters belong to columns. */
  readonly byColumn?: boolean | undefined;
  /** Pointer to what values are multiplied by, as for scales. Groups of zeros have any finite number. */
  inverses(): number;
  /** Codes by the kernel, and dequantized values to `y`, the band's; 0: they are not wanted. */
  encode(codes: number, y: number): void;
  chunks(codes: number): Iterable<Chunk>;
}

/** undefined where the plain code decides. */
export type PrepareBand = (band: KernelBand, known: Knowledge) => PreparedBand | undefined;

/** Encodes by the WebAssembly kernels. */
export function groupKernel(kernels: Kernels, prepare: PrepareBand): BandKernel {
  return (band, known) => {
    const prepared = prepare(band, known);
    if (!prepared) return undefined;
    const codes = kernels.alloc(band.count);
    const omitsValues = mayOmit(kernels, band, prepared);
    prepared.encode(codes, omitsValues ? 0 : band.y);
    return { codes, omitsValues, chunks: () => prepared.chunks(codes) };
  };
}

/** Zero points that were refined are bounded by nothing, so that values under them are looked at. */
function mayOmit(kernels: Kernels, { codesOnly, x, count }: KernelBand, prepared: PreparedBand): boolean {
  const { code, magnitudes } = prepared;
  if (!codesOnly || (code.kind === 'integer' && code.isRefined)) return false;
  return magnitudes
    ? isUnchecked(kernels, magnitudes.pointer, magnitudes.count)
    : isUnchecked(kernels, x, count);
}

/**
 * GPUs may take subnormal numbers for 0 (WGSL 14.6.2 allows it). Up to these reciprocals that changes no code: the product of
 * a subnormal is then below 2^-11, which rounds to 0 as an integer and lies beside 0 in a codebook, and below half of
 * E5M2's smallest number, 2^-17. Bands with larger ones, which hold values below 2^-96 only, are left to the kernels.
 */
const largestInverses = { integer: 2 ** 115, level: 2 ** 105 } as const;
/** Below 2^-26 a product is lost in the sum with a zero point of a half and more, where alone it could decide. */
const largestRefinedInverse = 2 ** 100;

function largestInverse(code: ElementCode): number {
  return code.kind === 'integer' && code.isRefined ? largestRefinedInverse : largestInverses[code.kind];
}

/** The same with codes made by `encodeRows` over a matrix whose rows are the groups. */
export function groupGraphKernel(
  kernels: Kernels,
  prepare: PrepareBand,
  encodeRows: EncodeRows,
): GraphKernel {
  return async (band, known) => {
    const prepared = prepare(band, known);
    if (!prepared) return undefined;
    const { columns, step, byColumn, code } = prepared;
    const omitsValues = mayOmit(kernels, band, prepared);
    const codes = kernels.alloc(band.count);
    const chunks = () => prepared.chunks(codes);
    const matrix = asMatrix(kernels, band, prepared);
    const count = byColumn ? columns : step === 0 ? 1 : matrix.rows;
    const inverses = prepared.inverses();
    if (kernels.f32(inverses, count).some((inverse) => inverse > largestInverse(code))) {
      prepared.encode(codes, omitsValues ? 0 : band.y);
      return { codes, omitsValues, chunks };
    }
    const each = (pointer: number): number =>
      byColumn || step === 4
        ? pointer
        : placeFloats(kernels, new Float32Array(matrix.rows).fill(kernels.f32(pointer, 1)[0]!));
    const made = matrix.isBand ? codes : kernels.alloc(matrix.rows * matrix.columns);
    await encodeRows({
      x: matrix.x,
      codes: made,
      rows: matrix.rows,
      columns: matrix.columns,
      strideBytes: matrix.columns,
      inverses: each(inverses),
      zeros: each(code.kind === 'integer' ? code.zeros : inverses),
      low: code.kind === 'integer' ? code.low : 0,
      high: code.kind === 'integer' ? code.high : 0,
      ...(byColumn ? { byColumn } : {}),
      ...(code.kind === 'level' ? { level: code.name } : code.isRefined ? { isRefined: true } : {}),
    });
    if (!matrix.isBand)
      copyRows(kernels.u8(made, matrix.rows * matrix.columns), kernels.u8(codes, band.count), prepared);
    dequantize(kernels, band, prepared, codes, inverses, omitsValues);
    return { codes, omitsValues, chunks };
  };
}

interface GroupMatrix {
  readonly x: number;
  readonly rows: number;
  readonly columns: number;
  /** It is the band's own memory. */
  readonly isBand: boolean;
}

/** Groups as rows of a matrix; where the last group of a row is shorter, a copy with zeros behind it. */
function asMatrix(
  kernels: Kernels,
  { x, count }: KernelBand,
  { columns, width, byColumn }: PreparedBand,
): GroupMatrix {
  if (byColumn) return { x, rows: count / columns, columns, isBand: true };
  if (columns % width === 0) return { x, rows: count / width, columns: width, isBand: true };
  const padded = width * Math.ceil(columns / width);
  const rows = count / columns;
  const copy = kernels.alloc(4 * rows * padded);
  const values = kernels.f32(x, count);
  const target = kernels.f32(copy, rows * padded).fill(0);
  for (let row = 0; row < rows; row++)
    target.set(values.subarray(row * columns, (row + 1) * columns), row * padded);
  return { x: copy, rows: (rows * padded) / width, columns: width, isBand: false };
}

/** Codes of padded rows without what was put behind them. */
function copyRows(padded: Uint8Array, codes: Uint8Array, { columns, width }: PreparedBand): void {
  const stride = width * Math.ceil(columns / width);
  for (let row = 0; row < codes.length / columns; row++)
    codes.set(padded.subarray(row * stride, row * stride + columns), row * columns);
}

/** Levels by code; of floats also by sign, which a graph leaves out: it cannot tell -0 from 0. */
interface Levels {
  readonly values: Float32Array;
  /** Codes of the magnitudes in ascending order, where that is not their own. */
  readonly order?: readonly number[];
  readonly sign?: { readonly bit: number; readonly ofProduct: boolean };
}

const ofFormat = ({ values, sign }: Minifloat): Levels => ({ values, sign: { bit: sign, ofProduct: false } });
const levelsOf: Readonly<Record<LevelName, Levels>> = {
  nf4: { values: nf4Values },
  // Where the product is so small that it is 0, bitsandbytes' sign is that of 0.
  fp4: { values: fp4Values, order: fp4Codes, sign: { bit: 8, ofProduct: true } },
  e2m1: ofFormat(e2m1),
  e4m3: ofFormat(e4m3),
  e5m2: ofFormat(e5m2),
};

/** Completes codes by their signs, and gives the values that they stand for unless they are not wanted. */
function dequantize(
  kernels: Kernels,
  { x, y, count }: KernelBand,
  { columns, width, byColumn, step, scales, code }: PreparedBand,
  codesAt: number,
  inversesAt: number,
  omitsValues: boolean,
): void {
  const values = kernels.f32(y, count);
  const codes = kernels.u8(codesAt, count);
  const all = byColumn ? columns : step === 0 ? 1 : (count / columns) * Math.ceil(columns / width);
  const scale = kernels.f32(scales, all);
  if (code.kind === 'integer') {
    if (omitsValues) return;
    const zero = kernels.f32(code.zeros, all);
    forEachRun(count, columns, byColumn ? 1 : width, (start, end, run) => {
      const group = byColumn ? run % columns : step === 0 ? 0 : run;
      for (let i = start; i < end; i++)
        values[i] = Math.fround(Math.fround(codes[i]! - zero[group]!) * scale[group]!) * code.factor;
    });
    return;
  }
  const { values: levels, order, sign } = levelsOf[code.name];
  if (omitsValues && !order && !sign) return;
  const originals = kernels.f32(x, count);
  const patterns = kernels.u32(x, count);
  const inverses = kernels.f32(inversesAt, all);
  forEachRun(count, columns, width, (start, end, run) => {
    const group = step === 0 ? 0 : run;
    const inverse = inverses[group]!;
    for (let i = start; i < end; i++) {
      let own = order ? order[codes[i]!]! : codes[i]!;
      if (sign) {
        const isNegative = sign.ofProduct
          ? Math.fround(originals[i]! * inverse) < 0
          : patterns[i]! >>> 31 === 1;
        if (isNegative) own += sign.bit;
      }
      codes[i] = own;
      if (!omitsValues) values[i] = levels[own]! * scale[group]!;
    }
  });
}

/** Calls `each` for runs of `width` values of rows of `columns`; a row's last one may be shorter. */
function forEachRun(
  count: number,
  columns: number,
  width: number,
  each: (start: number, end: number, run: number) => void,
): void {
  let run = 0;
  for (let row = 0; row < count; row += columns)
    for (let at = row; at < row + columns; at += width) each(at, Math.min(at + width, row + columns), run++);
}
