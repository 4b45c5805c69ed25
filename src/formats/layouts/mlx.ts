/**
 * MLX (mlx-lm): X.weight U32 [..., N, K * bits / 32], X.scales and, in the affine mode, X.biases [..., N, G]. The
 * group size and the bits are in config.json's `quantization`, with overrides by module; shapes give only their product.
 */
import { asRecord } from '../jsonSidecar';
import { type Folding, wholeNumber } from './folding';

const knownBits = [4, 8, 6, 5, 3, 2] as const;
/** MLX' default first. */
const knownGroups = [64, 32, 128, 16] as const;

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
    const bits = sameRows ? chooseBits(folding, prefix, groupBits) : undefined;
    if (bits === undefined) {
      folding.warn(
        codes,
        `codes of [${codes.shape.join(', ')}] and scales of [${scales.shape.join(', ')}] do not fit together`,
      );
      continue;
    }
    const biases = folding.find(`${prefix}.biases`);
    const mode = biases
      ? 'affine'
      : scales.dtype === 'U8'
        ? `${groupBits / bits === 16 ? 'NV' : 'MX'}FP${bits}`
        : '';
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
    });
  }
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
