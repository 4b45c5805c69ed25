/** Applies the quantization policy and recipes to the tensors of a checkpoint. */
import type { Checkpoint, TensorInfo } from '../../formats/checkpoint';
import { onnxForm } from '../../quant/onnx/onnxForm';
import { choiceForHeads, withoutHeads } from '../../quant/pruning/attentionHeads';
import { type Decision, decideKind, kindOf, type TensorKind } from '../../quant/quantizationPolicy';
import {
  keptKinds,
  type Recipe,
  type ResolvedRecipe,
  type ResolvedTensor,
  recipeOf,
  resolveRecipe,
} from '../../quant/recipe';
import { checkedRecipe } from '../../quant/recipeFile';
import type { SchemeChoice } from '../../quant/types';
import { settingOf } from '../encode/quantizeTensor';
import { tensorSource } from '../tensorSource';

/** Whether a tensor is quantized under one choice for the model; casts to another float type take every float tensor. */
export function decisionFor(
  checkpoint: Checkpoint,
  tensor: TensorInfo,
  pure: boolean,
  choice: Pick<SchemeChoice, 'scheme'> & Partial<SchemeChoice>,
): Decision {
  if (tensor.pieces) return { quantize: false, reason: quantizedAlready, linear: true };
  const kept = new Set(keptKinds(recipeOf({ granularity: 'none', ...choice }, pure)));
  const decision = decideKind(tensor, kindOf(tensor, modelTypeOf(checkpoint)), choice.scheme, kept);
  const noHeads = !tensor.graphWeight && !choiceForHeads({ granularity: 'none', ...choice }, tensor.name);
  if (decision.quantize && noHeads) return { quantize: false, reason: withoutHeads, linear: true };
  const why = decision.quantize ? graphKeeps(checkpoint, tensor, choice) : undefined;
  return why === undefined ? decision : { quantize: false, reason: why, linear: true };
}

/** Why the graph of an ONNX model keeps a weight under a choice that it takes for others. */
function graphKeeps(
  checkpoint: Checkpoint,
  tensor: TensorInfo,
  choice: Partial<SchemeChoice>,
): string | undefined {
  const { scheme, granularity } = choice;
  if (!tensor.graphWeight || scheme === undefined || granularity === undefined) return undefined;
  const source = tensorSource(checkpoint, tensor);
  if (typeof source === 'string') return undefined;
  const form = onnxForm(settingOf({ ...choice, scheme, granularity }, source));
  return form.kind === 'keep' ? `kept: ${form.reason}` : undefined;
}

/** What a recipe makes of each tensor of a checkpoint; logical weights that are quantized stay as they are. */
export function resolveFor(checkpoint: Checkpoint, recipe: Recipe): ResolvedRecipe {
  const resolved = resolveRecipe(recipe, checkpoint.tensors, modelTypeOf(checkpoint));
  const tensors = resolved.tensors.map((item, index): ResolvedTensor => {
    const tensor = checkpoint.tensors[index]!;
    const reason = tensor.pieces
      ? quantizedAlready
      : item.choice && graphKeeps(checkpoint, tensor, item.choice);
    return reason === undefined ? item : { choice: undefined, rule: item.rule, reason, linear: true };
  });
  return { ...resolved, tensors };
}

/** What becomes of one tensor under a choice for the model, or under a recipe in its stead. */
export function resolvedFor(
  checkpoint: Checkpoint,
  tensor: TensorInfo,
  { choice, recipe }: { readonly choice: SchemeChoice; readonly recipe?: Recipe | undefined },
): ResolvedTensor {
  const used = recipe ? checkedRecipe(recipe) : recipeOf(choice, false);
  return resolveFor({ ...checkpoint, tensors: [tensor] }, used).tensors[0]!;
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
