/** Linear integers, ternary codes and bitsandbytes' INT8 by the kernels. */
import type { Kernels } from '../../kernels/kernels';
import { roundToDtype } from '../../numeric/floats';
import { clipShrinks } from '../clipSearch';
import type { LinearCode } from '../linearCode';
import { floatBytes, packColumns } from '../packing';
import { remembering } from '../remembering';
import type { Chunk, Knowledge, Setting } from '../scheme';
import { groupWidth, sharedParametersOf, tablesOf } from '../schemes/linearInteger';
import { perStep, rowInverse, scbSuffix } from '../schemes/llmInt8';
import { ternaryScale, ternaryTensorScale } from '../schemes/ternary';
import { groupMagnitudes, packedRows, placeDoubles, placeFloats, scaleBytes } from './bandKernel';
import type { PrepareBand } from './groupKernel';

/** What the kernels call the types of scales. */
export const scaleTypes = { F32: 0, BF16: 1, F16: 2 } as const;

/** Parameters of groups in the kernels' memory; `step` as in `encodeGroups`. */
interface Parameters {
  /** Where the largest magnitudes of symmetric groups lie; 0 where that is not known. */
  readonly magnitudes: number;
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
  const isRefined = clip === 'hqq';
  const isShared = granularity === 'tensor' || granularity === 'column';
  const stride = 4 * Math.ceil((columns * bits) / 32);

  function shared(known: Knowledge): Parameters {
    const { scales, inverses, zeros } = tables(known);
    return {
      magnitudes: 0,
      scales: placeFloats(kernels, scales),
      inverses: placeFloats(kernels, inverses),
      zeros: placeFloats(kernels, zeros),
      step: 0,
    };
  }

  function own(x: number, rows: number): Parameters | undefined {
    const count = rows * groups;
    const bytes = 4 * count;
    const lowest = kernels.alloc(bytes);
    // Symmetric codes look at magnitudes alone.
    const highest = symmetric ? lowest : kernels.alloc(bytes);
    const scales = kernels.alloc(bytes);
    const inverses = kernels.alloc(bytes);
    const zeros = kernels.alloc(bytes);
    if (symmetric) quant.groupMagnitudes(x, rows, columns, width, lowest);
    else quant.groupRanges(x, rows, columns, width, lowest, highest);
    const side = symmetric ? 1 : 0;
    const type = scaleTypes[scaleDtype];
    const refused =
      clip === 'mse'
        ? quant.leastErrorScales(
            x,
            rows,
            columns,
            width,
            lowest,
            highest,
            bits,
            side,
            type,
            placeDoubles(kernels, clipShrinks),
            clipShrinks.length,
            scales,
            inverses,
            zeros,
          )
        : quant.integerScales(lowest, highest, count, bits, side, type, scales, inverses, zeros);
    if (refused >= 0) return undefined;
    if (isRefined) {
      quant.refineZeros(x, rows, columns, width, (1 << bits) - 1, scales, inverses, zeros);
      const values = kernels.f32(zeros, count);
      for (let i = 0; i < count; i++) values[i] = roundToDtype(values[i]!, scaleDtype);
    }
    return { magnitudes: symmetric ? lowest : 0, scales, inverses, zeros, step: 4 };
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
    if (isRefined) {
      const bytes = scaleBytes(kernels, zeros, rows * groups, scaleDtype);
      yield { suffix: '_zero', byteOffset: scaleOffset, bytes };
      return;
    }
    const packedZeros = packColumns(new Uint8Array(kernels.f32(zeros, rows * groups)), groups, bits);
    yield { suffix: '_zero_point', byteOffset: ((row * bits) / 32) * 4 * groups, bytes: packedZeros };
  }

  return {
    width,
    parameters: (x, rows, known) => (isShared ? shared(known) : own(x, rows)),
    chunks,
  };
}

