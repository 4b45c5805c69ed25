/** The importance matrix that a recipe goes with. */
import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { openFileSource } from '../../bytes/byteSource';
import { fileStamp } from '../../bytes/fileStamp';
import { LoupeError } from '../../errors';
import { assertMatrixSize } from '../../formats/gguf/importanceMatrix';
import type { Recipe } from '../../quant/recipe';

const chunkBytes = 4 * 2 ** 20;
/** One file's hash at a time: an editor checks its recipe after every pause in typing. */
let latest: { readonly file: string; readonly stamp: string; readonly sha256: string } | undefined;

/**
 * Of a whole importance matrix, in hexadecimal; kept until the file has another size or time. The path may come from an untrusted recipe:
 * throws `not-a-checkpoint` for what is no file, `refused` for one that is too large for a matrix, else as reading does.
 */
export async function sha256Of(file: string): Promise<string> {
  const stamp = await fileStamp(file);
  if (latest?.file === file && latest.stamp === stamp) return latest.sha256;
  const source = await openFileSource(file);
  try {
    assertMatrixSize(source);
    const hash = createHash('sha256');
    for (let at = 0; at < source.size; at += chunkBytes)
      hash.update(await source.read(at, Math.min(chunkBytes, source.size - at)));
    latest = { file, stamp, sha256: hash.digest('hex') };
    return latest.sha256;
  } finally {
    await source.close();
  }
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
