/** Asks for an importance matrix: one that lies about, or any file. */
import * as path from 'node:path';
import * as vscode from 'vscode';

/** What llama-imatrix and people call such files; beside the model also those that go by their older ending alone. */
const usualNames = '*imatrix*';
const namesBeside = `{${usualNames},*.dat}`;
const mostFound = 50;

/** Absolute path; undefined when left. Files beside the model and in the workspace are offered before the dialog of files. */
export async function pickMatrix(model: string): Promise<string | undefined> {
  const folder = path.dirname(model);
  const found = await matricesNear(folder);
  const elsewhere = { label: '$(folder-opened) Another file...', file: undefined };
  if (found.length > 0) {
    const items = found.map((file) => ({
      label: path.basename(file),
      description: path.dirname(file) === folder ? 'beside the model' : placeOf(file),
      file,
    }));
    const picked = await vscode.window.showQuickPick([...items, elsewhere], {
      title: 'Importance Matrix',
      placeHolder: "Made of this model by llama-imatrix: GGUF's types weigh errors by it",
      matchOnDescription: true,
      ignoreFocusOut: true,
    });
    if (picked !== elsewhere) return picked?.file;
  }
  const files = await vscode.window.showOpenDialog({
    title: 'Importance matrix',
    canSelectMany: false,
    openLabel: 'Use',
    filters: { 'Importance matrices': ['gguf', 'dat', 'imatrix'], 'All files': ['*'] },
    defaultUri: vscode.Uri.file(folder),
  });
  return files?.[0]?.fsPath;
}

/** The folder, from that of the workspace. */
function placeOf(file: string): string {
  const folder = path.posix.dirname(vscode.workspace.asRelativePath(file));
  return folder === '.' ? 'in the workspace' : folder;
}

/** Those beside the model first, then those of the workspace, by their paths. */
async function matricesNear(folder: string): Promise<readonly string[]> {
  const beside = await vscode.workspace.findFiles(
    new vscode.RelativePattern(vscode.Uri.file(folder), namesBeside),
    null,
    mostFound,
  );
  const around = await vscode.workspace.findFiles(`**/${usualNames}`, '**/node_modules/**', mostFound);
  const files = (uris: readonly vscode.Uri[]) =>
    uris
      .filter(({ scheme, path: own }) => scheme === 'file' && /\.(gguf|dat|imatrix)$/i.test(own))
      .map(({ fsPath }) => fsPath)
      .sort();
  return [...new Set([...files(beside), ...files(around)])].slice(0, mostFound);
}
