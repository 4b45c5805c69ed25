/** One opened checkpoint on the page: the catalogue, what is known of its values, and what runs. */

import type { Catalogue, EngineContract, Finding, TensorStats, Tile } from '../../src/protocol/engineApi';
import type { Rpc } from '../../src/protocol/rpc';
import { LoupeError } from '../../src/protocol/rpc';
import type { SchemeBytes } from '../../src/protocol/schemeBytesApi';
import { limitFindings, valueFindings } from '../../src/protocol/valueFindings';
import type {
  CheckpointHostContract,
  CheckpointPageContract,
  ViewSettings,
} from '../../src/protocol/webviewApi';
import { PagedValues } from './pagedValues';
import { StatsTable } from './statsTable';
import { TableModel } from './tableModel';

export interface Analysis {
  readonly done: number;
  readonly total: number;
  readonly startedAtMs: number;
  readonly cancelling: boolean;
  /** As the host measured it; undefined until there is something to measure. */
  readonly bytesPerSecond?: number | undefined;
  readonly secondsLeft?: number | undefined;
  readonly isPaused?: boolean | undefined;
}

/** How an analysis ended. */
export type AnalysisEnd =
  | { readonly kind: 'done'; readonly tensors: number }
  | { readonly kind: 'cancelled'; readonly done: number; readonly total: number }
  | { readonly kind: 'failed'; readonly error: LoupeError };

const keptDetails = 64;
const keptSizes = 500;

/** What the compute process calls the tokens of a tokenizer.json. */
export const tokenizerFileKey = 'tokenizer.json';

export class CheckpointSession {
  readonly stats: StatsTable;
  readonly table: TableModel;
  analysis: Analysis | undefined;
  private readonly details = new Map<number, TensorStats | null>();
  private readonly reasons: ReadonlyMap<number, string>;
  private abort: AbortController | undefined;
  private prioritized = '';
  private lastFindings: { readonly version: number; readonly all: readonly Finding[] } | undefined;
  private readonly arrays = new Map<string, PagedValues>();
  private hasAskedTokenizer = false;
  private tokenizerLength: number | undefined;
  /** Why the tokenizer.json that is there cannot be used. */
  tokenizerFileProblem: string | undefined;
  private readonly failedTokens = new Set<string>();
  private readonly closing = new AbortController();
  /** By tensor or ~group. */
  private readonly sizes = new Map<number, Promise<SchemeBytes>>();

  constructor(
    readonly catalogue: Catalogue,
    readonly settings: ViewSettings,
    /** The backend in use, in words; empty while it is being chosen. */
    public backend: string,
    readonly trusted: boolean,
    private readonly rpc: Rpc<CheckpointPageContract, CheckpointHostContract>,
    private readonly onChange: () => void,
  ) {
    this.stats = new StatsTable(catalogue.tensors.count);
    this.table = new TableModel(catalogue.tensors, this.stats);
    this.reasons = new Map(catalogue.tensors.unreadable.map(({ index, reason }) => [index, reason]));
  }

  /** Why a tensor's values cannot be read; undefined when they can. */
  unreadable(tensor: number): string | undefined {
    return this.reasons.get(tensor);
  }

  /** The findings of the headers, then those of the values that were read so far. */
  get findings(): readonly Finding[] {
    const { version } = this.stats;
    if (this.lastFindings?.version !== version) {
      this.lastFindings = { version, all: [...this.catalogue.findings, ...this.valueFindings()] };
    }
    return this.lastFindings.all;
  }

