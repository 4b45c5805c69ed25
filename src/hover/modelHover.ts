/** Hovers over strings that name a checkpoint file or a model folder in the workspace. */
import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import type { CheckpointBrief } from '../protocol/engineApi';
import { hoverTable } from './hoverTable';
import { mayNameModel, stringAt } from './modelReference';

/** Languages whose strings are looked at; bare words count in those where paths are often unquoted. */
export const hoverLanguages = [
  'python',
  'json',
  'jsonc',
  'yaml',
  'dockercompose',
  'toml',
  'markdown',
] as const;
const bareWordLanguages = new Set(['yaml', 'dockercompose', 'toml', 'markdown', 'plaintext']);

/** Also by file name: TOML has no built-in language in VS Code. */
export const hoverSelector: vscode.DocumentSelector = [
  ...hoverLanguages.map((language) => ({ language })),
  { pattern: '**/*.toml' },
];

const checkpointName = /\.(safetensors|gguf|onnx|pt|pth|npz|npy)$|\.(safetensors|bin)\.index\.json$/;

interface CachedBrief {
  readonly stamp: string;
  readonly brief: CheckpointBrief;
}

export class ModelHoverProvider implements vscode.HoverProvider {
  private readonly cache = new Map<string, CachedBrief>();

  constructor(private readonly engine: EngineClient) {}

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.Hover | undefined> {
    if (!vscode.workspace.getConfiguration('tensorLoupe').get<boolean>('hover.enabled', true))
      return undefined;
    const bareWords = bareWordLanguages.has(document.languageId) || document.fileName.endsWith('.toml');
    const found = stringAt(document.lineAt(position.line).text, position.character, bareWords);
    if (!found || !mayNameModel(found.text)) return undefined;
    const target = await this.resolve(found.text, document);
    if (!target || token.isCancellationRequested) return undefined;
    const brief = await this.brief(target);
    if (!brief || token.isCancellationRequested) return undefined;
    const command = `command:tensorLoupe.openCheckpoint?${encodeURIComponent(JSON.stringify([target.path]))}`;
    const markdown = new vscode.MarkdownString(hoverTable(brief, command), true);
    markdown.isTrusted = { enabledCommands: ['tensorLoupe.openCheckpoint'] };
    return new vscode.Hover(markdown, new vscode.Range(position.line, found.start, position.line, found.end));
  }

  /** The file or folder that a text names: relative to the document, then to each workspace folder, inside them only. */
  private async resolve(
    text: string,
    document: vscode.TextDocument,
  ): Promise<{ path: string; stamp: string } | undefined> {
    const name = text.startsWith('file://') ? safeFileUrl(text) : text;
    if (name === undefined) return undefined;
    const roots = (vscode.workspace.workspaceFolders ?? [])
      .filter((folder) => folder.uri.scheme === 'file')
      .map((folder) => folder.uri.fsPath);
    const bases = document.uri.scheme === 'file' ? [path.dirname(document.uri.fsPath), ...roots] : roots;
    const candidates = path.isAbsolute(name)
      ? [path.normalize(name)]
      : bases.map((base) => path.resolve(base, name));
    for (const candidate of new Set(candidates)) {
      // Strings in untrusted files must not make us probe the rest of the machine.
      if (!roots.some((root) => isInside(root, candidate))) continue;
      const found = await this.checkpointAt(candidate);
      if (found) return found;
    }
    return undefined;
  }

  private async checkpointAt(candidate: string): Promise<{ path: string; stamp: string } | undefined> {
    const info = await stat(candidate).catch(() => undefined);
    if (info?.isFile() && checkpointName.test(candidate)) {
      return { path: candidate, stamp: `${info.size}:${info.mtimeMs}` };
    }
    if (!info?.isDirectory()) return undefined;
    for (const name of ['model.safetensors.index.json', 'model.safetensors']) {
      const file = path.join(candidate, name);
      const inner = await stat(file).catch(() => undefined);
      if (inner?.isFile()) return { path: file, stamp: `${inner.size}:${inner.mtimeMs}` };
    }
    return undefined;
  }

  private async brief(target: { path: string; stamp: string }): Promise<CheckpointBrief | undefined> {
    const cached = this.cache.get(target.path);
    if (cached?.stamp === target.stamp) return cached.brief;
    try {
      const brief = await this.engine.call('brief', { path: target.path });
      if (this.cache.size >= 100) this.cache.delete(this.cache.keys().next().value!);
      this.cache.set(target.path, { stamp: target.stamp, brief });
      return brief;
    } catch {
      // A file that is refused explains itself when it is opened; a hover stays quiet.
      return undefined;
    }
  }
}

function isInside(root: string, candidate: string): boolean {
  const relative = path.relative(root, candidate);
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
}

function safeFileUrl(text: string): string | undefined {
  try {
    return fileURLToPath(text);
  } catch {
    return undefined;
  }
}
