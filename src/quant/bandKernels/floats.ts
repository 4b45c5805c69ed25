/** 8-bit floats, microscaling formats and casts by the kernels; see the schemes of the same names. */
import type { Kernels } from '../../kernels/kernels';
import { e2m1, e4m3, e5m2, type Minifloat } from '../../numeric/minifloats';
import { floatBytes } from '../packing';
import type { Chunk, Setting } from '../scheme';
import { tensorScaleOf, unscaled } from '../schemes/float8';
import { sharedExponent } from '../schemes/microscaling';
import { tensorDivisor } from '../schemes/nvfp4';
import { type StoredScale, storedScale } from '../storedScale';
import {
  type BandKernel,
  groupMagnitudes,
  isUnchecked,
  largestHalf,
  largestUnchecked,
  packedRows,
  placeFloats,
} from './bandKernel';
import type { PrepareBand } from './groupKernel';

interface Target {
  readonly x: number;
  readonly y: number;
  readonly rows: number;
  readonly columns: number;
  readonly width: number;
}

/** Scales in the kernels' memory; `step` as in `encodeSmallFloats`. */
interface Scales {
  readonly scales: number;
  readonly inverses: number;
  readonly step: 0 | 4;
}

function placeScales(kernels: Kernels, all: readonly StoredScale[], step: 0 | 4): Scales {
  const [scales, inverses] = (['scale', 'inverse'] as const).map((name) =>
    placeFloats(
      kernels,
      all.map((one) => one[name]),
    ),
  ) as [number, number];
  return { scales, inverses, step };
}

/** Encodes groups by given scales. */
function encodeSmall(
  kernels: Kernels,
  format: Minifloat,
  { x, y, rows, columns, width }: Target,
  { scales, inverses, step }: Scales,
  codes: number,
): void {
  kernels.quant.encodeSmallFloats(
    x,
    codes,
    y,
    rows,
    columns,
    width,
    scales,
    inverses,
    step,
    format.fractionBits,
    format.smallestExponent,
    format.values[format.largestCode]!,
    format.sign,
  );
}

/** Bands with values that may be beyond the largest number are left to the plain code where they do not saturate. */
export function prepareFloat8(
  kernels: Kernels,
  { columns, choice, scaleDtype }: Setting,
  name: 'f8-e4m3' | 'f8-e5m2',
): PrepareBand {
  const format = name === 'f8-e4m3' ? e4m3 : e5m2;
  const largest = format.values[format.largestCode]!;
  const tensorScale = tensorScaleOf(format, scaleDtype);
  const byRow = choice.granularity === 'row';
  return ({ first, count, x }, known) => {
    const rows = byRow ? count / columns : 1;
    const width = count / rows;
    const magnitudes = byRow ? groupMagnitudes(kernels, x, rows, width, width).pointer : 0;
    const scales = byRow
      ? Array.from(kernels.f32(magnitudes, rows), (absmax) => storedScale(absmax, largest, scaleDtype))
      : [choice.granularity === 'tensor' ? tensorScale(known) : unscaled];
    if (choice.overflow === 'nan') {
      const { pointer } = byRow
        ? { pointer: magnitudes }
        : groupMagnitudes(kernels, x, 1, count, Math.max(1, count));
      const most = kernels.f32(pointer, rows);
      if (scales.some(({ inverse }, row) => !(Math.fround(most[row]! * inverse) <= largest)))
        return undefined;
    }
    const scale = scales.map((one) => one.scale);
    const placed = placeScales(kernels, scales, byRow ? 4 : 0);
    return {
      ...{ columns: width, width, scales: placed.scales, step: placed.step, inverses: () => placed.inverses },
      code: { kind: 'level', name: name === 'f8-e4m3' ? 'e4m3' : 'e5m2' },
      ...(byRow ? { magnitudes: { pointer: magnitudes, count: rows } } : {}),
      encode: (codes, y) =>
        encodeSmall(kernels, format, { x, y, rows, columns: width, width }, placed, codes),
      chunks: (codes) => {
        const weight = { suffix: '', byteOffset: first, bytes: kernels.u8(codes, count) };
        if (!byRow) return [weight];
        const byteOffset = (first / columns) * (scaleDtype === 'F32' ? 4 : 2);
        return [weight, { suffix: '_scale', byteOffset, bytes: floatBytes(scale, scaleDtype) }];
      },
    };
  };
}

/** Scales of blocks, and where their codes lie. */
interface BlockScales extends Scales {
  readonly codes: number;
}

/** 2^(code - 127) and its reciprocal, both exact in float32. */
const powers = Float32Array.from({ length: 255 }, (_, code) => 2 ** (code - 127));

