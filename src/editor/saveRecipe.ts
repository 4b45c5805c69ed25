/** Where a recipe that was put together on a page goes: into a file, or into a quantization after a question. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { isGgufRecipe } from '../quant/gguf/ggufRecipe';
import type { Recipe } from '../quant/recipe';
import { checkedRecipe, recipeText } from '../quant/recipeFile';

/** Asks for a file, writes the recipe, which names the model relative to it, and shows it. Undefined: the user left. */
export async function saveRecipe(model: vscode.Uri, given: Recipe): Promise<vscode.Uri | undefined> {
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
  const own = isOnDisk && file.scheme === 'file' ? relativePath(file, model) : undefined;
  const text = recipeText(own === undefined ? recipe : { ...recipe, model: own });
  await vscode.workspace.fs.writeFile(file, new TextEncoder().encode(text));
  await vscode.window.showTextDocument(file, { preview: false });
  return file;
}

/** From the recipe's folder, with forward slashes, so that the two can move together. Undefined across drives. */
function relativePath(file: vscode.Uri, model: vscode.Uri): string | undefined {
  const found = path.relative(path.dirname(file.fsPath), model.fsPath);
  return path.isAbsolute(found) ? undefined : found.split(path.sep).join('/');
}

/** Asks, then hands the recipe to the command that quantizes. */
export async function quantizeWith(model: vscode.Uri, given: Recipe): Promise<void> {
  const recipe = checkedRecipe(given);
  const quantize = 'Quantize';
  const isFile = isGgufRecipe(recipe) || /\.(gguf|onnx)$/i.test(model.path);
  const place = isFile ? 'file' : 'folder';
  const answer = await vscode.window.showInformationMessage(
    `Quantize with the recipe ${recipe.name || path.posix.basename(model.path)}?`,
    { modal: true, detail: `The result goes into a new ${place} beside the model, which stays as it is.` },
    quantize,
  );
  if (answer === quantize) await vscode.commands.executeCommand('tensorLoupe.quantize', model, { recipe });
}
