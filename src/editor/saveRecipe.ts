/** Where a recipe that was put together on a page goes: into a file, or into a quantization after a question. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { LoupeError } from '../errors';
import type { ImportanceCover } from '../protocol/sensitivityApi';
import { isGgufRecipe } from '../quant/gguf/ggufRecipe';
import type { Recipe, RecipeMatrix } from '../quant/recipe';
import { checkedRecipe, recipeText } from '../quant/recipeFile';
import { matrixOptions, relativeTo } from '../quant/recipeMatrix';
import { linkless } from './jobText';

/** The matrix that a recipe's types weigh errors by. */
type Matrix = Pick<ImportanceCover, 'file' | 'sha256'>;

/**
 * Asks for a file, writes the recipe, which names model and matrix relative to it, and shows it. Undefined: the user left. Throws
 * `refused` or `malformed` where the recipe cannot name model or matrix from there.
 */
export async function saveRecipe(
  model: vscode.Uri,
  given: Recipe,
  matrix?: Matrix | undefined,
): Promise<vscode.Uri | undefined> {
  const recipe = checkedRecipe(given);
  const isOnDisk = model.scheme === 'file';
  const stem = recipe.name || path.posix.basename(model.path);
  const folder = isOnDisk ? vscode.Uri.joinPath(model, '..') : vscode.workspace.workspaceFolders?.[0]?.uri;
  const file = await vscode.window.showSaveDialog({
    title: 'Save Recipe',
    // VS Code looks at what follows the last dot, and would write name.loupe.json.loupe.json.
    filters: { Recipe: ['loupe.json', 'json'] },
    ...(folder && { defaultUri: vscode.Uri.joinPath(folder, `${stem}.loupe.json`) }),
  });
  if (!file) return undefined;
  const own =
    isOnDisk && file.scheme === 'file' ? relativeTo(path.dirname(file.fsPath), model.fsPath) : undefined;
  // Checked again: not every path can be named by a recipe, and what is written must be readable.
  const text = recipeText(
    checkedRecipe({
      ...recipe,
      ...(own === undefined ? {} : { model: own }),
      ...(matrix ? { imatrix: named(matrix, path.dirname(file.fsPath)) } : {}),
    }),
  );
  await vscode.workspace.fs.writeFile(file, new TextEncoder().encode(text));
  await vscode.window.showTextDocument(file, { preview: false });
  return file;
}

function named({ file, sha256 }: Matrix, folder: string): RecipeMatrix {
  const relative = relativeTo(folder, file);
  if (relative === undefined)
    throw new LoupeError(
      'refused',
      `A recipe names its importance matrix by a path from its own folder, and ${file} lies on another drive. Save the recipe on that drive, or copy the matrix.`,
      { file },
    );
  return { file: relative, sha256 };
}

/** Asks, then hands the recipe to the command that quantizes. Nobody waits for it: it shows its failures. */
export async function quantizeWith(
  model: vscode.Uri,
  given: Recipe,
  matrix?: Matrix | undefined,
): Promise<void> {
  try {
    await askToQuantize(model, given, matrix);
  } catch (thrown) {
    void vscode.window.showErrorMessage(
      linkless(`The recipe was not used: ${LoupeError.from(thrown).message}`),
    );
  }
}

async function askToQuantize(model: vscode.Uri, given: Recipe, matrix: Matrix | undefined): Promise<void> {
  const recipe = checkedRecipe(matrix ? { ...given, imatrix: recorded(matrix, model) } : given);
  const quantize = 'Quantize';
  const isFile = isGgufRecipe(recipe) || /\.(gguf|onnx)$/i.test(model.path);
  const place = isFile ? 'file' : 'folder';
  const answer = await vscode.window.showInformationMessage(
    `Quantize with the recipe ${recipe.name || path.posix.basename(model.path)}?`,
    {
      modal: true,
      detail: `The result goes into a new ${place} beside the model, which stays as it is.${
        matrix ? ` Errors are weighed by ${path.basename(matrix.file)}.` : ''
      }`,
    },
    quantize,
  );
  if (answer !== quantize) return;
  const gguf = matrix && matrixOptions(matrix.file, recipe.imatrix?.file);
  await vscode.commands.executeCommand('tensorLoupe.quantize', model, { recipe, ...(gguf ? { gguf } : {}) });
}

/** As what the output records calls it: from the model's folder, or by its name alone. */
function recorded({ file, sha256 }: Matrix, model: vscode.Uri): RecipeMatrix {
  return { file: relativeTo(path.dirname(model.fsPath), file) ?? path.basename(file), sha256 };
}