function powersOfTwo(kernels: Kernels, absmax: number, count: number, elementExponent: number): BlockScales {
  const pointers = {
    codes: kernels.alloc(count),
    scales: kernels.alloc(4 * count),
    inverses: kernels.alloc(4 * count),
  };
  const codes = kernels.u8(pointers.codes, count);
  const scales = kernels.f32(pointers.scales, count);
  const inverses = kernels.f32(pointers.inverses, count);
  const patterns = kernels.u32(absmax, count);
  const values = kernels.f32(absmax, count);
  for (let i = 0; i < count; i++) {
    // A normal number's pattern holds its exponent; the formula's limits matter for what is smaller.
    const usual = (patterns[i]! >>> 23) - elementExponent;
    const code = usual > 0 ? usual : sharedExponent(values[i]!, elementExponent);
    codes[i] = code;
    scales[i] = powers[code]!;
    inverses[i] = powers[254 - code]!;
  }
  return { ...pointers, step: 4 };
}

/** `blockScale` of many blocks. */
function dividedScales(kernels: Kernels, absmax: number, count: number, divisor: number): BlockScales {
  const [x, y, scales, inverses] = Array.from({ length: 4 }, () => kernels.alloc(4 * count)) as [
    number,
    number,
    number,
    number,
  ];
  kernels.quant.nvfpScales(absmax, count, divisor, x);
  const target = { x, y, rows: 1, columns: count, width: count };
  const codes = kernels.alloc(count);
  encodeSmall(kernels, e4m3, target, placeScales(kernels, [unscaled], 0), codes);
  kernels.quant.dividedScales(y, count, divisor, scales, inverses);
  return { codes, scales, inverses, step: 4 };
}

const microscaled = {
  mxfp4: { format: e2m1, width: 32, elementExponent: 2 },
  mxfp8: { format: e4m3, width: 32, elementExponent: 8 },
  nvfp4: { format: e2m1, width: 16, elementExponent: 0 },
} as const;

/** See src/quant/schemes/microscaling.ts and nvfp4.ts; groups are blocks of a row. */
export function prepareMicroscaling(
  kernels: Kernels,
  { columns }: Setting,
  name: keyof typeof microscaled,
): PrepareBand {
  const { format, width, elementExponent } = microscaled[name];
  const groups = Math.ceil(columns / width);
  const divisorOf = tensorDivisor();
  const isByte = name === 'mxfp8';
  const stride = isByte ? columns : Math.ceil(columns / 2);
  return ({ first, count: elements, x }, known) => {
    const rows = elements / columns;
    const { pointer } = groupMagnitudes(kernels, x, rows, columns, width);
    const count = rows * groups;
    const blocks =
      name === 'nvfp4'
        ? dividedScales(kernels, pointer, count, divisorOf(known))
        : powersOfTwo(kernels, pointer, count, elementExponent);
    const target = { x, rows, columns, width };
    return {
      ...{ columns, width, scales: blocks.scales, step: blocks.step },
      code: { kind: 'level', name: isByte ? 'e4m3' : 'e2m1' },
      magnitudes: { pointer, count },
      inverses: () => {
        // A block of zeros has the code of 0 whatever it is multiplied by.
        const inverses = kernels.f32(blocks.inverses, count).slice();
        for (const [block, largest] of kernels.f32(pointer, count).entries())
          if (largest === 0) inverses[block] = 0;
        return placeFloats(kernels, inverses);
      },
      encode: (codes, y) => encodeSmall(kernels, format, { ...target, y }, blocks, codes),
      chunks: (codes): Chunk[] => {
        const row = first / columns;
        const bytes = packedRows(kernels, codes, rows, columns, isByte ? 8 : 4, stride);
        return [
          { suffix: isByte ? '' : '_packed', byteOffset: row * stride, bytes },
          { suffix: '_scale', byteOffset: row * groups, bytes: kernels.u8(blocks.codes, count) },
        ];
      },
    };
  };
}

/** F16 and BF16. */
export function castKernel(kernels: Kernels, name: 'f16' | 'bf16'): BandKernel {
  const largest = name === 'bf16' ? largestUnchecked : largestHalf;
  return ({ first, count, x, y, codesOnly }) => {
    const words = kernels.alloc(2 * count);
    const omitsValues = codesOnly === true && isUnchecked(kernels, x, count, largest);
    const values = omitsValues ? 0 : y;
    if (name === 'bf16') kernels.quant.castBF16(x, words, values, count);
    else kernels.quant.castF16(x, words, values, count);
    return {
      omitsValues,
      chunks: () => [{ suffix: '', byteOffset: 2 * first, bytes: kernels.u8(words, 2 * count) }],
    };
  };
}