/** See src/quant/schemes/linearInteger.ts. */
export function prepareInteger(kernels: Kernels, code: LinearCode, setting: Setting): PrepareBand {
  const { columns, choice } = setting;
  const { low, high } = code;
  const { quant } = kernels;
  const steps = integerSteps(kernels, code, setting);
  const { width } = steps;
  const byColumn = choice.granularity === 'column';
  const isEven = width % 16 === 0 && columns % width === 0;
  return ({ first, count, x }, known) => {
    const rows = count / columns;
    const parameters = steps.parameters(x, rows, known);
    if (!parameters) return undefined;
    const { magnitudes, scales, inverses, zeros, step } = parameters;
    return {
      columns,
      width,
      scales,
      step,
      byColumn,
      ...(magnitudes === 0
        ? {}
        : { magnitudes: { pointer: magnitudes, count: rows * Math.ceil(columns / width) } }),
      inverses: () => inverses,
      code: { kind: 'integer', low, high, zeros, factor: 1, isRefined: choice.clip === 'hqq' },
      encode(codes, y) {
        if (choice.clip === 'hqq')
          quant.encodeRefined(x, codes, y, rows, columns, width, scales, inverses, zeros, high);
        else if (byColumn)
          quant.encodeColumns(x, codes, y, rows, columns, scales, inverses, zeros, low, high);
        else if (isEven && magnitudes !== 0)
          quant.encodeSymmetric(x, codes, y, count, width, magnitudes, scales, inverses, zeros, low, high);
        else
          quant.encodeGroups(
            ...([x, codes, y, rows, columns, width, scales, inverses, zeros, step, 1, low, high] as const),
          );
      },
      chunks: (codes) => steps.chunks(codes, first, rows, parameters),
    };
  };
}

/** See src/quant/schemes/ternary.ts. */
export function prepareTernary(kernels: Kernels, { columns, choice, scaleDtype }: Setting): PrepareBand {
  const byRow = choice.granularity === 'row';
  const tensorScale = ternaryTensorScale(scaleDtype);
  const stride = Math.ceil(columns / 4);
  return ({ first, count, x }, known) => {
    const rows = count / columns;
    const sums = kernels.alloc(8 * rows);
    if (byRow) kernels.quant.rowMagnitudes(x, rows, columns, sums);
    const own = byRow
      ? Array.from(kernels.f64(sums, rows), (sum) => ternaryScale(sum, columns, scaleDtype))
      : [tensorScale(known)];
    const scale = own.map((one) => one.scale);
    const step = byRow ? 4 : 0;
    const scales = placeFloats(kernels, scale);
    const inverses = placeFloats(
      kernels,
      own.map(({ inverse }) => inverse),
    );
    const zeros = placeFloats(kernels, new Float32Array(own.length).fill(1));
    return {
      ...{ columns, width: columns, scales, step, inverses: () => inverses },
      code: { kind: 'integer', low: 0, high: 2, zeros, factor: 1 },
      encode: (codes, y) =>
        kernels.quant.encodeGroups(
          ...([x, codes, y, rows, columns, columns, scales, inverses, zeros, step, 1, 0, 2] as const),
        ),
      chunks: (codes) => {
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
export function prepareBnbInt8(kernels: Kernels, { columns }: Setting): PrepareBand {
  return ({ first, count, x }) => {
    const rows = count / columns;
    const { pointer: scales, groups } = groupMagnitudes(kernels, x, rows, columns, columns);
    const inverses = placeFloats(kernels, Array.from(kernels.f32(scales, rows), rowInverse));
    const zeros = placeFloats(kernels, new Float32Array(rows).fill(128));
    return {
      ...{ columns, width: columns, scales, step: 4, inverses: () => inverses },
      magnitudes: { pointer: scales, count: groups },
      code: { kind: 'integer', low: 0, high: 255, zeros, factor: perStep },
      encode: (codes, y) =>
        kernels.quant.encodeGroups(
          ...([x, codes, y, rows, columns, columns, scales, inverses, zeros, 4, perStep, 0, 255] as const),
        ),
      chunks: (codes) => {
        const signed = kernels.alloc(count);
        kernels.u8(signed, count).set(kernels.u8(codes, count));
        kernels.packed.flipBits(signed, count, 0x80);
        return [
          { suffix: '', byteOffset: first, bytes: kernels.u8(signed, count) },
          { suffix: scbSuffix, byteOffset: (4 * first) / columns, bytes: kernels.u8(scales, 4 * rows) },
        ];
      },
    };
  };
}
