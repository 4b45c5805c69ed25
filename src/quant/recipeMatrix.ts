/** Where the importance matrix of a recipe lies. */
import * as path from 'node:path';
import { takesImportance } from './gguf/ggmlSchemes';
import type { GgufOptions } from './gguf/options';
import type { Recipe } from './recipe';

/** Absolute path of the matrix that a recipe names, for one that was read from a file; undefined where it names none. */
export function recipeMatrix(recipe: Recipe | undefined, recipeFile: string): string | undefined {
  return recipe?.imatrix && path.resolve(path.dirname(recipeFile), recipe.imatrix.file);
}

/** What a request for a GGUF output says of the matrix that goes with a recipe; the file type counts for nothing beside one. */
export function matrixOptions(imatrix: string, name?: string | undefined): GgufOptions {
  return { fileType: 'F16', imatrix, imatrixName: name ?? path.basename(imatrix) };
}

/** Whether some choice of a recipe weighs errors by a matrix. */
export const isWeighed = ({ default: fallback, rules }: Recipe): boolean =>
  [fallback, ...rules.map(({ choice }) => choice)].some(
    (choice) => choice !== 'keep' && takesImportance(choice.scheme),
  );

/** A file as a recipe in a folder names it. Undefined across drives. */
export function relativeTo(folder: string, file: string): string | undefined {
  const found = path.relative(folder, file);
  return path.isAbsolute(found) ? undefined : found.split(path.sep).join('/');
}
