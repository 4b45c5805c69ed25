/**
 * MLX (mlx-lm): X.weight U32 [..., N, K * bits / 32], X.scales and, in the affine mode, X.biases [..., N, G]. The
 * group size and the bits are in config.json's `quantization`, with overrides by module; shapes give only their product.
 * Affine: w = scale * u + bias (ops.cpp affine_dequantize), which MLX computes in the scales' type; ours are float32
 * values, rounded after the product and after the sum. mxfp4, mxfp8 and nvfp4: w = value(u) * scale.
 */
import type { TensorInfo, TensorSpan } from '../checkpoint';
import { asRecord } from '../jsonSidecar';
import type { PackedWeight } from '../packedWeight';
import { type Folding, product, toSpan, wholeNumber } from './folding';

const knownBits = [4, 8, 6, 5, 3, 2] as const;
/** MLX' default first. */
const knownGroups = [64, 32, 128, 16] as const;
/** Bits, values that share a scale, and the scales' type of the modes of floats, by the bits of a group. */
const floatModes: ReadonlyMap<number, { bits: number; each: number; scale: string; code: string }> = new Map([
  [64, { bits: 4, each: 16, scale: 'F8_E4M3', code: 'F4' }],
  [128, { bits: 4, each: 32, scale: 'F8_E8M0', code: 'F4' }],
  [256, { bits: 8, each: 32, scale: 'F8_E8M0', code: 'F8_E4M3' }],
]);

/** Folds X.weight with X.scales. */
export function foldMlx(folding: Folding): void {
  for (const { tensor: scales, prefix } of folding.ending('.scales')) {
    const codes = folding.find(`${prefix}.weight`);
    if (codes?.dtype !== 'U32') continue;
    const words = codes.shape.at(-1) ?? 0;
    const groups = scales.shape.at(-1) ?? 0;
    const outer = codes.shape.slice(0, -1);
    const sameRows = outer.length >= 1 && scales.shape.slice(0, -1).join() === outer.join();
    // bits * group: the bits of a group's codes.
    const groupBits = groups === 0 ? 0 : (words * 32) / groups;
    const isFloat = scales.dtype === 'U8';
    const bits = !sameRows
      ? undefined
      : isFloat
        ? floatModes.get(groupBits)?.bits
        : chooseBits(folding, prefix, groupBits);
    if (bits === undefined) {
      folding.warn(
        codes,
        `codes of [${codes.shape.join(', ')}] and scales of [${scales.shape.join(', ')}] do not fit together`,
      );
      continue;
    }
    const biases = folding.find(`${prefix}.biases`);
    const mode = biases ? 'affine' : isFloat ? `${groupBits / bits === 16 ? 'NV' : 'MX'}FP${bits}` : '';
    folding.fold({
      name: codes.name,
      dtype: biases ? `INT${bits}` : mode || `INT${bits}`,
      shape: [...outer, (words * 32) / bits],
      layout: mode === '' ? 'MLX' : `MLX ${mode}`,
      bits,
      parts: [
        ['codes', codes],
        ['scales', scales],
        ['biases', biases],
      ],
      values: valuesOf({ codes, scales, biases }, bits, groupBits),
    });
  }
}

function valuesOf(
  { codes, scales, biases }: { codes: TensorInfo; scales: TensorInfo; biases: TensorInfo | undefined },
  bits: number,
  groupBits: number,
): PackedWeight<TensorSpan> | string {
  const mode = scales.dtype === 'U8' ? floatModes.get(groupBits) : undefined;
  if (!mode && !biases) return 'its biases are missing';
  const words = codes.shape.at(-1)!;
  const groups = scales.shape.at(-1)!;
  const lines = product(codes.shape.slice(0, -1));
  return {
    codes: toSpan(codes),
    bits,
    lines,
    width: (words * 32) / bits,
    order: { kind: 'dense', strideBytes: 4 * words },
    meaning:
      mode || !biases ? { kind: 'table', dtype: mode!.code } : { kind: 'linear', biases: toSpan(biases) },
    scales: {
      span: toSpan(scales),
      dtype: mode?.scale ?? scales.dtype,
      groups,
      widthEach: groupBits / bits,
      linesEach: 1,
      matrixLines: Math.max(1, lines),
    },
  };
}

/** As config.json says for the module or for all, where the shapes agree; else the likeliest pair. */
function chooseBits(folding: Folding, module: string, groupBits: number): number | undefined {
  const all = folding.quantization;
  const own = all && Object.hasOwn(all, module) ? asRecord(all[module]) : undefined;
  for (const place of [own, all]) {
    const bits = wholeNumber(place?.bits, 1, 8);
    const group = wholeNumber(place?.group_size, 1, 65_536);
    if (bits !== undefined && group !== undefined && bits * group === groupBits) return bits;
  }
  for (const group of knownGroups) for (const bits of knownBits) if (bits * group === groupBits) return bits;
  return undefined;
}
