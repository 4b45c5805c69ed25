/** Opens the documentation of a finding: its cause and its cure. */
import * as vscode from 'vscode';

/** The command's own address, which the Problems panel follows from a code. */
export function findingHelpUri(code: string): vscode.Uri {
  const given = encodeURIComponent(JSON.stringify([code]));
  return vscode.Uri.parse(`command:tensorLoupe.findingHelp?${given}`);
}

/** Shows the section of docs/findings.md as a page, or as text where no Markdown preview is installed. */
export async function showFindingHelp(extensionUri: vscode.Uri, code: unknown): Promise<void> {
  const uri = vscode.Uri.joinPath(extensionUri, 'docs', 'findings.md');
  const document = await vscode.workspace.openTextDocument(uri);
  // A code comes from a link: only one that has a section is looked for.
  const line = document
    .getText()
    .split(/\r?\n/)
    .findIndex((text) => /^#{2,4} /.test(text) && text.replace(/^#+ /, '') === code);
  const commands = await vscode.commands.getCommands(true);
  if (commands.includes('markdown.showPreview')) {
    const section = line < 0 ? uri : uri.with({ fragment: String(code) });
    await vscode.commands.executeCommand('markdown.showPreview', section);
    return;
  }
  const at = Math.max(0, line);
  await vscode.window.showTextDocument(document, {
    preview: true,
    selection: new vscode.Range(at, 0, at, 0),
  });
}
