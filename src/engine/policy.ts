/** Applies the quantization policy to the tensors of a checkpoint. */
import type { Checkpoint, TensorInfo } from '../formats/checkpoint';
import { type Decision, decide } from '../quant/quantizationPolicy';

export function decisionFor(checkpoint: Checkpoint, tensor: TensorInfo, pure: boolean): Decision {
  if (tensor.pieces) return { quantize: false, reason: 'kept: quantized already', linear: true };
  const modelType = checkpoint.config?.model_type;
  return decide(tensor, { pure, modelType: typeof modelType === 'string' ? modelType : undefined });
}

/** Bytes of the tensors that a weight of rows x columns becomes: codes, scales, shape, zero points. */
export function packedBytes(
  rows: number,
  columns: number,
  scaleBytes: number,
  symmetric: boolean,
): { codes: number; scale: number; shape: number; zeroPoint: number; total: number } {
  const codes = rows * 4 * Math.ceil(columns / 4);
  const scale = rows * scaleBytes;
  const shape = 16;
  const zeroPoint = symmetric ? 0 : 4 * Math.ceil(rows / 4);
  return { codes, scale, shape, zeroPoint, total: codes + scale + shape + zeroPoint };
}
