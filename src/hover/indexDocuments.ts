/** Lenses and hovers in an `*.index.json`: totals, and shards that are missing. */
import * as vscode from 'vscode';
import { fileStamp } from '../bytes/fileStamp';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import type { IndexCost } from '../protocol/costApi';
import { indexLens, indexTable, missingLens, shardTable } from './indexTable';
import { stringAt } from './modelReference';

export const indexSelector: vscode.DocumentSelector = {
  scheme: 'file',
  pattern: '**/*.{safetensors,bin}.index.json',
};

/** Names of an index's own members. */
const ownNames: ReadonlySet<string> = new Set(['metadata', 'total_size', 'weight_map']);
/** Shards come and go while a model is downloaded. */
const keptMs = 2000;

export class IndexDocuments implements vscode.HoverProvider, vscode.CodeLensProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly listening: vscode.Disposable;
  private kept: { key: string; atMs: number; cost: Promise<IndexCost> } | undefined;
  readonly onDidChangeCodeLenses = this.changed.event;

  constructor(private readonly engine: EngineClient) {
    this.listening = vscode.window.onDidChangeActiveTextEditor((editor) => {
      if (editor && vscode.languages.match(indexSelector, editor.document) > 0) this.changed.fire();
    });
  }

  dispose(): void {
    this.listening.dispose();
    this.changed.dispose();
  }

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.Hover | undefined> {
    if (!vscode.workspace.getConfiguration('tensorLoupe').get<boolean>('hover.enabled', true))
      return undefined;
    const found = stringAt(document.lineAt(position.line).text, position.character, false);
    if (!found) return undefined;
    try {
      const cost = await this.cost(document);
      const text = ownNames.has(found.text) ? indexTable(cost) : shardTable(found.text, cost);
      if (text === undefined || token.isCancellationRequested) return undefined;
      const range = new vscode.Range(position.line, found.start, position.line, found.end);
      return new vscode.Hover(new vscode.MarkdownString(text, true), range);
    } catch {
      return undefined;
    }
  }

  async provideCodeLenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    const top = new vscode.Range(0, 0, 0, 0);
    const plain = (title: string) => new vscode.CodeLens(top, { title, command: '' });
    try {
      const cost = await this.cost(document);
      const missing = missingLens(cost);
      return [
        plain(indexLens(cost)),
        ...(missing === undefined ? [] : [plain(`$(error)\u00a0${missing}`)]),
        ...(cost.shards.some(({ fileBytes }) => fileBytes !== undefined)
          ? [
              new vscode.CodeLens(top, {
                title: '$(search)\u00a0Open in Tensor Loupe',
                command: 'tensorLoupe.openCheckpoint',
                arguments: [document.uri],
              }),
            ]
          : []),
      ];
    } catch (thrown) {
      const { code, message } = LoupeError.from(thrown);
      return code === 'malformed' ? [plain(`$(warning)\u00a0${message.replaceAll('$(', '$ (')}`)] : [];
    }
  }

  /** Of the file as it is saved. */
  private async cost({ uri }: vscode.TextDocument): Promise<IndexCost> {
    const key = `${uri.fsPath}\0${await fileStamp(uri.fsPath)}`;
    const now = performance.now();
    if (this.kept?.key === key && now - this.kept.atMs < keptMs) return this.kept.cost;
    const cost = this.engine.call('indexCost', { path: uri.fsPath });
    this.kept = { key, atMs: now, cost };
    return cost;
  }
}
