/**
 * 8-bit weights beside their scales: compressed-tensors' int-quantized, float-quantized, naive-quantized and
 * mxfp8-quantized (X.weight_scale), FP8 with block scales as DeepSeek writes it (X.weight_scale_inv), ModelOpt's FP8, and
 * bitsandbytes' 8-bit layout (X.SCB). The weight keeps its name and shape. I8 with a scale a row or a tensor is decoded.
 */
import type { PackedCodes, TensorInfo } from '../checkpoint';
import { type Folding, toSpan } from './folding';

const floatTypes = new Set(['F8_E4M3', 'F8_E5M2', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ']);
const scaleTypes = new Set(['F32', 'F16', 'BF16', 'U8', 'F8_E8M0']);
const decodedScaleTypes = new Set(['F32', 'F16', 'BF16']);

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
      const codes = isFloat || zeroPoint || order ? undefined : plainCodes(weight, scale);
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
        ...(codes ? { codes } : {}),
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

/** What the engine needs for signed bytes with a scale a row or a tensor. */
function plainCodes(weight: TensorInfo, scale: TensorInfo): PackedCodes | undefined {
  const [rows] = weight.shape;
  const count = scale.shape.reduce((product, size) => product * size, 1);
  const perRow = count === rows && scale.shape[0] === rows;
  if (weight.shape.length !== 2 || !(count === 1 || perRow)) return undefined;
  if (!decodedScaleTypes.has(scale.dtype)) return undefined;
  return { packed: toSpan(weight), scale: toSpan(scale) };
}

/** bitsandbytes: X.weight I8 [N, K] and X.SCB F32 [N]; w = q * SCB[row] / 127. */
export function foldBitsandbytes8(folding: Folding): void {
  for (const { tensor: scale, prefix } of folding.ending('.SCB')) {
    const weight = folding.find(`${prefix}.weight`);
    if (weight?.dtype !== 'I8') {
      folding.warn(scale, 'there is no I8 weight beside it');
      continue;
    }
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
      codes: { packed: toSpan(weight), scale: toSpan(scale), scaleDivisor: 127 },
    });
  }
}
