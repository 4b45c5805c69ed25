/** Applies the quantization policy to the tensors of a checkpoint. */
import type { Checkpoint, TensorInfo } from '../formats/checkpoint';
import { castDtype, type Decision, decide, decideCast } from '../quant/quantizationPolicy';
import { schemeNamed } from '../quant/schemes';
import type { SchemeChoice } from '../quant/types';

/** Whether a tensor is quantized under a choice; casts to another float type take every float tensor. */
export function decisionFor(
  checkpoint: Checkpoint,
  tensor: TensorInfo,
  pure: boolean,
  choice: Pick<SchemeChoice, 'scheme'>,
): Decision {
  if (tensor.pieces) return { quantize: false, reason: 'kept: quantized already', linear: true };
  if (schemeNamed(choice.scheme).scope === 'floats') return decideCast(tensor, castDtype(choice.scheme));
  const modelType = checkpoint.config?.model_type;
  return decide(tensor, { pure, modelType: typeof modelType === 'string' ? modelType : undefined });
}
