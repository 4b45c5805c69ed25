/** Writes the list of a checkpoint's tensors as CSV, JSON or Markdown. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { LoupeError } from '../errors';
import type { Catalogue } from '../protocol/engineApi';
import { tensorListFormat, tensorListText } from './tensorListText';

/** What callers may give in place of the dialog. */
export interface ExportArguments {
  /** The file to write; its ending tells the format. */
  readonly to?: vscode.Uri | undefined;
}

/** Asks where to, unless told, and writes the list that `read` gives for the checkpoint at `uri`. Resolves to the written file, undefined when cancelled. */
export async function exportTensors(
  read: () => Promise<Catalogue>,
  uri: vscode.Uri,
  options: ExportArguments = {},
): Promise<vscode.Uri | undefined> {
  try {
    const catalogue = await read();
    const target =
      options.to ??
      (await vscode.window.showSaveDialog({
        title: `Export the ${catalogue.tensors.count.toLocaleString('en-US')} tensors of ${catalogue.name}`,
        saveLabel: 'Export',
        defaultUri: defaultFolder(uri, `${fileNameOf(catalogue.name)}-tensors.csv`),
        filters: { CSV: ['csv'], JSON: ['json'], Markdown: ['md'] },
      }));
    if (!target) return undefined;
    const text = tensorListText(catalogue, tensorListFormat(target.path));
    await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(text));
    const open = 'Open';
    // The dialog was the answer to a question; the notification must not hold the command up.
    void vscode.window
      .showInformationMessage(`${path.basename(target.fsPath)} was written.`, open)
      .then((chosen) => chosen === open && vscode.commands.executeCommand('vscode.open', target));
    return target;
  } catch (thrown) {
    const error = LoupeError.from(thrown, { file: uri.fsPath });
    void vscode.window.showErrorMessage(`The tensor list was not exported: ${error.message}`);
    return undefined;
  }
}

/** Beside the model; for one that is on no disk, in the workspace. */
function defaultFolder(uri: vscode.Uri, name: string): vscode.Uri {
  if (uri.scheme === 'file') return vscode.Uri.file(path.join(path.dirname(uri.fsPath), name));
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  return folder ? vscode.Uri.joinPath(folder.uri, name) : vscode.Uri.file(path.resolve(name));
}

/** A model's name without what file systems refuse. */
function fileNameOf(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are among what file systems refuse.
  return name.replace(/[\u0000-\u001f<>:"/\\|?*]+/g, '-').slice(0, 80) || 'model';
}
