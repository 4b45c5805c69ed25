/** 8-bit floats, microscaling formats and casts by the kernels; see the schemes of the same names. */
import type { Kernels } from '../../kernels/kernels';
import { e2m1, e4m3, e5m2, type Minifloat } from '../../numeric/minifloats';
import { floatBytes } from '../packing';
import type { Chunk, Setting } from '../scheme';
import { tensorScaleOf, unscaled } from '../schemes/float8';
import { sharedExponent } from '../schemes/mxfp4';
import { blockScale, tensorDivisor } from '../schemes/nvfp4';
import { storedScale } from '../storedScale';
import { type BandKernel, groupMagnitudes, packedRows, placeFloats } from './bandKernel';

interface Target {
  readonly x: number;
  readonly y: number;
  readonly rows: number;
  readonly columns: number;
  readonly width: number;
}

/** Encodes groups by given scales, or all by one; returns where the codes lie. */
function encodeSmall(
  kernels: Kernels,
  format: Minifloat,
  { x, y, rows, columns, width }: Target,
  scales: ArrayLike<number>,
  inverses: ArrayLike<number>,
): number {
  const codes = kernels.alloc(rows * columns);
  kernels.quant.encodeSmallFloats(
    x,
    codes,
    y,
    rows,
    columns,
    width,
    placeFloats(kernels, scales),
    placeFloats(kernels, inverses),
    scales.length === 1 ? 0 : 4,
    format.fractionBits,
    format.smallestExponent,
    format.values[format.largestCode]!,
    format.sign,
  );
  return codes;
}

/** For values that saturate. */
export function float8Kernel(
  kernels: Kernels,
  { columns, choice, scaleDtype }: Setting,
  name: 'f8-e4m3' | 'f8-e5m2',
): BandKernel {
  const format = name === 'f8-e4m3' ? e4m3 : e5m2;
  const largest = format.values[format.largestCode]!;
  const tensorScale = tensorScaleOf(format, scaleDtype);
  const byRow = choice.granularity === 'row';
  return ({ first, count, x, y }, known) => {
    const rows = byRow ? count / columns : 1;
    const width = count / rows;
    const magnitudes = byRow ? groupMagnitudes(kernels, x, rows, width, width).pointer : 0;
    const scales = byRow
      ? Array.from(kernels.f32(magnitudes, rows), (absmax) => storedScale(absmax, largest, scaleDtype))
      : [choice.granularity === 'tensor' ? tensorScale(known) : unscaled];
    const scale = scales.map((one) => one.scale);
    const codes = encodeSmall(
      kernels,
      format,
      { x, y, rows, columns: width, width },
      scale,
      scales.map(({ inverse }) => inverse),
    );
    return {
      codes,
      chunks: () => {
        const weight = { suffix: '', byteOffset: first, bytes: kernels.u8(codes, count) };
        if (!byRow) return [weight];
        const byteOffset = (first / columns) * (scaleDtype === 'F32' ? 4 : 2);
        return [weight, { suffix: '_scale', byteOffset, bytes: floatBytes(scale, scaleDtype) }];
      },
    };
  };
}

/** Scale codes of blocks and what they mean. */
interface BlockScales {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  readonly inverses: Float32Array;
}

/** 2^(code - 127) and its reciprocal, both exact in float32. */
const powers = Float32Array.from({ length: 255 }, (_, code) => 2 ** (code - 127));

function powersOfTwo(absmax: Float32Array, elementExponent: number): BlockScales {
  const codes = new Uint8Array(absmax.length);
  const scales = new Float32Array(absmax.length);
  const inverses = new Float32Array(absmax.length);
  for (let i = 0; i < absmax.length; i++) {
    const code = sharedExponent(absmax[i]!, elementExponent);
    codes[i] = code;
    scales[i] = powers[code]!;
    inverses[i] = powers[254 - code]!;
  }
  return { codes, scales, inverses };
}

function dividedScales(absmax: Float32Array, divisor: number): BlockScales {
  const codes = new Uint8Array(absmax.length);
  const scales = new Float32Array(absmax.length);
  const inverses = new Float32Array(absmax.length);
  for (let i = 0; i < absmax.length; i++) {
    const { code, scale, inverse } = blockScale(absmax[i]!, divisor);
    codes[i] = code;
    scales[i] = scale;
    inverses[i] = inverse;
  }
  return { codes, scales, inverses };
}

const microscaled = {
  mxfp4: { format: e2m1, width: 32, elementExponent: 2 },
  mxfp8: { format: e4m3, width: 32, elementExponent: 8 },
  nvfp4: { format: e2m1, width: 16, elementExponent: 0 },
} as const;

export function microscalingKernel(
  kernels: Kernels,
  { columns }: Setting,
  name: keyof typeof microscaled,
): BandKernel {
  const { format, width, elementExponent } = microscaled[name];
  const groups = Math.ceil(columns / width);
  const divisorOf = tensorDivisor();
  const isByte = name === 'mxfp8';
  const stride = isByte ? columns : Math.ceil(columns / 2);
  return ({ first, count, x, y }, known) => {
    const rows = count / columns;
    const { pointer } = groupMagnitudes(kernels, x, rows, columns, width);
    const absmax = kernels.f32(pointer, rows * groups);
    const blocks =
      name === 'nvfp4' ? dividedScales(absmax, divisorOf(known)) : powersOfTwo(absmax, elementExponent);
    const target = { x, y, rows, columns, width };
    const codes = encodeSmall(kernels, format, target, blocks.scales, blocks.inverses);
    const chunks = (): Chunk[] => {
      const row = first / columns;
      const bytes = packedRows(kernels, codes, rows, columns, isByte ? 8 : 4, stride);
      return [
        { suffix: isByte ? '' : '_packed', byteOffset: row * stride, bytes },
        { suffix: '_scale', byteOffset: row * groups, bytes: blocks.codes },
      ];
    };
    return { codes, chunks };
  };
}

/** F16 and BF16. */
export function castKernel(kernels: Kernels, name: 'f16' | 'bf16'): BandKernel {
  return ({ first, count, x, y }) => {
    const words = kernels.alloc(2 * count);
    if (name === 'bf16') kernels.quant.castBF16(x, words, y, count);
    else kernels.quant.castF16(x, words, y, count);
    return { chunks: () => [{ suffix: '', byteOffset: 2 * first, bytes: kernels.u8(words, 2 * count) }] };
  };
}
