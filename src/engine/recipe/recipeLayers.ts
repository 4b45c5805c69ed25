/** Fills in which layers a recipe prunes. */
import type { Recipe, RecipeChoice } from '../../quant/recipe';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { Engine } from '../jobs';
import type { TaskOptions } from '../worker/pool';
import { withLayers } from './pruneLayers';

/** The recipe with the layers of smallest norm in each choice that prunes by layers and names none. */
export async function recipeWithLayers(
  engine: Engine,
  opened: OpenedCheckpoint,
  recipe: Recipe,
  options: TaskOptions,
): Promise<Recipe> {
  const filled = async (choice: RecipeChoice): Promise<RecipeChoice> =>
    choice === 'keep' ? choice : withLayers(engine, opened, choice, false, options);
  const rules = [];
  for (const rule of recipe.rules) rules.push({ ...rule, choice: await filled(rule.choice) });
  return { ...recipe, default: await filled(recipe.default), rules };
}

/** For sizes alone, which do not depend on it: no layers at all where none are named. */
export function recipeWithoutLayers(recipe: Recipe): Recipe {
  const emptied = (choice: RecipeChoice): RecipeChoice =>
    choice !== 'keep' && (choice.scheme === 'prune-layers' || choice.prune === 'layers')
      ? { ...choice, layers: choice.layers ?? [] }
      : choice;
  return {
    ...recipe,
    default: emptied(recipe.default),
    rules: recipe.rules.map((rule) => ({ ...rule, choice: emptied(rule.choice) })),
  };
}
