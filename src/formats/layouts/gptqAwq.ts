/**
 * GPTQ (AutoGPTQ, GPTQModel) and AWQ's GEMM layout: X.qweight I32, X.qzeros I32 [G, N * bits / 32], X.scales [G, N]
 * and, for GPTQ, X.g_idx I32 [K]. Both store the transpose of the weight. GPTQ packs along K: qweight
 * [K * bits / 32, N]; AWQ along N: qweight [K, N * bits / 32]. The scales' width tells them apart.
 */
import type { TensorInfo } from '../checkpoint';
import { type Folding, wholeNumber } from './folding';

/** Widths that either writes. */
const knownBits = [4, 8, 2, 3, 5, 6, 7] as const;

/** Folds X.qweight into X.weight [N, K]. */
export function foldGptqAndAwq(folding: Folding): void {
  const configured = wholeNumber(folding.quantization?.bits ?? folding.quantization?.w_bit, 1, 8);
  for (const { tensor: codes, prefix } of folding.ending('.qweight')) {
    if (codes.dtype !== 'I32' || codes.shape.length !== 2) continue;
    const scales = folding.find(`${prefix}.scales`);
    if (scales?.shape.length !== 2) {
      folding.warn(codes, 'its scales are missing or no matrix');
      continue;
    }
    const zeros = folding.find(`${prefix}.qzeros`);
    const order = folding.find(`${prefix}.g_idx`);
    const [rows, width] = codes.shape as [number, number];
    const [groups, columns] = scales.shape as [number, number];
    const isGptq = width === columns;
    const bits = isGptq
      ? gptqBits(rows, columns, order, zeros, configured)
      : knownBits.find((each) => width * 32 === columns * each);
    const inner = bits === undefined ? 0 : isGptq ? (rows * 32) / bits : rows;
    if (bits === undefined || !Number.isInteger(inner) || groups < 1 || inner < groups) {
      folding.warn(
        codes,
        `codes of [${rows}, ${width}] and scales of [${groups}, ${columns}] fit neither GPTQ nor AWQ`,
      );
      continue;
    }
    folding.fold({
      name: `${prefix}.weight`,
      dtype: `INT${bits}`,
      shape: [columns, inner],
      layout: isGptq ? 'GPTQ' : 'AWQ',
      bits,
      parts: [
        ['codes', codes],
        ['scales', scales],
        ['zero points', zeros],
        ['group of each column', order],
      ],
      unreadable: `${isGptq ? 'GPTQ' : 'AWQ'} ${bits}-bit codes: shown, not yet decoded.`,
    });
  }
}

/** From g_idx, which has an entry for each of the K inputs; else from the zero points' width; else as configured. */
function gptqBits(
  rows: number,
  columns: number,
  order: TensorInfo | undefined,
  zeros: TensorInfo | undefined,
  configured: number | undefined,
): number | undefined {
  const inputs = order?.shape.length === 1 ? order.shape[0] : undefined;
  const zeroWidth = zeros?.shape[1];
  const fits = (bits: number) =>
    (inputs === undefined || rows * 32 === inputs * bits) &&
    (zeroWidth === undefined || zeroWidth === Math.ceil((columns * bits) / 32));
  if (configured !== undefined && fits(configured)) return configured;
  return inputs === undefined && zeroWidth === undefined ? undefined : knownBits.find(fits);
}
