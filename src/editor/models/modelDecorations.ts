/** Badges and tooltips of model files and model folders in the Explorer: headers only, a few at a time. */
import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { ModelSummaries } from './modelSummaries';
import { bitsBadge, briefText } from './modelTexts';

type Shown = 'badge' | 'tooltip' | 'off';

/** Arrays of NumPy and files of unsure endings are left alone. */
const modelName = /\.(safetensors|gguf|onnx|pt|pth)$|\.safetensors\.index\.json$/i;
/** What makes a folder with a config.json a model: the first that is there. */
const folderModels = ['model.safetensors.index.json', 'model.safetensors'];
/** An ending as files have it; "-3.2-1B" is a folder's version. */
const fileEnding = /\.[a-z][a-z0-9]{0,7}$/i;
const setting = 'explorerDecorations';

const shownNow = (): Shown => vscode.workspace.getConfiguration('tensorLoupe').get<Shown>(setting, 'tooltip');

const isFile = async (file: string): Promise<boolean> =>
  (await stat(file).catch(() => undefined))?.isFile() ?? false;

export class ModelDecorations implements vscode.FileDecorationProvider, vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<vscode.Uri | vscode.Uri[] | undefined>();
  readonly onDidChangeFileDecorations = this.changes.event;
  private readonly disposables: vscode.Disposable[] = [this.changes];
  private watcher: vscode.FileSystemWatcher | undefined;

  constructor(private readonly summaries: ModelSummaries) {
    this.disposables.push(
      vscode.window.registerFileDecorationProvider(this),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration(`tensorLoupe.${setting}`)) this.changes.fire(undefined);
      }),
    );
  }

  async provideFileDecoration(
    uri: vscode.Uri,
    token: vscode.CancellationToken,
  ): Promise<vscode.FileDecoration | undefined> {
    if (uri.scheme !== 'file') return undefined;
    const shown = shownNow();
    if (shown === 'off') return undefined;
    const model = await this.modelAt(uri.fsPath);
    if (model === undefined || token.isCancellationRequested) return undefined;
    this.watch();
    const summary = await this.summaries.get(model);
    if (!summary || !('brief' in summary) || summary.brief.parameters === 0) return undefined;
    const badge = shown === 'badge' ? bitsBadge(summary.brief) : undefined;
    return new vscode.FileDecoration(badge, briefText(summary.brief));
  }

  /** What to read for a file or folder of the Explorer; undefined for all that is no model. */
  private async modelAt(file: string): Promise<string | undefined> {
    if (modelName.test(file)) return (await isFile(file)) ? file : undefined;
    // So the other files of a workspace cost nothing.
    if (fileEnding.test(file)) return undefined;
    if (!(await isFile(path.join(file, 'config.json')))) return undefined;
    for (const name of folderModels) {
      const inside = path.join(file, name);
      if (await isFile(inside)) return inside;
    }
    return undefined;
  }

  /** From the first model on: files that change, and the folders that they are in. */
  private watch(): void {
    if (this.watcher) return;
    this.watcher = vscode.workspace.createFileSystemWatcher('**/*.{safetensors,gguf,onnx,pt,pth}');
    const changed = (uri: vscode.Uri) => {
      const folder = vscode.Uri.joinPath(uri, '..');
      for (const name of folderModels) this.summaries.forget(path.join(folder.fsPath, name));
      this.changes.fire([uri, folder]);
    };
    this.disposables.push(
      this.watcher,
      this.watcher.onDidChange(changed),
      this.watcher.onDidCreate(changed),
      this.watcher.onDidDelete(changed),
    );
  }

  dispose(): void {
    for (const disposable of this.disposables) disposable.dispose();
  }
}
