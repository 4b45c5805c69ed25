/** One opened checkpoint, shared by all views of the same file; keeps figures so that a second view is instant. */
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import type {
  Catalogue,
  EngineContract,
  Finding,
  MetadataSlice,
  OpenProgress,
  Region,
  TensorStats,
  Tile,
} from '../protocol/engineApi';
import type { ImportanceStatistics } from '../protocol/importanceApi';
import {
  decodeRecord,
  encodeRecords,
  type IndexedStats,
  type StatsRecords,
  StatsStore,
  withoutTop,
} from '../protocol/statsRecords';
import { type AnalysisProgress, AnalysisRun, type SkippedTensor } from './analysisRun';
import type { AnalysisSettings } from './analysisSettings';
import { CheckpointFindings, refusalFindings } from './checkpointFindings';
import type { CheckpointOrigin } from './checkpointOrigin';
import { CheckpointWatcher, type FileChanges, type WatchedFile, watchedFiles } from './checkpointWatcher';
import { ShownPages } from './shownPages';

type Distribution = EngineContract['distribution'];

/** Details with their channels that are kept: a row of 2^20 columns takes megabytes. */
const mostDetailsInMemory = 64;

export class CheckpointSession implements vscode.Disposable {
  private opened: Promise<Catalogue> | undefined;
  private readonly withChannels = new Map<number, TensorStats | null>();
  private summaries = new StatsStore(0);
  private readonly runs = new Set<AnalysisRun>();
  private analyses = 0;
  private readonly findings = new CheckpointFindings((findings) => this.tellFindings(findings));
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
  private readonly analyzed = new vscode.EventEmitter<AnalysisProgress | undefined>();
  /** Fires while tensors are analyzed, and without a value at the end. */
  readonly onDidAnalyze = this.analyzed.event;
  private readonly restarted = new vscode.EventEmitter<string>();
  /** Fires with a sentence when something about the analysis must be said. */
  readonly onDidInterrupt = this.restarted.event;
  /** Tensors are analyzed while a page is shown, if the user wants it so. */
  readonly pages = new ShownPages(() => this.settings().pauseWhenHidden);

