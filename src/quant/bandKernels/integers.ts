/** Linear integers, ternary codes and bitsandbytes' INT8 by the kernels. */
import type { Kernels } from '../../kernels/kernels';
import { clipShrinks } from '../clipSearch';
import type { LinearCode } from '../linearCode';
import { floatBytes, packColumns } from '../packing';
import { remembering } from '../remembering';
import type { Chunk, Knowledge, Setting } from '../scheme';
import { groupWidth, sharedParametersOf, tablesOf } from '../schemes/linearInteger';
import { perStep, rowInverse, scbSuffix } from '../schemes/llmInt8';
import { ternaryScale, ternaryTensorScale } from '../schemes/ternary';
import {
  type BandKernel,
  type EncodeRows,
  type GraphKernel,
  groupMagnitudes,
  packedRows,
  placeDoubles,
  placeFloats,
  scaleBytes,
} from './bandKernel';

const scaleTypes = { F32: 0, BF16: 1, F16: 2 } as const;

/** Parameters of groups in the kernels' memory; `step` as in `encodeGroups`. */
interface Parameters {
  readonly scales: number;
  readonly inverses: number;
  readonly zeros: number;
  readonly step: 0 | 4;
}

/** What the kernels do before codes are made, and after. */
interface IntegerSteps {
  readonly width: number;
  /** undefined where the plain code decides. */
  parameters(x: number, rows: number, known: Knowledge): Parameters | undefined;
  chunks(codes: number, first: number, rows: number, parameters: Parameters): Iterable<Chunk>;
}

function integerSteps(kernels: Kernels, code: LinearCode, setting: Setting): IntegerSteps {
  const { columns, choice, scaleDtype } = setting;
  const { bits, symmetric } = code;
  const { granularity, clip } = choice;
  const { quant } = kernels;
  const width = groupWidth(setting);
  const groups = Math.ceil(columns / width);
  const common = sharedParametersOf(code, setting);
  const tables = remembering((known: Knowledge) => tablesOf(common(known)));
  const isShared = granularity === 'tensor' || granularity === 'column';
  const stride = 4 * Math.ceil((columns * bits) / 32);

  function shared(known: Knowledge): Parameters {
    const { scales, inverses, zeros } = tables(known);
    return {
      scales: placeFloats(kernels, scales),
      inverses: placeFloats(kernels, inverses),
      zeros: placeFloats(kernels, zeros),
      step: 0,
    };
  }

  function own(x: number, rows: number): Parameters | undefined {
    const count = rows * groups;
    const [minimum, maximum, scales, inverses, zeros] = Array.from({ length: 5 }, () =>
      kernels.alloc(4 * count),
    ) as [number, number, number, number, number];
    quant.groupRanges(x, rows, columns, width, minimum, maximum);
    const form = [bits, symmetric ? 1 : 0, scaleTypes[scaleDtype]] as const;
    const refused =
      clip === 'mse'
        ? quant.leastErrorScales(
            x,
            rows,
            columns,
            width,
            minimum,
            maximum,
            ...form,
            placeDoubles(kernels, clipShrinks),
            clipShrinks.length,
            scales,
            inverses,
            zeros,
          )
        : quant.integerScales(minimum, maximum, count, ...form, scales, inverses, zeros);
    if (refused >= 0) return undefined;
    return { scales, inverses, zeros, step: 4 };
  }

  function* chunks(
    codes: number,
    first: number,
    rows: number,
    { scales, zeros }: Parameters,
  ): Iterable<Chunk> {
    const row = first / columns;
    const packed = packedRows(kernels, codes, rows, columns, bits, stride);
    yield { suffix: '_packed', byteOffset: row * stride, bytes: packed };
    if (isShared) return;
    const scaleOffset = (scaleDtype === 'F32' ? 4 : 2) * row * groups;
    const stored = scaleBytes(kernels, scales, rows * groups, scaleDtype);
    yield { suffix: '_scale', byteOffset: scaleOffset, bytes: stored };
    if (symmetric) return;
    const packedZeros = packColumns(new Uint8Array(kernels.f32(zeros, rows * groups)), groups, bits);
    yield { suffix: '_zero_point', byteOffset: ((row * bits) / 32) * 4 * groups, bytes: packedZeros };
  }

  return {
    width,
    parameters: (x, rows, known) => (isShared ? shared(known) : own(x, rows)),
    chunks,
  };
}

/** See src/quant/schemes/linearInteger.ts; not for half-quadratic zero points, which are no integers. */
export function integerKernel(kernels: Kernels, code: LinearCode, setting: Setting): BandKernel {
  const { columns, choice } = setting;
  const { low, high } = code;
  const { quant } = kernels;
  const steps = integerSteps(kernels, code, setting);
  return ({ first, count, x, y }, known) => {
    const rows = count / columns;
    const parameters = steps.parameters(x, rows, known);
    if (!parameters) return undefined;
    const { scales, inverses, zeros, step } = parameters;
    const codes = kernels.alloc(count);
    if (choice.granularity === 'column')
      quant.encodeColumns(x, codes, y, rows, columns, scales, inverses, zeros, low, high);
    else
      quant.encodeGroups(
        x,
        codes,
        y,
        rows,
        columns,
        steps.width,
        scales,
        inverses,
        zeros,
        step,
        1,
        low,
        high,
      );
    return { codes, chunks: () => steps.chunks(codes, first, rows, parameters) };
  };
}

