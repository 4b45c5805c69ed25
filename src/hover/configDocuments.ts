/** Hovers over the fields of a model's config.json, and lenses with what it implies. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { configLens, contextLens, fieldTable } from './configTable';
import { jsonMemberAt } from './jsonPathAt';

export const configSelector: vscode.DocumentSelector = { pattern: '**/config.json' };

/** Configurations of models have some kilobytes. */
const mostCharacters = 1_000_000;
/** Other programs have a config.json too, and are not asked about. */
const modelMark = /"(?:model_type|architectures)"\s*:/;
const weightNames = ['model.safetensors.index.json', 'model.safetensors', 'pytorch_model.bin.index.json'];

export class ConfigDocuments implements vscode.HoverProvider, vscode.CodeLensProvider {
  constructor(private readonly engine: EngineClient) {}

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.Hover | undefined> {
    if (!vscode.workspace.getConfiguration('tensorLoupe').get<boolean>('hover.enabled', true))
      return undefined;
    const text = modelText(document);
    const member = text === undefined ? undefined : jsonMemberAt(text, document.offsetAt(position));
    const name = member?.path.at(-1);
    if (text === undefined || !member || name === undefined) return undefined;
    try {
      const cost = await this.engine.call('configCost', { text, field: member.path });
      // A field of the quantization is told as a whole.
      const shown = member.path.includes('quantization_config') ? 'quantization_config' : name;
      const table = fieldTable(shown, cost);
      if (table === undefined || token.isCancellationRequested) return undefined;
      const range = new vscode.Range(document.positionAt(member.start), document.positionAt(member.end));
      return new vscode.Hover(new vscode.MarkdownString(table, true), range);
    } catch {
      // What cannot be counted has no hover; the checkpoint's findings say why.
      return undefined;
    }
  }

  async provideCodeLenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    const text = modelText(document);
    if (text === undefined) return [];
    try {
      const cost = await this.engine.call('configCost', { text });
      const top = new vscode.Range(0, 0, 0, 0);
      const titles = [configLens(cost), contextLens(cost)].filter((title) => title !== '');
      const beside = await weightsBeside(document.uri);
      return [
        ...titles.map((title) => new vscode.CodeLens(top, { title, command: '' })),
        ...(beside
          ? [
              new vscode.CodeLens(top, {
                title: '$(search)\u00a0Open in Tensor Loupe',
                command: 'tensorLoupe.openCheckpoint',
                arguments: [beside],
              }),
            ]
          : []),
      ];
    } catch {
      return [];
    }
  }
}

/** The text of a configuration that is a model's by its looks. */
function modelText(document: vscode.TextDocument): string | undefined {
  const text = document.getText();
  return text.length <= mostCharacters && modelMark.test(text) ? text : undefined;
}

async function weightsBeside(uri: vscode.Uri): Promise<vscode.Uri | undefined> {
  if (uri.scheme !== 'file') return undefined;
  for (const name of weightNames) {
    const file = vscode.Uri.file(path.join(path.dirname(uri.fsPath), name));
    const isThere = await vscode.workspace.fs.stat(file).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  return undefined;
}