  constructor(
    readonly uri: vscode.Uri,
    private readonly engine: EngineClient,
    private readonly origin: CheckpointOrigin,
    private readonly settings: () => AnalysisSettings,
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
      this.summaries = new StatsStore(0);
      this.findings.clearValues();
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
      this.findings.setHeader(catalogue.findings);
      return catalogue;
    } catch (thrown) {
      const error = LoupeError.from(thrown, { file: isOnDisk ? this.uri.fsPath : this.uri.toString(true) });
      if (isOnDisk) this.watch([{ path: this.uri.fsPath }]);
      this.findings.setHeader(refusalFindings(error));
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
      findings = refusalFindings(LoupeError.from(thrown, { file: this.uri.fsPath }));
    }
    // Figures of other bytes say nothing about these.
    if (isSame) this.findings.setHeader(findings);
    else if (!this.isDisposed) this.found.fire(findings);
  }

  private tellFindings(findings: readonly Finding[]): void {
    if (this.isDisposed) return;
    // Problems are shown at files; of a model that is on no disk they are the document's.
    const isOnDisk = this.uri.scheme === 'file';
    this.found.fire(isOnDisk ? findings : findings.map((finding) => ({ ...finding, file: undefined })));
  }

  /** Figures of one tensor with its channels. */
  async stats(tensor: number, signal?: AbortSignal): Promise<TensorStats | null> {
    const known = this.withChannels.get(tensor);
    if (known !== undefined) return known;
    const catalogue = await this.catalogue();
    const { cache, figures } = this.settings();
    const { path: file, generation } = catalogue;
    const [stats = null] = await this.engine.call(
      'stats',
      { path: file, generation, tensors: [tensor], channels: 'full', ...figures, cache },
      { signal, again: true },
    );
    this.withChannels.set(tensor, stats);
    if (this.withChannels.size > mostDetailsInMemory)
      this.withChannels.delete(this.withChannels.keys().next().value!);
    this.take(catalogue, encodeRecords([{ index: tensor, stats }]));
    return stats;
  }

  /** Figures that are known without reading a value, from this session or an earlier one. */
  async known(): Promise<readonly IndexedStats[]> {
    const catalogue = await this.catalogue();
    const { cache, figures } = this.settings();
    const { path: file, generation, tensors } = catalogue;
    const unknown = Array.from({ length: tensors.count }, (_, i) => i).filter((i) => !this.has(catalogue, i));
    if (cache && unknown.length > 0) {
      await this.engine.call(
        'stats',
        {
          path: file,
          generation,
          tensors: unknown,
          channels: 'summary',
          ...figures,
          cache,
          stream: true,
          cachedOnly: true,
        },
        { again: true, progress: ({ records }) => records && this.take(catalogue, records) },
      );
    }
    const found: IndexedStats[] = [];
    const store = this.store(catalogue);
    for (let index = 0; index < tensors.count; index++) {
      const stats = store.get(index, tensors.names[index]!);
      if (stats !== undefined) found.push({ index, stats });
    }
    return found;
  }

  /**
   * Figures of many tensors, those already known first; `report` hears each as it comes. Resolves to the tensors that
   * were left out because reading them ended a process.
   */
  async analyze(
    tensors: readonly number[],
    report: (index: number, stats: TensorStats | null) => void,
    signal: AbortSignal,
    progress: (progress: AnalysisProgress) => void = () => {},
  ): Promise<readonly SkippedTensor[]> {
    this.analyses++;
    try {
      return await this.analyzeNow(tensors, report, signal, progress);
    } finally {
      this.analyses--;
      if (this.analyses === 0) this.analyzed.fire(undefined);
    }
  }

  /** Whether tensors are being analyzed, for whichever page. */
  get isAnalyzing(): boolean {
    return this.analyses > 0;
  }

  private async analyzeNow(
    tensors: readonly number[],
    report: (index: number, stats: TensorStats | null) => void,
    signal: AbortSignal,
    progress: (progress: AnalysisProgress) => void,
  ): Promise<readonly SkippedTensor[]> {
    const catalogue = await this.catalogue();
    const { cache, figures } = this.settings();
    const { path: file, generation } = catalogue;
    const { names, bytes } = catalogue.tensors;
    const store = this.store(catalogue);
    const wanted: number[] = [];
    for (const index of tensors) {
      const known = store.get(index, names[index] ?? '');
      if (known === undefined) wanted.push(index);
      else report(index, known);
    }
    if (wanted.length === 0) return [];
    const run = new AnalysisRun(wanted, {
      ask: (portion, stop, told) =>
        this.engine.call(
          'stats',
          { path: file, generation, tensors: portion, channels: 'summary', ...figures, cache, stream: true },
          { signal: stop, progress: told },
        ),
      bytesOf: (tensor) => bytes[tensor] ?? 0,
      nameOf: (tensor) => names[tensor] ?? '',
      take: (records) => {
        this.take(catalogue, records);
        for (const index of records.index) report(index, store.get(index, names[index]!) ?? null);
      },
      pause: () => this.pages.pause(),
      report: (state) => {
        progress(state);
        this.analyzed.fire(state);
      },
      tellRestart: (message) => this.restarted.fire(message),
    });
    this.runs.add(run);
    try {
      const skipped = await run.run(signal);
      const [one] = skipped;
      if (one) {
        const others = skipped.length > 1 ? ` ${skipped.length - 1} more were left out too.` : '';
        this.restarted.fire(`${names[one.index]} was left out of the analysis: ${one.message}${others}`);
      }
      return skipped;
    } finally {
      this.runs.delete(run);
    }
  }

  /** Has tensors that are on screen analyzed before others. */
  prioritize(tensors: readonly number[]): void {
    for (const run of this.runs) run.prioritize(tensors);
  }

  private store({ tensors }: Catalogue): StatsStore {
    if (this.summaries.count !== tensors.count) this.summaries = new StatsStore(tensors.count);
    return this.summaries;
  }

  private has(catalogue: Catalogue, tensor: number): boolean {
    return this.store(catalogue).has(tensor);
  }

  /** Keeps figures and tells what they say is wrong. */
  private take(catalogue: Catalogue, records: StatsRecords): void {
    // A table's row has no room for the largest values.
    this.store(catalogue).add(withoutTop(records));
    let hasFound = false;
    for (let i = 0; i < records.index.length; i++) {
      const index = records.index[i]!;
      const stats = decodeRecord(records, i, catalogue.tensors.names[index] ?? '');
      if (this.findings.take(catalogue, index, stats)) hasFound = true;
    }
    if (hasFound) this.findings.tell();
  }

  /** Of an importance matrix. */
  async importance(signal?: AbortSignal): Promise<ImportanceStatistics> {
    const { path: file, generation } = await this.catalogue();
    return this.engine.call('importance', { path: file, generation }, { signal, again: true });
  }

  /** A run of an array's values in the metadata. */
  async metadataSlice(
    params: { key: string; start: number; count: number },
    signal?: AbortSignal,
  ): Promise<MetadataSlice> {
    const { path: file, generation } = await this.catalogue();
    return this.engine.call('metadataSlice', { path: file, generation, ...params }, { signal, again: true });
  }

  async tile(
    params: { tensor: number; region?: Region | undefined; rows: number; columns: number },
    signal?: AbortSignal,
  ): Promise<Tile> {
    const { path: file, generation } = await this.catalogue();
    return this.engine.call('tile', { path: file, generation, ...params }, { signal, again: true });
  }

  /** One tensor's values over any range, and how many lie beyond so many sigma. */
  async distribution(
    params: Omit<Distribution['params'], 'path' | 'generation'>,
    signal?: AbortSignal,
  ): Promise<Distribution['result']> {
    const { path: file, generation } = await this.catalogue();
    return this.engine.call('distribution', { path: file, generation, ...params }, { signal, again: true });
  }

  dispose(): void {
    this.isDisposed = true;
    this.origin.dispose();
    this.watcher?.dispose();
    this.changed.dispose();
    this.progressed.dispose();
    this.analyzed.dispose();
    this.restarted.dispose();
    this.found.dispose();
  }
}
