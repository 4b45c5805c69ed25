import type { TensorInfo } from '../../formats/checkpoint';

/**
 * Whether a quantized weight is the transpose of a weight in an ONNX graph: MatMul takes B [K, N], and the operators that
 * take its place hold [N, K].
 */
export function storesTranspose(original: TensorInfo, quantized: TensorInfo): boolean {
  const use = original.graphWeight;
  if (original.pieces || !use || !('operator' in use) || use.outputAxis !== 1) return false;
  const [rows, columns] = original.shape;
  const isHeldSo = /^MatMul(NBits|Bnb4)\b/.test(quantized.pieces?.layout ?? '');
  return isHeldSo && quantized.shape.join() === `${columns},${rows}`;
}
