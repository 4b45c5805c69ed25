/** The Models view: the models of the workspace and of local caches, listed when it is first shown. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineClient } from '../../engine/client';
import { LoupeError } from '../../errors';
import type { DuplicateSet, LocalModel, ModelPlace } from '../../protocol/modelsApi';
import {
  type DuplicateSetNode,
  type DuplicatesNode,
  duplicatesItem,
  type ModelNode,
  type ModelsNode,
  modelItem,
  type PlaceNode,
  placeItem,
  placeText,
  setItem,
} from './modelNodes';
import { type ModelSort, namesakes, sortedModels } from './modelOrder';
import type { ModelSummaries } from './modelSummaries';

export const modelsViewId = 'tensorLoupe.models';

const searched =
  '{**/*.safetensors,**/*.gguf,**/*.onnx,**/*.pt,**/*.pth,**/pytorch_model*.bin,**/*.safetensors.index.json,**/*.bin.index.json}';
const left = '**/{.git,node_modules,.venv,venv,site-packages,__pycache__}/**';
const mostFiles = 5000;
/** A writer touches its files many times. */
const settleMs = 1000;
const sortKey = 'tensorLoupe.modelsSort';
const places: readonly ModelPlace[] = ['workspace', 'huggingFace', 'ollama'];

export class ModelsView implements vscode.TreeDataProvider<ModelsNode>, vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<ModelsNode | ModelsNode[] | undefined>();
  readonly onDidChangeTreeData = this.changes.event;
  private readonly view: vscode.TreeView<ModelsNode>;
  private readonly disposables: vscode.Disposable[] = [];
  private listed: Promise<readonly LocalModel[]> | undefined;
  private roots: ModelsNode[] = [];
  private sets: readonly DuplicateSet[] = [];
  private watcher: vscode.FileSystemWatcher | undefined;
  private settling: NodeJS.Timeout | undefined;
  private isStale = false;
  private told: Set<ModelsNode> | undefined;

  constructor(
    private readonly engine: EngineClient,
    private readonly summaries: ModelSummaries,
    private readonly memento: vscode.Memento,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.view = vscode.window.createTreeView(modelsViewId, { treeDataProvider: this, showCollapseAll: true });
    this.disposables.push(
      this.view,
      this.changes,
      this.view.onDidChangeVisibility(({ visible }) => {
        if (visible && this.isStale) this.refresh();
      }),
      vscode.workspace.onDidChangeWorkspaceFolders(() => this.invalidate()),
    );
    void vscode.commands.executeCommand('setContext', sortKey, this.sort);
  }

  get sort(): ModelSort {
    return this.memento.get<ModelSort>(sortKey) === 'name' ? 'name' : 'size';
  }

  async setSort(sort: ModelSort): Promise<void> {
    await this.memento.update(sortKey, sort);
    await vscode.commands.executeCommand('setContext', sortKey, sort);
    this.changes.fire(undefined);
  }

  /** What the view's focus is on. */
  get selected(): ModelsNode | undefined {
    return this.view.selection[0];
  }

  /** All models, listed now if they are not yet. */
  models(): Promise<readonly LocalModel[]> {
    this.listed ??= this.list();
    return this.listed;
  }

  /** Lists anew; figures of files that have not changed are kept. */
  refresh(): void {
    this.isStale = false;
    this.listed = undefined;
    this.changes.fire(undefined);
  }

  /** Shows sets of duplicates above everything else; none takes them away. */
  async showDuplicates(sets: readonly DuplicateSet[]): Promise<void> {
    this.sets = sets;
    this.changes.fire(undefined);
    if (sets.length === 0) return;
    await vscode.commands.executeCommand(`${modelsViewId}.focus`);
    const [first] = await this.getChildren();
    if (first) await this.view.reveal(first, { select: true, focus: true, expand: 2 });
  }

  async getChildren(node?: ModelsNode): Promise<ModelsNode[]> {
    if (!node) return this.rootNodes();
    if (node.kind === 'duplicates') return this.setNodes(node);
    return node.kind === 'model' ? [] : this.modelNodes(node);
  }

  getParent(node: ModelsNode): ModelsNode | undefined {
    return 'parent' in node ? node.parent : undefined;
  }

  getTreeItem(node: ModelsNode): vscode.TreeItem {
    switch (node.kind) {
      case 'place':
        return placeItem(node, this.roots.find(({ kind }) => kind === 'place') === node);
      case 'duplicates':
        return duplicatesItem(node);
      case 'set':
        return setItem(node);
      case 'model':
        return modelItem(node, this.summaries.known(node.model.path));
    }
  }

  private async rootNodes(): Promise<ModelsNode[]> {
    try {
      const models = await vscode.window.withProgress({ location: { viewId: modelsViewId } }, () =>
        this.models(),
      );
      const found = new Set(models.map((model) => model.path));
      this.sets = this.sets
        .map((set) => ({ ...set, models: set.models.filter((model) => found.has(model)) }))
        .filter((set) => set.models.length > 1);
      this.roots = [
        ...(this.sets.length > 0 ? [{ kind: 'duplicates' as const, sets: this.sets }] : []),
        ...places
          .map(
            (place): PlaceNode => ({
              kind: 'place',
              place,
              models: models.filter((model) => model.place === place),
            }),
          )
          .filter((node) => node.models.length > 0),
      ];
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      this.listed = undefined;
      this.roots = [];
      this.view.message = `The models could not be listed: ${error.message}`;
      this.log.error(`Models view: ${error.code}: ${error.message}`);
    }
    return this.roots;
  }

  private async setNodes(parent: DuplicatesNode): Promise<DuplicateSetNode[]> {
    const models = new Map((await this.models()).map((model) => [model.path, model]));
    return parent.sets.map((set) => ({
      kind: 'set',
      set,
      parent,
      models: set.models.flatMap((model) => models.get(model) ?? []),
    }));
  }

  private modelNodes(parent: PlaceNode | DuplicateSetNode): ModelNode[] {
    const isSet = parent.kind === 'set';
    const alike = namesakes(parent.models);
    const nodes = sortedModels(parent.models, this.sort).map((model): ModelNode => {
      const where = !isSet && alike.has(model.path) ? placeText(model) : undefined;
      return { kind: 'model', model, parent, where };
    });
    for (const node of nodes) void this.summarize(node);
    return nodes;
  }

  /** Reads a model's header and shows what it says; several that come at once are shown together. */
  private async summarize(node: ModelNode): Promise<void> {
    const { path: file } = node.model;
    const before = this.summaries.known(file);
    const summary = await this.summaries.get(file);
    if (summary === undefined || summary === before) return;
    if (this.told) {
      this.told.add(node);
      return;
    }
    const told = new Set<ModelsNode>([node]);
    this.told = told;
    setTimeout(() => {
      this.told = undefined;
      this.changes.fire([...told]);
    }, 100);
  }

  private async list(): Promise<readonly LocalModel[]> {
    this.watch();
    const uris = await vscode.workspace.findFiles(searched, left, mostFiles);
    const files = uris.filter(({ scheme }) => scheme === 'file').map(({ fsPath }) => fsPath);
    const models = await this.engine.call('listModels', { files, caches: true }, { again: true });
    this.view.message =
      files.length < mostFiles
        ? undefined
        : `Only the first ${mostFiles.toLocaleString()} files of the workspace were looked at.`;
    return models;
  }

  /** From the first listing on. */
  private watch(): void {
    if (this.watcher) return;
    this.watcher = vscode.workspace.createFileSystemWatcher(searched);
    const changed = (uri: vscode.Uri) => {
      // A sidecar of training or a dependency is not listed either.
      if (/[\\/](\.git|node_modules|\.venv|venv|site-packages|__pycache__)[\\/]/.test(uri.fsPath)) return;
      this.summaries.forget(uri.fsPath);
      for (const name of ['model.safetensors.index.json', 'pytorch_model.bin.index.json'])
        this.summaries.forget(path.join(path.dirname(uri.fsPath), name));
      this.invalidate();
    };
    this.disposables.push(
      this.watcher,
      this.watcher.onDidChange(changed),
      this.watcher.onDidCreate(changed),
      this.watcher.onDidDelete(changed),
    );
  }

  /** Lists anew once the files have settled, or when the view is next shown. */
  private invalidate(): void {
    if (!this.listed) return;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.listed = undefined;
      if (this.view.visible) this.refresh();
      else this.isStale = true;
    }, settleMs);
  }

  dispose(): void {
    clearTimeout(this.settling);
    for (const disposable of this.disposables) disposable.dispose();
  }
}
