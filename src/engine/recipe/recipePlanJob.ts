/** What a recipe would make of a model, from headers alone: sizes, rules without effect, refusals. */
import { LoupeError } from '../../errors';
import type { RecipePlan, RecipeRefusal, SizeEffect } from '../../protocol/recipeApi';
import { encodingFor } from '../../quant/encoding';
import { isGgufRecipe } from '../../quant/gguf/ggufRecipe';
import type { Recipe } from '../../quant/recipe';
import { checkedRecipe } from '../../quant/recipeFile';
import { matrixOptions } from '../../quant/recipeMatrix';
import { storedBytes } from '../../quant/scheme';
import type { OpenedCheckpoint } from '../checkpointCache';
import { encodedSource } from '../encode/encodedSource';
import { settingOf } from '../encode/quantizeTensor';
import { modelImportance, weighedSetting } from '../importance/modelImportance';
import { assertRecipeMatrix } from '../importance/recipeImportance';
import type { PlannedTensor } from '../quantize/plannedShard';
import { planFor } from '../quantize/quantizeJob';
import { resolveFor } from './policy';
import { recipeWithoutLayers } from './recipeLayers';

type Sums = { -readonly [Key in keyof SizeEffect]: SizeEffect[Key] };

/** Throws `malformed` for a recipe that is none, `refused` where its patterns take too long. */
export async function recipePlanJob(
  opened: OpenedCheckpoint,
  given: unknown,
  imatrix?: string | undefined,
): Promise<RecipePlan> {
  const recipe = recipeWithoutLayers(checkedRecipe(given));
  await assertRecipeMatrix(recipe, imatrix);
  const importance = imatrix === undefined ? undefined : await modelImportance(opened, imatrix);
  const { checkpoint } = opened;
  const { tensors, rules } = resolveFor(checkpoint, recipe);
  const refusals = new Map<number | undefined, RecipeRefusal>();
  const nothing = (): Sums => ({ tensors: 0, elements: 0, bytesBefore: 0, bytesAfter: 0 });
  const ruleSizes = rules.map(nothing);
  const restSize = nothing();
  let quantized = 0;
  for (const [index, tensor] of checkpoint.tensors.entries()) {
    const { choice, rule } = tensors[index]!;
    let bytes = tensor.bytes;
    if (choice) {
      try {
        const source = encodedSource(opened, index, choice);
        const { setting } = weighedSetting(settingOf(choice, source), importance, index);
        bytes = storedBytes(encodingFor(setting).pieces());
        quantized++;
      } catch (thrown) {
        const before = refusals.get(rule);
        const { message } = LoupeError.from(thrown);
        refusals.set(
          rule,
          before
            ? { ...before, tensors: before.tensors + 1 }
            : { rule, tensor: tensor.name, message, tensors: 1 },
        );
      }
    }
    const size = rule === undefined ? restSize : ruleSizes[rule]!;
    size.tensors++;
    size.elements += tensor.elements;
    size.bytesBefore += tensor.bytes;
    size.bytesAfter += bytes;
  }
  const sum = (of: (size: Sums) => number) =>
    [...ruleSizes, restSize].reduce((all, size) => all + of(size), 0);
  const elements = sum((size) => size.elements);
  const written = refusals.size > 0 ? { warnings: [] } : await writing(opened, recipe, imatrix);
  // A conversion to GGUF also widens vectors, and leaves out what llama.cpp does not read.
  const bytesAfter = written.tensorBytes ?? sum((size) => size.bytesAfter);
  const { warnings, cannotWrite } = written;
  return {
    name: checkpoint.name,
    file: checkpoint.files[0]!.path,
    rules,
    ruleSizes,
    restSize,
    refusals: [...refusals.values()],
    warnings,
    ...(cannotWrite === undefined ? {} : { cannotWrite }),
    bytesBefore: sum((size) => size.bytesBefore),
    bytesAfter,
    bitsPerWeight: elements === 0 ? 0 : (8 * bytesAfter) / elements,
    quantized,
    kept: checkpoint.tensors.length - quantized,
  };
}

type Writing = Pick<RecipePlan, 'cannotWrite' | 'warnings'> & { readonly tensorBytes?: number };

/** Whether a layout holds the whole, what loaders may not take, and of a GGUF output the bytes of its tensors. */
async function writing(
  opened: OpenedCheckpoint,
  recipe: Recipe,
  imatrix: string | undefined,
): Promise<Writing> {
  try {
    const { warnings, fileType, shards } = await planFor(opened, {
      path: opened.checkpoint.path,
      scheme: 'int8-absmax',
      granularity: 'row',
      recipe,
      ...(imatrix !== undefined && isGgufRecipe(recipe) ? { gguf: matrixOptions(imatrix) } : {}),
      backend: 'cpu',
      overwrite: false,
      pure: false,
      dryRun: true,
    });
    if (fileType === undefined) return { warnings };
    const tensors = shards.flatMap((shard) => shard.tensors);
    const bytes = (tensor: PlannedTensor) => (tensor.kind === 'copy' ? tensor.row : tensor.about).bytes;
    return { warnings, tensorBytes: tensors.reduce((sum, tensor) => sum + bytes(tensor), 0) };
  } catch (thrown) {
    return { cannotWrite: LoupeError.from(thrown).message, warnings: [] };
  }
}
