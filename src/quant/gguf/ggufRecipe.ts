/** Recipes whose output is a GGUF file. */
import type { Recipe } from '../recipe';
import { blockTypeNamed } from '../schemes/ggml/blockTypes';

/** Whether a recipe gives some tensors a block type of ggml, which no other format holds. */
export function isGgufRecipe({ default: fallback, rules }: Recipe): boolean {
  const choices = [fallback, ...rules.map(({ choice }) => choice)];
  return choices.some((choice) => choice !== 'keep' && blockTypeNamed(choice.scheme) !== undefined);
}
