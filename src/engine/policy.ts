/** Applies the quantization policy and recipes to the tensors of a checkpoint. */
import type { Checkpoint, TensorInfo } from '../formats/checkpoint';
import { type Decision, decideKind, kindOf, type TensorKind } from '../quant/quantizationPolicy';
import { keptKinds, type Recipe, type ResolvedRecipe, recipeOf, resolveRecipe } from '../quant/recipe';
import type { SchemeChoice } from '../quant/types';

/** Whether a tensor is quantized under one choice for the model; casts to another float type take every float tensor. */
export function decisionFor(
  checkpoint: Checkpoint,
  tensor: TensorInfo,
  pure: boolean,
  choice: Pick<SchemeChoice, 'scheme'>,
): Decision {
  if (tensor.pieces) return { quantize: false, reason: quantizedAlready, linear: true };
  const kept = new Set(keptKinds(recipeOf({ granularity: 'none', ...choice }, pure)));
  return decideKind(tensor, kindOf(tensor, modelTypeOf(checkpoint)), choice.scheme, kept);
}

/** What a recipe makes of each tensor of a checkpoint; logical weights that are quantized stay as they are. */
export function resolveFor(checkpoint: Checkpoint, recipe: Recipe): ResolvedRecipe {
  const resolved = resolveRecipe(recipe, checkpoint.tensors, modelTypeOf(checkpoint));
  const tensors = resolved.tensors.map((item, index) =>
    checkpoint.tensors[index]!.pieces
      ? { choice: undefined, rule: item.rule, reason: quantizedAlready, linear: true }
      : item,
  );
  return { ...resolved, tensors };
}

/** What a tensor of a checkpoint is to the policy. */
export function kindIn(checkpoint: Checkpoint, tensor: TensorInfo): TensorKind {
  return kindOf(tensor, modelTypeOf(checkpoint));
}

const quantizedAlready = 'kept: quantized already';

/** config.json's `model_type`. */
function modelTypeOf({ config }: Checkpoint): string | undefined {
  const modelType = config?.model_type;
  return typeof modelType === 'string' ? modelType : undefined;
}
