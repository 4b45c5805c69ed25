/** One opened checkpoint, shared by all views of the same file; keeps figures so that a second view is instant. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import type {
  Catalogue,
  Finding,
  MetadataSlice,
  OpenProgress,
  Region,
  TensorStats,
  Tile,
} from '../protocol/engineApi';
import { limitFindings, valueFindings } from '../protocol/valueFindings';
import type { CheckpointOrigin } from './checkpointOrigin';
import { CheckpointWatcher, type FileChanges, type WatchedFile } from './checkpointWatcher';
import { readViewSettings } from './viewSettings';

export class CheckpointSession implements vscode.Disposable {
  private opened: Promise<Catalogue> | undefined;
  private readonly withChannels = new Map<number, TensorStats | null>();
  private readonly summaries = new Map<number, TensorStats | null>();
  private readonly values = new Map<number, readonly Finding[]>();
  private headerFindings: readonly Finding[] = [];
  private watcher: CheckpointWatcher | undefined;
  private isDisposed = false;
  private readonly changed = new vscode.EventEmitter<FileChanges>();
  private readonly found = new vscode.EventEmitter<readonly Finding[]>();
  /** Fires when files of the checkpoint changed on disk after they were read, and when they are again as they were. */
  readonly onDidChange = this.changed.event;
  /** Fires with all findings whenever they may have changed: after opening, analysis, and changes on disk. */
  readonly onDidFind = this.found.event;
  private readonly progressed = new vscode.EventEmitter<OpenProgress>();
  /** Fires while the headers of a model of several files are read. */
  readonly onDidProgress = this.progressed.event;

  constructor(
    readonly uri: vscode.Uri,
    private readonly engine: EngineClient,
    private readonly origin: CheckpointOrigin,
  ) {}

  /** Where the model came from, in a sentence; nothing for an ordinary file. */
  get originNotice(): string | undefined {
    return this.origin.notice;
  }

  /** Path on this machine with the values. Throws a LoupeError with the reason when there is none. */
  diskPath(): Promise<string> {
    return this.origin.diskPath();
  }

  /** The catalogue, read once; `reload` reads the file again and forgets all figures. */
  catalogue(reload = false): Promise<Catalogue> {
    if (reload || !this.opened) {
      this.withChannels.clear();
      this.summaries.clear();
      this.values.clear();
      const opening = this.read(reload);
      this.opened = opening;
      // A refused file is read anew at the next request: it may have been replaced meanwhile.
      opening.catch(() => {
        if (this.opened === opening) this.opened = undefined;
      });
    }
    return this.opened;
  }

  private async read(isAsked: boolean): Promise<Catalogue> {
    const isOnDisk = this.uri.scheme === 'file';
    try {
      const catalogue = await this.origin.open(isAsked, (progress) => this.progressed.fire(progress));
      if (isOnDisk) this.watch(watchedFiles(catalogue));
      this.tellFindings(catalogue.findings);
      return catalogue;
    } catch (thrown) {
      const error = LoupeError.from(thrown, { file: isOnDisk ? this.uri.fsPath : this.uri.toString(true) });
      if (isOnDisk) this.watch([{ path: this.uri.fsPath }]);
      this.tellFindings(refusal(error));
      throw error;
    }
  }

  private watch(files: readonly WatchedFile[]): void {
    this.watcher?.dispose();
    if (this.isDisposed) return;
    this.watcher = new CheckpointWatcher(files, (changes) => {
      this.changed.fire(changes);
      void this.findAnew();
    });
  }

  /** Problems follow the disk at once, while the page waits for its reader to ask. */
  private async findAnew(): Promise<void> {
    let findings: readonly Finding[];
    let isSame = false;
    try {
      const now = await this.engine.call('open', { path: this.uri.fsPath });
      const shown = await this.opened?.catch(() => undefined);
      isSame = shown?.generation === now.generation;
      findings = now.findings;
    } catch (thrown) {
      findings = refusal(LoupeError.from(thrown, { file: this.uri.fsPath }));
    }
    // Figures of other bytes say nothing about these.
    if (isSame) this.tellFindings(findings);
    else if (!this.isDisposed) this.found.fire(findings);
  }

  private tellFindings(header = this.headerFindings): void {
    this.headerFindings = header;
    if (this.isDisposed) return;
    const findings = [...header, ...limitFindings([...this.values.values()].flat())];
    // Problems are shown at files; of a model that is on no disk they are the document's.
    const isOnDisk = this.uri.scheme === 'file';
    this.found.fire(isOnDisk ? findings : findings.map((finding) => ({ ...finding, file: undefined })));
  }

  /** Keeps what a tensor's figures say; true when that is anything. */
  private findValues({ tensors, files }: Catalogue, index: number, stats: TensorStats | null): boolean {
    if (!stats) return false;
    const findings = valueFindings(stats, {
      name: stats.name,
      file: files[tensors.file[index]!]?.path,
      byteOffset: tensors.byteOffset[index],
      dtype: tensors.dtypes[tensors.dtype[index]!],
    });
    if (findings.length === 0 || this.values.has(index)) return false;
    this.values.set(index, findings);
    return true;
  }

  /** Figures of one tensor with its channels. */
  async stats(tensor: number, signal?: AbortSignal): Promise<TensorStats | null> {
    const known = this.withChannels.get(tensor);
    if (known !== undefined) return known;
    const catalogue = await this.catalogue();
    const { path: file, generation } = catalogue;
    const [stats = null] = await this.engine.call(
      'stats',
      {
        path: file,
        generation,
        tensors: [tensor],
        channels: 'full',
        outlierFactor: readViewSettings().outlierFactor,
      },
      { signal },
    );
    this.withChannels.set(tensor, stats);
    this.summaries.set(tensor, summary(stats));
    if (this.findValues(catalogue, tensor, stats)) this.tellFindings();
    return stats;
  }

  /** Figures of many tensors, those already known first; `report` hears each as it comes. */
  async analyze(
    tensors: readonly number[],
    report: (index: number, stats: TensorStats | null) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const catalogue = await this.catalogue();
    const { path: file, generation } = catalogue;
    const wanted: number[] = [];
    for (const index of tensors) {
      const known = this.summaries.get(index);
      if (known === undefined) wanted.push(index);
      else report(index, known);
    }
    if (wanted.length === 0) return;
    let hasFound = false;
    try {
      await this.engine.call(
        'stats',
        { path: file, generation, tensors: wanted, channels: 'none' },
        {
          signal,
          progress: ({ index, stats }) => {
            const kept = summary(stats);
            this.summaries.set(index, kept);
            if (this.findValues(catalogue, index, stats)) hasFound = true;
            report(index, kept);
          },
        },
      );
    } finally {
      if (hasFound) this.tellFindings();
    }
  }

  /** A run of an array's values in the metadata. */
  async metadataSlice(
    params: { key: string; start: number; count: number },
    signal?: AbortSignal,
  ): Promise<MetadataSlice> {
    const { path: file, generation } = await this.catalogue();
    return this.engine.call('metadataSlice', { path: file, generation, ...params }, { signal });
  }

  async tile(
    params: { tensor: number; region?: Region | undefined; rows: number; columns: number },
    signal?: AbortSignal,
  ): Promise<Tile> {
    const { path: file, generation } = await this.catalogue();
    return this.engine.call('tile', { path: file, generation, ...params }, { signal });
  }

  dispose(): void {
    this.isDisposed = true;
    this.origin.dispose();
    this.watcher?.dispose();
    this.changed.dispose();
    this.progressed.dispose();
    this.found.dispose();
  }
}

