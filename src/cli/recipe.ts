/** Reads the recipe that a command names. */
import { readFile, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError } from '../errors';
import type { Recipe } from '../protocol/recipeApi';
import { mostRecipeCharacters, parseRecipe } from '../quant/recipeFile';

/** UTF-8 takes up to three bytes for one UTF-16 unit. */
const mostBytes = 3 * mostRecipeCharacters;

/** Undefined without `--recipe`. Throws `not-found`, or `malformed` that names file and place. */
export async function readRecipeFile(given: string | undefined): Promise<Recipe | undefined> {
  if (given === undefined) return undefined;
  const file = path.resolve(given);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw new LoupeError('not-found', `There is no recipe ${file}.`, { file });
  if (found.size > mostBytes) {
    throw new LoupeError('malformed', `A recipe of ${found.size} bytes is too long.`, { file });
  }
  return parseRecipe(await readFile(file, 'utf8'), file);
}
