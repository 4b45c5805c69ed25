/** What a recipe would make of a model, from headers alone: sizes, rules without effect, refusals. */
import { LoupeError } from '../errors';
import type { RecipePlan, RecipeRefusal } from '../protocol/recipeApi';
import { encodingFor } from '../quant/encoding';
import { checkedRecipe } from '../quant/recipeFile';
import { storedBytes } from '../quant/scheme';
import type { OpenedCheckpoint } from './checkpointCache';
import { resolveFor } from './policy';
import { planQuantization } from './quantize/plan';
import { settingOf } from './quantizeTensor';
import { recipeWithoutLayers } from './recipeLayers';

/** Throws `malformed` for a recipe that is none, `refused` where its patterns take too long. */
export async function recipePlanJob(opened: OpenedCheckpoint, given: unknown): Promise<RecipePlan> {
  const recipe = recipeWithoutLayers(checkedRecipe(given));
  const { checkpoint } = opened;
  const { tensors, rules } = resolveFor(checkpoint, recipe);
  const refusals = new Map<number | undefined, RecipeRefusal>();
  let [bytesBefore, bytesAfter, elements, quantized] = [0, 0, 0, 0];
  for (const [index, tensor] of checkpoint.tensors.entries()) {
    const { choice, rule } = tensors[index]!;
    bytesBefore += tensor.bytes;
    elements += tensor.elements;
    let bytes = tensor.bytes;
    if (choice) {
      try {
        const source = opened.source(index);
        bytes = storedBytes(encodingFor(settingOf(choice, source)).pieces());
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
    bytesAfter += bytes;
  }
  return {
    name: checkpoint.name,
    file: checkpoint.files[0]!.path,
    rules,
    refusals: [...refusals.values()],
    ...(refusals.size > 0 ? { warnings: [] } : await writing(opened, recipe)),
    bytesBefore,
    bytesAfter,
    bitsPerWeight: elements === 0 ? 0 : (8 * bytesAfter) / elements,
    quantized,
    kept: checkpoint.tensors.length - quantized,
  };
}

/** Whether a layout holds the whole, and what loaders may not take. */
async function writing(
  { checkpoint }: OpenedCheckpoint,
  recipe: ReturnType<typeof checkedRecipe>,
): Promise<Pick<RecipePlan, 'cannotWrite' | 'warnings'>> {
  try {
    const { warnings } = await planQuantization(checkpoint, {
      path: checkpoint.path,
      scheme: 'int8-absmax',
      granularity: 'row',
      recipe,
      backend: 'cpu',
      overwrite: false,
      pure: false,
      dryRun: true,
    });
    return { warnings };
  } catch (thrown) {
    return { cannotWrite: LoupeError.from(thrown).message, warnings: [] };
  }
}