/** The figures of a table's row: of 100,000 tensors neither histograms nor channels are kept or sent to a page. */
function summary(stats: TensorStats | null): TensorStats | null {
  return stats && { ...stats, histogram: null, channels: undefined };
}

/** The weights as they were read, and the small files that are shown with them. */
function watchedFiles(catalogue: Catalogue): readonly WatchedFile[] {
  const known = new Set(catalogue.files.map((file) => file.path));
  // A shard that was missing or broken when the model was opened may come, or be fetched anew.
  const awaited = catalogue.findings.flatMap(({ code, file }) =>
    file !== undefined && (code === 'missing-shard' || code === 'unreadable-shard') ? [file] : [],
  );
  const config = catalogue.config ? [path.join(catalogue.folder, 'config.json')] : [];
  const beside = new Set([catalogue.path, ...config, ...awaited]);
  return [
    ...catalogue.files,
    ...[...beside].filter((file) => !known.has(file)).map((file) => ({ path: file })),
  ];
}

/** A refused file as the one finding that it has; none where it is not the file that is to blame. */
function refusal(error: LoupeError): readonly Finding[] {
  if (!['malformed', 'unsupported', 'not-a-checkpoint', 'io'].includes(error.code)) return [];
  const { code, message, file, tensor, byteOffset } = error;
  return [{ severity: 'error', code, message, file, tensor, byteOffset }];
}
