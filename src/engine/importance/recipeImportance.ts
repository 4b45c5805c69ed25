/** The importance matrix that a recipe goes with. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import type { Recipe } from '../../quant/recipe';

/** Of a whole file, in hexadecimal. Throws as reading does. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  } catch (thrown) {
    throw LoupeError.from(thrown);
  }
  return hash.digest('hex');
}

/** Throws `refused` where a recipe names a matrix and none is given, or one with other bytes. `imatrix`: an absolute path. */
export async function assertRecipeMatrix(
  recipe: Recipe | undefined,
  imatrix: string | undefined,
): Promise<void> {
  const named = recipe?.imatrix;
  if (!named) return;
  if (imatrix === undefined)
    throw new LoupeError(
      'refused',
      `The recipe weighs errors by the importance matrix ${named.file}, a path from the recipe's own file; use it from there, or name the matrix beside it.`,
    );
  const found = named.sha256 === undefined ? undefined : await sha256Of(imatrix);
  if (found !== named.sha256)
    throw new LoupeError(
      'refused',
      `${path.basename(imatrix)} is not the importance matrix that the recipe was made with: its SHA-256 begins with ${found!.slice(0, 12)}, and the recipe says ${named.sha256!.slice(0, 12)}. Put the right file there, or take the sha256 out of the recipe.`,
      { file: imatrix },
    );
}
