/**
 * 8-bit weights beside their scales: compressed-tensors' int-quantized, float-quantized, naive-quantized and
 * mxfp8-quantized (X.weight_scale), FP8 with block scales as DeepSeek writes it (X.weight_scale_inv), ModelOpt's FP8, and
 * bitsandbytes' 8-bit layout (X.SCB). The weight keeps its name and shape; w = code * scale, or (code - zero point) *
 * scale, both in float32 here while loaders may compute in half precision. weight_scale_inv is multiplied with too,
 * whatever its name says (DeepSeek-V3, inference/kernel.py weight_dequant).
 */
import type { TensorInfo, TensorSpan } from '../checkpoint';
import { asRecord } from '../jsonSidecar';
import type { PackedWeight } from '../packedWeight';
import { type Folding, product, toSpan } from './folding';

const floatTypes = new Set(['F8_E4M3', 'F8_E5M2', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ']);
const scaleTypes = new Set(['F32', 'F16', 'BF16', 'U8', 'F8_E8M0']);
/** As DeepSeek and transformers have it unless config.json says otherwise. */
const usualBlock = 128;
const mxfp8Group = 32;
/** What bitsandbytes multiplies with in place of dividing by 127: the nearest float32 (transformers, bitsandbytes.py). */
const perStep = Math.fround(1 / 127);

/** Folds X.weight with X.weight_scale or X.weight_scale_inv. A scale that does not divide the weight is warned of. */
export function foldScaledEight(folding: Folding): void {
  const format = folding.quantization?.format;
  for (const suffix of ['.weight_scale', '.weight_scale_inv'] as const) {
    for (const { tensor: scale, prefix } of folding.ending(suffix)) {
      const weight = folding.find(`${prefix}.weight`);
      const isFloat = weight !== undefined && floatTypes.has(weight.dtype);
      if (!weight || !(isFloat || weight.dtype === 'I8') || !scaleTypes.has(scale.dtype)) continue;
      if (!divides(scale.shape, weight.shape)) {
        folding.warn(
          weight,
          `scales of shape [${scale.shape.join(', ')}] do not fit a weight of [${weight.shape.join(', ')}]`,
        );
        continue;
      }
      const zeroPoint = folding.find(`${prefix}.weight_zero_point`);
      const order = folding.find(`${prefix}.weight_g_idx`);
      const layout = nameOf(suffix, isFloat, scale, format);
      folding.fold({
        name: weight.name,
        dtype: isFloat ? weight.dtype : 'INT8',
        shape: weight.shape,
        layout,
        bits: 8,
        parts: [
          ['codes', weight],
          ['scales', scale],
          ['zero points', zeroPoint],
          ['column order', order],
          ['input scale', folding.find(`${prefix}.input_scale`)],
        ],
        values: valuesOf({ weight, scale, zeroPoint, order }, configuredBlocks(folding)),
      });
    }
  }
}

function nameOf(suffix: string, isFloat: boolean, scale: TensorInfo, format: unknown): string {
  if (suffix === '.weight_scale_inv') return 'FP8 with block scales';
  if (isFloat && (scale.dtype === 'U8' || scale.dtype === 'F8_E8M0')) return 'MXFP8';
  const known = ['int-quantized', 'float-quantized', 'naive-quantized'].find((name) => name === format);
  return known ?? (isFloat ? 'FP8 with scales' : 'INT8 with scales');
}

/** One scale, or one for each row, group of a row, or block: every dimension of the scale covers a share of the weight. */
function divides(scale: readonly number[], weight: readonly number[]): boolean {
  if (scale.every((size) => size === 1)) return true;
  // A scale of one dimension is one for each row.
  const full = scale.length === 1 ? [...scale, ...weight.slice(1).map(() => 1)] : scale;
  return (
    full.length === weight.length && full.every((size, i) => size >= 1 && size <= Math.max(1, weight[i]!))
  );
}

interface Pieces {
  readonly weight: TensorInfo;
  readonly scale: TensorInfo;
  readonly zeroPoint: TensorInfo | undefined;
  readonly order: TensorInfo | undefined;
}

/** How the codes are read, or why the scales' grid cannot be told. */
function valuesOf(
  { weight, scale, zeroPoint, order }: Pieces,
  blocks: readonly Block[],
): PackedWeight<TensorSpan> | string {
  const isFloat = weight.dtype !== 'I8';
  const isMx = scale.dtype === 'U8' || scale.dtype === 'F8_E8M0';
  const width = weight.shape.at(-1) ?? 1;
  const matrixLines = weight.shape.at(-2) ?? 1;
  const lines = product(weight.shape.slice(0, -1));
  const grid = gridOf(weight.shape, scale.shape, isMx ? [[1, mxfp8Group], ...blocks] : blocks);
  if (!grid) return `it cannot be told which values the scales of shape [${scale.shape.join(', ')}] serve`;
  if (zeroPoint && (isFloat || zeroPoint.dtype !== 'I8' || zeroPoint.shape.join() !== scale.shape.join()))
    return 'its zero points do not fit its scales';
  if (isFloat && order) return 'it has a column order, which FP8 weights do not have';
  return {
    codes: toSpan(weight),
    bits: 8,
    lines,
    width,
    order: { kind: 'dense', strideBytes: width },
    meaning: isFloat
      ? { kind: 'table', dtype: weight.dtype }
      : {
          kind: 'integer',
          signed: true,
          zeroPoints: zeroPoint
            ? { kind: 'plain', span: toSpan(zeroPoint), dtype: zeroPoint.dtype, offset: 0 }
            : { kind: 'constant', value: 0 },
        },
    scales: {
      span: toSpan(scale),
      dtype: isMx ? 'F8_E8M0' : scale.dtype,
      ...grid,
      matrixLines: Math.max(1, grid.linesEach === lines ? lines : matrixLines),
    },
    ...(order ? { columnGroups: toSpan(order) } : {}),
  };
}

/** Rows and columns of the blocks that scales serve. */
type Block = readonly [rows: number, columns: number];

/** Blocks that config.json names, the usual ones last. */
function configuredBlocks({ quantization }: Folding): Block[] {
  const named: unknown[] = [quantization?.weight_block_size];
  for (const group of Object.values(asRecord(quantization?.config_groups) ?? {}))
    named.push(asRecord(asRecord(group)?.weights)?.block_structure);
  const isSize = (size: unknown) => typeof size === 'number' && Number.isInteger(size) && size >= 1;
  const blocks = named.filter(
    (each): each is [number, number] => Array.isArray(each) && each.length === 2 && each.every(isSize),
  );
  return [...blocks, [usualBlock, usualBlock]];
}

/**
 * The grid that scales make on a weight: one for all, one a row, runs of a row, or blocks of the last two dimensions.
 * Sizes that say it by themselves come first, then the blocks given, then equal shares.
 */
function gridOf(
  weight: readonly number[],
  scale: readonly number[],
  blocks: readonly Block[],
): Pick<PackedWeight<TensorSpan>['scales'], 'groups' | 'widthEach' | 'linesEach'> | undefined {
  const width = weight.at(-1) ?? 1;
  const height = weight.at(-2) ?? 1;
  const lines = product(weight.slice(0, -1));
  if (product(scale) === 1)
    return { groups: 1, widthEach: Math.max(1, width), linesEach: Math.max(1, lines) };
  // A scale of one dimension is one for each first index.
  const full = scale.length === 1 ? [...scale, ...weight.slice(1).map(() => 1)] : scale;
  const outerFits = full.slice(0, -2).every((size, i) => size === weight[i]);
  if (full.length !== weight.length || weight.length < 2 || !outerFits) return undefined;
  const share = (size: number, count: number, index: 0 | 1): number | undefined => {
    if (count === size) return 1;
    if (count === 1) return size;
    return (
      blocks.map((block) => block[index]).find((each) => Math.ceil(size / each) === count) ??
      (size % count === 0 ? size / count : undefined)
    );
  };
  const linesEach = share(height, full.at(-2)!, 0);
  const widthEach = share(width, full.at(-1)!, 1);
  return linesEach === undefined || widthEach === undefined
    ? undefined
    : { groups: full.at(-1)!, widthEach, linesEach };
}

/** bitsandbytes: X.weight I8 [N, K] and X.SCB F32 [N]; w = (q * SCB[row]) * (1 / 127), rounded three times. */
export function foldBitsandbytes8(folding: Folding): void {
  for (const { tensor: scale, prefix } of folding.ending('.SCB')) {
    const weight = folding.find(`${prefix}.weight`);
    if (weight?.dtype !== 'I8') {
      folding.warn(scale, 'there is no I8 weight beside it');
      continue;
    }
    const values = valuesOf({ weight, scale, zeroPoint: undefined, order: undefined }, []);
    if (weight.shape.length !== 2 || scale.dtype !== 'F32' || scale.shape.join() !== `${weight.shape[0]}`) {
      folding.warn(weight, `its SCB should be F32 [${weight.shape[0] ?? ''}]`);
      continue;
    }
    folding.fold({
      name: weight.name,
      dtype: 'INT8',
      shape: weight.shape,
      layout: 'bitsandbytes INT8',
      bits: 8,
      parts: [
        ['codes', weight],
        ['scales', scale],
        ['format', folding.find(`${prefix}.weight_format`)],
      ],
      values: typeof values === 'string' ? values : { ...values, factor: perStep },
    });
  }
}
