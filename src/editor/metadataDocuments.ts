/** Texts of a GGUF file's metadata as documents of their own: a chat template is edited and saved like any file. */
import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { Catalogue, MetadataEntry } from '../protocol/engineApi';
import type { EditMetadataReport, EditMetadataRequest } from '../protocol/ggufApi';

export const metadataScheme = 'tensor-loupe-metadata';
export const chatTemplateKey = 'tokenizer.chat_template';

/** The document of a text in a GGUF file, which lies in the file as in a folder: that is what editors show. */
export function metadataUri(file: string, key: string): vscode.Uri {
  const ending = key.includes('chat_template') ? '.jinja' : '.txt';
  const uri = vscode.Uri.file(file);
  const name = `${key.replaceAll('/', '_')}${ending}`;
  return uri.with({ scheme: metadataScheme, path: `${uri.path}/${name}`, query: key });
}

function placeOf(uri: vscode.Uri): { file: string; key: string } {
  const folder = uri.with({ scheme: 'file', path: path.posix.dirname(uri.path), query: '' });
  return { file: folder.fsPath, key: uri.query };
}

export class MetadataDocuments implements vscode.FileSystemProvider {
  private readonly changes = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly onDidChangeFile = this.changes.event;

  constructor(private readonly engine: EngineClient) {}

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => {});
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const { file } = placeOf(uri);
    const { mtimeMs, ctimeMs } = await stat(file);
    const { length } = await this.readFile(uri);
    return { type: vscode.FileType.File, mtime: mtimeMs, ctime: ctimeMs, size: length };
  }

  /** The text; empty where the file lacks the key, which saving adds then. */
  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    const { file, key } = placeOf(uri);
    const { metadata } = await this.engine.call('open', { path: file });
    const entry = metadata.find((each) => each.key === key);
    if (entry && typeof entry.value !== 'string')
      throw new LoupeError('unsupported', `${key} is no text that can be edited here.`, { file });
    return new TextEncoder().encode(entry ? String(entry.value) : '');
  }

  async writeFile(uri: vscode.Uri, content: Uint8Array): Promise<void> {
    const { file, key } = placeOf(uri);
    if (!vscode.workspace.isTrusted)
      throw vscode.FileSystemError.NoPermissions('Saving waits until this workspace is trusted.');
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
    await writeEdits(this.engine, {
      path: file,
      edits: [{ key, type: 'string', text }],
      ...{ overwrite: false, dryRun: false },
    });
    this.changes.fire([{ type: vscode.FileChangeType.Changed, uri }]);
  }

  readDirectory(): [string, vscode.FileType][] {
    return [];
  }

  createDirectory(uri: vscode.Uri): void {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  delete(uri: vscode.Uri): void {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  rename(uri: vscode.Uri): void {
    throw vscode.FileSystemError.NoPermissions(uri);
  }
}

/** Writes with progress that can be cancelled; rejects as the engine does. */
export function writeEdits(engine: EngineClient, request: EditMetadataRequest): Thenable<EditMetadataReport> {
  return vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: `Writing ${path.basename(request.out ?? request.path)}`,
      cancellable: true,
    },
    (progress, token) => {
      const controller = new AbortController();
      token.onCancellationRequested(() => controller.abort());
      let shown = 0;
      return engine.call('editMetadata', request, {
        signal: controller.signal,
        progress: ({ bytesDone, bytesTotal }) => {
          const percent = (100 * bytesDone) / Math.max(1, bytesTotal);
          progress.report({
            message: `${binarySize(bytesDone)} of ${binarySize(bytesTotal)}, written and read back`,
            increment: percent - shown,
          });
          shown = percent;
        },
      });
    },
  );
}

/** A value on one line: texts cut, arrays by their length and first values. */
export function shortValue(entry: Pick<MetadataEntry, 'type' | 'value'>): string {
  const { value } = entry;
  if (typeof value !== 'object') return oneLine(valueText(entry));
  return oneLine(`${value.length.toLocaleString()} values: ${value.head.slice(0, 4).join(', ')}`);
}

/** A single value as people write it: an f32 in the fewest digits that mean it. */
export function valueText({ type, value }: Pick<MetadataEntry, 'type' | 'value'>): string {
  if (type !== 'f32' || typeof value !== 'number') return String(value);
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}

const oneLine = (text: string): string => {
  const line = text.replace(/\s+/g, ' ');
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
};

/** Refuses what is no GGUF file on disk. */
export async function ggufCatalogue(engine: EngineClient, file: string): Promise<Catalogue> {
  const catalogue = await engine.call('open', { path: file });
  if (catalogue.format !== 'gguf')
    throw new LoupeError('unsupported', 'Only the metadata of a GGUF file can be edited.', { file });
  return catalogue;
}
