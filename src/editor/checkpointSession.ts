/** One opened checkpoint, shared by all views of the same file; keeps figures so that a second view is instant. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import type { Catalogue, Region, TensorStats, Tile } from '../protocol/engineApi';
import { readViewSettings } from './viewSettings';

export class CheckpointSession implements vscode.Disposable {
  private opened: Promise<Catalogue> | undefined;
  private readonly withChannels = new Map<number, TensorStats | null>();
  private readonly summaries = new Map<number, TensorStats | null>();
  private watcher: vscode.FileSystemWatcher | undefined;
  private readonly changed = new vscode.EventEmitter<void>();
  /** Fires when a file of the checkpoint changed on disk after it was read. */
  readonly onDidChange = this.changed.event;

  constructor(
    readonly uri: vscode.Uri,
    private readonly engine: EngineClient,
  ) {}

  /** The catalogue, read once; `reload` reads the file again and forgets all figures. */
  catalogue(reload = false): Promise<Catalogue> {
    if (reload || !this.opened) {
      this.withChannels.clear();
      this.summaries.clear();
      const opening = this.read();
      this.opened = opening;
      // A refused file is read anew at the next request: it may have been replaced meanwhile.
      opening.catch(() => {
        if (this.opened === opening) this.opened = undefined;
      });
    }
    return this.opened;
  }

  private async read(): Promise<Catalogue> {
    if (this.uri.scheme !== 'file') {
      throw new LoupeError(
        'unsupported',
        `Tensor Loupe reads files by position, which "${this.uri.scheme}:" documents do not allow. Save the file to disk and open it there.`,
        { file: this.uri.toString() },
      );
    }
    const catalogue = await this.engine.call('open', { path: this.uri.fsPath });
    this.watch(catalogue);
    return catalogue;
  }

  private watch(catalogue: Catalogue): void {
    this.watcher?.dispose();
    const names = new Set(catalogue.files.map((file) => path.basename(file.path)));
    const pattern = new vscode.RelativePattern(
      vscode.Uri.file(catalogue.folder),
      '*.{safetensors,gguf,onnx,onnx_data,data,pt,pth,ckpt,bin,npz,npy,json}',
    );
    this.watcher = vscode.workspace.createFileSystemWatcher(pattern);
    const onEvent = (uri: vscode.Uri) => {
      if (names.has(path.basename(uri.fsPath))) this.changed.fire();
    };
    this.watcher.onDidChange(onEvent);
    this.watcher.onDidCreate(onEvent);
    this.watcher.onDidDelete(onEvent);
  }

  /** Figures of one tensor with its channels. */
  async stats(tensor: number, signal?: AbortSignal): Promise<TensorStats | null> {
    const known = this.withChannels.get(tensor);
    if (known !== undefined) return known;
    const { path: file, generation } = await this.catalogue();
    const [stats = null] = await this.engine.call(
      'stats',
      {
        path: file,
        generation,
        tensors: [tensor],
        channels: true,
        outlierFactor: readViewSettings().outlierFactor,
      },
      { signal },
    );
    this.withChannels.set(tensor, stats);
    this.summaries.set(tensor, summary(stats));
    return stats;
  }

  /** Figures of many tensors, those already known first; `report` hears each as it comes. */
  async analyze(
    tensors: readonly number[],
    report: (index: number, stats: TensorStats | null) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { path: file, generation } = await this.catalogue();
    const wanted: number[] = [];
    for (const index of tensors) {
      const known = this.summaries.get(index);
      if (known === undefined) wanted.push(index);
      else report(index, known);
    }
    if (wanted.length === 0) return;
    await this.engine.call(
      'stats',
      { path: file, generation, tensors: wanted, channels: false },
      {
        signal,
        progress: ({ index, stats }) => {
          const kept = summary(stats);
          this.summaries.set(index, kept);
          report(index, kept);
        },
      },
    );
  }

  async tile(
    params: { tensor: number; region?: Region | undefined; rows: number; columns: number },
    signal?: AbortSignal,
  ): Promise<Tile> {
    const { path: file, generation } = await this.catalogue();
    return this.engine.call('tile', { path: file, generation, ...params }, { signal });
  }

  dispose(): void {
    this.watcher?.dispose();
    this.changed.dispose();
  }
}

/** The figures of a table's row: of 100,000 tensors neither histograms nor channels are kept or sent to a page. */
function summary(stats: TensorStats | null): TensorStats | null {
  return stats && { ...stats, histogram: null, channels: undefined };
}