  private valueFindings(): readonly Finding[] {
    if (this.stats.known === 0) return [];
    const { tensors, files } = this.catalogue;
    const found: Finding[] = [];
    for (let index = 0; index < tensors.count; index++) {
      if (this.stats.knowledge(index) !== 'known') continue;
      const nan = this.stats.get(index, 'nan');
      const inf = this.stats.get(index, 'inf');
      const zeros = this.stats.get(index, 'zeros');
      const count = tensors.elements[index]!;
      // Of 100,000 tensors nearly all are sound.
      if (nan === 0 && inf === 0 && zeros < count) continue;
      found.push(
        ...valueFindings(
          { nan, inf, zeros, count },
          {
            name: tensors.names[index]!,
            file: files[tensors.file[index]!]?.path,
            byteOffset: tensors.byteOffset[index],
            dtype: tensors.dtypes[tensors.dtype[index]!],
          },
        ),
      );
    }
    return limitFindings(found);
  }

  /** Has the host read again what restored figures say is wrong: its Problems panel knows nothing of saved figures. */
  tellRestored(): void {
    const { names } = this.catalogue.tensors;
    const places = new Map(names.map((name, index) => [name, index]));
    const wrong = new Set(
      this.valueFindings().flatMap(({ tensor }) => {
        const index = tensor === undefined ? undefined : places.get(tensor);
        return index === undefined ? [] : [index];
      }),
    );
    if (wrong.size === 0) return;
    const { signal } = this.closing;
    // Should it fail, the page still shows what it has.
    this.rpc.call('analyze', { tensors: [...wrong] }, { signal }).catch(() => undefined);
  }

  /** An array of the metadata that the catalogue holds only the head of. */
  array(key: string, length: number): PagedValues {
    let array = this.arrays.get(key);
    if (!array) {
      const read = async (start: number, count: number, signal: AbortSignal) => {
        const slice = await this.rpc.call('metadataSlice', { key, start, count }, { signal });
        return slice.values;
      };
      const known = this.catalogue.metadata.find((entry) => entry.key === key)?.value;
      array = new PagedValues(length, read, typeof known === 'object' ? known.head : []);
      this.arrays.set(key, array);
    }
    return array;
  }

  /** How many tokens the tokenizer.json beside the weights has; undefined while that is unknown, 0 without one. */
  get tokenizerFileLength(): number | undefined {
    if (!this.hasAskedTokenizer) {
      this.hasAskedTokenizer = true;
      const asked = { key: tokenizerFileKey, start: 0, count: 1 };
      this.rpc
        .call('metadataSlice', asked, { signal: this.closing.signal })
        .then(
          ({ length }) => length,
          (thrown) => {
            const { code, message } = LoupeError.from(thrown);
            if (code !== 'not-found') this.tokenizerFileProblem = message;
            return 0;
          },
        )
        .then((length) => {
          this.tokenizerLength = length;
          this.onChange();
        });
    }
    return this.tokenizerLength;
  }

  /** One value of such an array; undefined until it has been read, which this starts. */
  token(key: string, length: number, index: number): string | number | boolean | undefined {
    const array = this.array(key, length);
    const value = array.get(index);
    if (value === undefined && !this.failedTokens.has(`${key} ${index}`)) {
      array.ensure(index, index + 1, this.closing.signal).then(this.onChange, () => {
        // The list below tells why reading fails; asking again at each drawing would not help.
        this.failedTokens.add(`${key} ${index}`);
      });
    }
    return value;
  }

  /** Statistics with channels, when they have been read lately. */
  knownDetails(tensor: number): TensorStats | null | undefined {
    return this.details.get(tensor);
  }

  /** Reads the statistics of one tensor, channels included. null: its values cannot be read. */
  async readDetails(tensor: number, signal: AbortSignal): Promise<TensorStats | null> {
    const known = this.details.get(tensor);
    if (known !== undefined) return known;
    const stats = await this.rpc.call('stats', { tensor }, { signal });
    this.details.set(tensor, stats);
    if (this.details.size > keptDetails) this.details.delete(this.details.keys().next().value!);
    this.stats.set(tensor, stats);
    this.onChange();
    return stats;
  }

