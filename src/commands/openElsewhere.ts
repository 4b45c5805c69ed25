/** The same file in other editors and views: as text, as hex, in the Explorer. */
import * as vscode from 'vscode';

/** Opens the file in the text editor. */
export async function openAsText(uri: vscode.Uri): Promise<void> {
  await vscode.commands.executeCommand('vscode.openWith', uri, 'default');
}

const hexEditorId = 'ms-vscode.hexeditor';

/** Opens the file in Microsoft's Hex Editor when that is installed; says how to get it otherwise. */
export async function openAsHex(uri: vscode.Uri): Promise<void> {
  const commands = await vscode.commands.getCommands(true);
  if (commands.includes('hexEditor.openFile')) {
    await vscode.commands.executeCommand('vscode.openWith', uri, 'hexEditor.hexedit');
    return;
  }
  const find = 'Find Hex Editor';
  const chosen = await vscode.window.showInformationMessage(
    'Opening as hex needs the extension "Hex Editor" by Microsoft, which is not installed.',
    find,
  );
  if (chosen === find) {
    await vscode.commands.executeCommand('workbench.extensions.search', `@id:${hexEditorId}`);
  }
}

/** Shows the file in the Explorer view, or in the system's file manager when it lies outside the workspace. */
export async function revealInExplorer(uri: vscode.Uri): Promise<void> {
  if (vscode.workspace.getWorkspaceFolder(uri)) {
    await vscode.commands.executeCommand('revealInExplorer', uri);
    return;
  }
  const commands = await vscode.commands.getCommands(true);
  if (commands.includes('revealFileInOS')) await vscode.commands.executeCommand('revealFileInOS', uri);
  else
    void vscode.window.showInformationMessage(
      `The file lies outside the workspace, in ${vscode.Uri.joinPath(uri, '..').fsPath}.`,
    );
}
