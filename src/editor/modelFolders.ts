/** Which folders of the workspace hold a model, so that the Explorer's menu offers on them what it offers on a model's file. */
import * as vscode from 'vscode';

/** Named in package.json's `when` clauses, which cannot look into a folder. */
const contextKey = 'tensorLoupe.modelFolders';
const weights = '**/*.{safetensors,safetensors.index.json}';
const config = '**/config.json';
const excluded = '**/{node_modules,.git}/**';
/** Of each kind; a workspace with more of them has the menu on those that are found. */
const mostFiles = 5000;
/** A download makes many files one after the other. */
const settleMs = 1000;

export class ModelFolders implements vscode.Disposable {
  private readonly watchers = [weights, config].map((pattern) =>
    vscode.workspace.createFileSystemWatcher(pattern, false, true, false),
  );
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    for (const watcher of this.watchers) {
      watcher.onDidCreate(() => this.schedule());
      watcher.onDidDelete(() => this.schedule());
    }
    void this.tell();
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const watcher of this.watchers) watcher.dispose();
  }

  private schedule(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.tell(), settleMs);
  }

  private async tell(): Promise<void> {
    const find = (pattern: string) => vscode.workspace.findFiles(pattern, excluded, mostFiles);
    const [weightFiles, configs] = await Promise.all([find(weights), find(config)]);
    await vscode.commands.executeCommand('setContext', contextKey, modelFolders(weightFiles, configs));
  }
}

/** Folders that hold both, as the Explorer's `resourcePath` names them. */
export function modelFolders(weightFiles: readonly vscode.Uri[], configs: readonly vscode.Uri[]): string[] {
  const folderOf = (file: vscode.Uri) => vscode.Uri.joinPath(file, '..').fsPath;
  const described = new Set(configs.map(folderOf));
  return [...new Set(weightFiles.map(folderOf))].filter((folder) => described.has(folder));
}