  /** What a tensor or ~group would take under every scheme: computed from shapes, once. */
  schemeBytes(entry: number): Promise<SchemeBytes> {
    const known = this.sizes.get(entry);
    if (known) return known;
    const { tree } = this.table;
    const group = entry < 0 ? tree.groups[~entry] : undefined;
    const tensors = group
      ? [...tree.order.subarray(group.start, group.end)].filter((member) => member >= 0)
      : [entry];
    const asked = this.rpc.call('schemeBytes', { tensors }, { signal: this.closing.signal });
    this.sizes.set(entry, asked);
    if (this.sizes.size > keptSizes) this.sizes.delete(this.sizes.keys().next().value!);
    asked.catch(() => this.sizes.delete(entry));
    return asked;
  }

  /** Counts a tensor's values anew. */
  readDistribution(
    tensor: number,
    request: {
      readonly bins: number;
      readonly range?: { readonly min: number; readonly max: number } | undefined;
      readonly sigmas?: readonly number[] | undefined;
    },
    signal: AbortSignal,
  ): Promise<EngineContract['distribution']['result']> {
    return this.rpc.call('distribution', { tensor, ...request }, { signal });
  }

  /** Has the user choose another tensor; undefined when they do not. */
  async pickTensor(title: string, except: number): Promise<number | undefined> {
    const chosen = await this.rpc.call('pickTensor', { title, except }, { signal: this.closing.signal });
    return chosen ?? undefined;
  }

  /** The tensor as a picture of at most rows x columns cells. */
  readTile(tensor: number, rows: number, columns: number, signal: AbortSignal): Promise<Tile> {
    return this.rpc.call('tile', { tensor, rows, columns }, { signal });
  }

  /** Reads the statistics of every tensor that has none yet. Resolves when it ends, in whichever way. */
  async analyzeAll(): Promise<AnalysisEnd> {
    const { count } = this.catalogue.tensors;
    if (this.analysis) return { kind: 'cancelled', done: 0, total: count };
    const tensors: number[] = [];
    for (let i = 0; i < count; i++) if (this.stats.knowledge(i) === 'unknown') tensors.push(i);
    const already = count - tensors.length;
    const startedAtMs = performance.now();
    this.abort = new AbortController();
    this.prioritized = '';
    this.analysis = { done: already, total: count, startedAtMs, cancelling: false };
    this.onChange();
    try {
      if (tensors.length > 0) {
        await this.rpc.call(
          'analyze',
          { tensors },
          {
            signal: this.abort.signal,
            progress: ({ batch, done, bytesPerSecond, secondsLeft, isPaused }) => {
              for (const { index, stats } of batch) this.stats.set(index, stats);
              const rate = { bytesPerSecond, secondsLeft, isPaused };
              if (this.analysis) this.analysis = { ...this.analysis, done: already + done, ...rate };
              this.onChange();
            },
          },
        );
      }
      return { kind: 'done', tensors: count };
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      if (error.code !== 'cancelled') return { kind: 'failed', error };
      return { kind: 'cancelled', done: this.stats.known, total: count };
    } finally {
      this.analysis = undefined;
      this.abort = undefined;
      this.onChange();
    }
  }

  /** Figures of an earlier analysis. */
  takeKnown(batch: readonly { index: number; stats: TensorStats | null }[]): void {
    for (const { index, stats } of batch) this.stats.set(index, stats);
    this.onChange();
  }

  /** Says which tensors are on screen: a running analysis takes them first. */
  prioritize(tensors: readonly number[]): void {
    if (!this.analysis) return;
    const key = `${tensors[0]} ${tensors.at(-1)} ${tensors.length}`;
    if (key === this.prioritized) return;
    this.prioritized = key;
    // Should it fail, they come in their turn.
    this.rpc.call('prioritize', { tensors }).catch(() => undefined);
  }

  cancelAnalysis(): void {
    if (!this.analysis) return;
    this.analysis = { ...this.analysis, cancelling: true };
    this.abort?.abort();
    this.onChange();
  }

  /** Ends what runs: the page shows something else now. */
  dispose(): void {
    this.abort?.abort();
    this.closing.abort();
  }
}
