/** Writes the table of an error report to a file that the user chooses. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { LoupeError } from '../errors';
import type { QuantizeReport } from '../protocol/engineApi';

/** The file's ending tells the format. Shows what went wrong. */
export async function saveErrorTable(
  report: Pick<QuantizeReport, 'source' | 'sourceName'>,
  texts: { readonly csv: string; readonly markdown: string },
): Promise<void> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are among what file systems refuse.
  const name = report.sourceName.replace(/[\u0000-\u001f<>:"/\\|?*]+/g, '-').slice(0, 80) || 'model';
  const target = await vscode.window.showSaveDialog({
    title: 'Save the errors of all tensors',
    defaultUri: vscode.Uri.file(path.join(path.dirname(report.source), `${name}-errors.csv`)),
    filters: { CSV: ['csv'], Markdown: ['md'] },
  });
  if (!target) return;
  try {
    const text = /\.md$/i.test(target.path) ? texts.markdown : texts.csv;
    await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(text));
    const open = 'Open';
    // Nobody waits for the answer.
    void vscode.window
      .showInformationMessage(`${path.basename(target.fsPath)} was written.`, open)
      .then((chosen) => chosen === open && vscode.commands.executeCommand('vscode.open', target));
  } catch (thrown) {
    void vscode.window.showErrorMessage(`The table was not saved: ${LoupeError.from(thrown).message}`);
  }
}