/**
 * The same with codes made elsewhere: a matrix whose rows are the groups, with an inverse and a zero point each. undefined
 * where groups are no such rows: for scales of columns, and where the last group of a row is shorter.
 */
export function integerGraphKernel(
  kernels: Kernels,
  code: LinearCode,
  setting: Setting,
  encode: EncodeRows,
): GraphKernel | undefined {
  const { columns, choice } = setting;
  const { low, high } = code;
  const steps = integerSteps(kernels, code, setting);
  const { width } = steps;
  if (choice.granularity === 'column' || columns % width !== 0) return undefined;
  return async ({ first, count, x, y }, known) => {
    const rows = count / columns;
    const parameters = steps.parameters(x, rows, known);
    if (!parameters) return undefined;
    const groups = count / width;
    const each = (pointer: number) =>
      parameters.step === 4
        ? pointer
        : placeFloats(kernels, new Float32Array(groups).fill(kernels.f32(pointer, 1)[0]!));
    const [scales, inverses, zeros] = [parameters.scales, parameters.inverses, parameters.zeros].map(
      each,
    ) as [number, number, number];
    const codes = kernels.alloc(count);
    await encode({ x, codes, rows: groups, columns: width, strideBytes: width, inverses, zeros, low, high });
    kernels.decodeCodes8(codes, y, groups, width, width, scales, zeros);
    return { codes, chunks: () => steps.chunks(codes, first, rows, parameters) };
  };
}

/** See src/quant/schemes/ternary.ts. */
export function ternaryKernel(kernels: Kernels, { columns, choice, scaleDtype }: Setting): BandKernel {
  const byRow = choice.granularity === 'row';
  const tensorScale = ternaryTensorScale(scaleDtype);
  const stride = Math.ceil(columns / 4);
  return ({ first, count, x, y }, known) => {
    const rows = count / columns;
    const codes = kernels.alloc(count);
    const sums = kernels.alloc(8 * rows);
    if (byRow) kernels.quant.rowMagnitudes(x, rows, columns, sums);
    const scales = byRow
      ? Array.from(kernels.f64(sums, rows), (sum) => ternaryScale(sum, columns, scaleDtype))
      : [tensorScale(known)];
    const scale = scales.map((one) => one.scale);
    const step = byRow ? 4 : 0;
    const scalesAt = placeFloats(kernels, scale);
    const inverses = placeFloats(
      kernels,
      scales.map(({ inverse }) => inverse),
    );
    const zeros = placeFloats(kernels, new Float32Array(scales.length).fill(1));
    kernels.quant.encodeGroups(x, codes, y, rows, columns, columns, scalesAt, inverses, zeros, step, 1, 0, 2);
    return {
      codes,
      chunks: () => {
        const row = first / columns;
        const bytes = packedRows(kernels, codes, rows, columns, 2, stride);
        const packed = { suffix: '_packed', byteOffset: row * stride, bytes };
        if (!byRow) return [packed];
        const byteOffset = row * (scaleDtype === 'F32' ? 4 : 2);
        return [packed, { suffix: '_scale', byteOffset, bytes: floatBytes(scale, scaleDtype) }];
      },
    };
  };
}

/** See src/quant/schemes/llmInt8.ts, without outlier columns. */
export function bnbInt8Kernel(kernels: Kernels, { columns }: Setting): BandKernel {
  return ({ first, count, x, y }) => {
    const rows = count / columns;
    const { pointer } = groupMagnitudes(kernels, x, rows, columns, columns);
    const inverses = placeFloats(kernels, Array.from(kernels.f32(pointer, rows), rowInverse));
    const zeros = placeFloats(kernels, new Float32Array(rows).fill(128));
    const codes = kernels.alloc(count);
    kernels.quant.encodeGroups(
      x,
      codes,
      y,
      rows,
      columns,
      columns,
      pointer,
      inverses,
      zeros,
      4,
      perStep,
      0,
      255,
    );
    return {
      codes,
      chunks: () => {
        const signed = kernels.alloc(count);
        kernels.u8(signed, count).set(kernels.u8(codes, count));
        kernels.packed.flipBits(signed, count, 0x80);
        return [
          { suffix: '', byteOffset: first, bytes: kernels.u8(signed, count) },
          { suffix: scbSuffix, byteOffset: (4 * first) / columns, bytes: kernels.u8(pointer, 4 * rows) },
        ];
      },
    };
  };
}
