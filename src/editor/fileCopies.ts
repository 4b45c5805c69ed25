/**
 * Files of schemes that allow no reads by position (zip, git, GitHub, ...), read whole into private files that the compute
 * process can read, up to a limit. A copy is removed with its document, and what a dead host left behind with the
 * next copy.
 */
import { rmSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { CheckpointOrigin } from './checkpointOrigin';

const defaultLimitMB = 256;
const folderPattern = /^copy-(\d+)-/;
const shardPattern = /^(.+)-\d+-of-(\d+)\.(safetensors|gguf|bin)$/;

interface WantedFile {
  readonly uri: vscode.Uri;
  readonly bytes: number;
}

export class FileCopies implements vscode.Disposable {
  private readonly folders = new Set<string>();
  private isSwept = false;

  /** `storage` is a folder of the extension on this machine; it need not exist. */
  constructor(private readonly storage: string) {}

  /** A document of another scheme; each opening makes a new copy. */
  origin(uri: vscode.Uri, engine: EngineClient): CheckpointOrigin {
    let copy: Promise<string> | undefined;
    let folder: string | undefined;
    let isDisposed = false;
    const release = () => {
      if (folder !== undefined) this.remove(folder);
      folder = undefined;
    };
    const open = async () => {
      release();
      const made = await this.copy(uri);
      folder = made.folder;
      if (isDisposed) release();
      return made.file;
    };
    return {
      notice: `Read whole from "${uri.scheme}:" into a temporary copy, which shows the file as it was then.`,
      open: async (_isAsked, progress) => {
        copy = open();
        return engine.call('open', { path: await copy }, { progress });
      },
      diskPath: () => {
        copy ??= open();
        return copy;
      },
      dispose: () => {
        isDisposed = true;
        release();
      },
    };
  }

  /** Removes all copies; quick, since the host is about to end. */
  dispose(): void {
    for (const folder of this.folders) rmSync(folder, { recursive: true, force: true });
    this.folders.clear();
  }

  private remove(folder: string): void {
    this.folders.delete(folder);
    // The compute process may hold a file open for a moment, which stops Windows from removing it.
    void fs.rm(folder, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
  }

  /** Throws `unsupported` naming size and limit, or `io` when the other file system fails. */
  private async copy(uri: vscode.Uri): Promise<{ folder: string; file: string }> {
    const limit = limitBytes();
    const name = fileNameOf(uri);
    const wanted = await this.wantedFiles(uri);
    let total = wanted.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total > limit) throw tooLarge(uri, wanted.length, total, limit);
    await this.sweep();
    await fs.mkdir(this.storage, { recursive: true });
    const folder = await fs.mkdtemp(path.join(this.storage, `copy-${process.pid}-`));
    this.folders.add(folder);
    try {
      // The folder's name is the model's name.
      const model = path.join(folder, safeName(path.posix.basename(path.posix.dirname(uri.path))));
      await fs.mkdir(model);
      total = 0;
      for (const file of wanted) {
        const content = await readWhole(file.uri);
        // Some file systems do not know sizes before they have read.
        total += content.length;
        if (total > limit) throw tooLarge(uri, wanted.length, total, limit);
        await fs.writeFile(path.join(model, fileNameOf(file.uri)), content, { mode: 0o600 });
      }
      return { folder, file: path.join(model, name) };
    } catch (thrown) {
      this.remove(folder);
      throw LoupeError.from(thrown, { file: uri.toString(true) });
    }
  }

  /** The file itself, the other shards of its set, and its config. */
  private async wantedFiles(uri: vscode.Uri): Promise<WantedFile[]> {
    let own: WantedFile;
    try {
      own = { uri, bytes: (await vscode.workspace.fs.stat(uri)).size };
    } catch (thrown) {
      throw readFailure(thrown, uri);
    }
    // A query may name the file once more (git's does), so that siblings cannot be addressed.
    if (uri.query !== '') return [own];
    const folder = uri.with({ path: path.posix.dirname(uri.path) });
    const name = path.posix.basename(uri.path);
    let names: readonly string[];
    try {
      names = (await vscode.workspace.fs.readDirectory(folder)).map(([sibling]) => sibling);
    } catch {
      return [own];
    }
    const siblings = names.filter((sibling) => sibling !== name && belongsTo(name, sibling));
    const wanted = [own];
    for (const sibling of siblings) {
      const file = uri.with({ path: path.posix.join(folder.path, sibling) });
      const found = await vscode.workspace.fs.stat(file).then(
        ({ size, type }) => ({ size, isFile: (type & vscode.FileType.File) !== 0 }),
        () => undefined,
      );
      if (found?.isFile) wanted.push({ uri: file, bytes: found.size });
    }
    return wanted;
  }

  /** Removes copies of hosts that are gone. */
  private async sweep(): Promise<void> {
    if (this.isSwept) return;
    this.isSwept = true;
    for (const name of await fs.readdir(this.storage).catch(() => [])) {
      const pid = Number(folderPattern.exec(name)?.[1]);
      if (pid > 0 && !isAlive(pid))
        await fs.rm(path.join(this.storage, name), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

/** Whether a file beside `name` is part of the same model: a shard of its set, its index, or the config. */
function belongsTo(name: string, sibling: string): boolean {
  const indexStem = /^(.+)\.(safetensors|bin)\.index\.json$/;
  const own = shardPattern.exec(name);
  const ownStem = own?.[1] ?? indexStem.exec(name)?.[1];
  const other = shardPattern.exec(sibling);
  if (sibling === 'config.json') return !name.endsWith('.gguf');
  if (ownStem === undefined) return false;
  if (other) return other[1] === ownStem && (own === null || own[2] === other[2]);
  return indexStem.exec(sibling)?.[1] === ownStem;
}

async function readWhole(uri: vscode.Uri): Promise<Uint8Array> {
  try {
    return await vscode.workspace.fs.readFile(uri);
  } catch (thrown) {
    throw readFailure(thrown, uri);
  }
}

function readFailure(thrown: unknown, uri: vscode.Uri): LoupeError {
  const isMissing = thrown instanceof vscode.FileSystemError && thrown.code === 'FileNotFound';
  const message = isMissing
    ? 'There is no such file.'
    : `"${uri.scheme}:" cannot read it: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  return new LoupeError(isMissing ? 'not-found' : 'io', message, { file: uri.toString(true) });
}

function limitBytes(): number {
  const set = vscode.workspace
    .getConfiguration('tensorLoupe')
    .get<number>('wholeReadLimitMB', defaultLimitMB);
  return (Number.isFinite(set) && set > 0 ? set : defaultLimitMB) * 1_048_576;
}

function tooLarge(uri: vscode.Uri, fileCount: number, bytes: number, limit: number): LoupeError {
  const name = path.posix.basename(uri.path);
  const what = fileCount === 1 ? `${name} has` : `${name} and the files that belong to it have`;
  return new LoupeError(
    'unsupported',
    `${what} ${binarySize(bytes)}. Files of "${uri.scheme}:" are read whole, up to ${binarySize(limit)} (setting tensorLoupe.wholeReadLimitMB). Save it to disk and open it there.`,
    { file: uri.toString(true) },
  );
}

/** A URI's last part as a file name of this machine. */
const fileNameOf = (uri: vscode.Uri): string => safeName(path.posix.basename(uri.path));

/** A name without what file systems refuse, and never one that leads elsewhere. */
function safeName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are among what file systems refuse.
  const safe = name.replace(/[\u0000-\u001f<>:"/\\|?*]+/g, '-').slice(-120);
  return safe === '' || safe === '.' || safe === '..' ? 'model' : safe;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as { code?: unknown }).code === 'EPERM';
  }
}
