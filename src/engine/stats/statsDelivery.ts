/** Gathers a job's results for its answer, or sends them with its progress, a few times a second. */
import type { LoupeError, SerializedError } from '../../errors';
import type { EngineContract, TensorStats } from '../../protocol/engineApi';
import {
  decodeRecord,
  encodeRecords,
  joinRecords,
  recordExtremes,
  type StatsRecords,
} from '../../protocol/statsRecords';
import type { OpenedCheckpoint } from '../checkpointCache';
import { keepExtremes } from './knownExtremes';

type StatsMethod = EngineContract['stats'];

const intervalMs = 50;

export class StatsDelivery {
  private readonly results = new Map<number, TensorStats | null>();
  private readonly bytesTotal: number;
  private readonly total: number;
  private done = 0;
  private bytesDone = 0;
  /** Bytes told of tensors that are not done yet. */
  private readonly partly = new Map<number, number>();
  private unsent: StatsRecords[] = [];
  private failures: { index: number; error: SerializedError }[] = [];
  private lastMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly opened: OpenedCheckpoint,
    private readonly tensors: readonly number[],
    private readonly isStream: boolean,
    private readonly progress: (data: StatsMethod['progress']) => void,
  ) {
    const asked = new Set(tensors);
    this.total = asked.size;
    let bytes = 0;
    for (const index of asked) bytes += opened.tensor(index).bytes;
    this.bytesTotal = bytes;
  }

  /** Bytes of a tensor that were read while it is not done. */
  bytes(index: number, bytes: number): void {
    this.partly.set(index, (this.partly.get(index) ?? 0) + bytes);
    this.bytesDone += bytes;
    this.tell();
  }

  stats(index: number, stats: TensorStats | null): void {
    if (this.isStream) this.unsent.push(encodeRecords([{ index, stats }]));
    else this.results.set(index, stats);
    keepExtremes(this.opened, index, stats);
    this.count(index);
    this.tell();
  }

  records(records: StatsRecords): void {
    for (let i = 0; i < records.index.length; i++) {
      const index = records.index[i]!;
      keepExtremes(this.opened, index, recordExtremes(records, i));
      if (!this.isStream) this.results.set(index, decodeRecord(records, i, this.opened.tensor(index).name));
      this.count(index);
    }
    if (this.isStream) this.unsent.push(records);
    this.tell();
  }

  failed(index: number, error: LoupeError): void {
    this.failures.push({ index, error: error.toJSON() });
    this.count(index);
    this.tell();
  }

  /** Sends what is left and gives the answer. */
  finish(): StatsMethod['result'] {
    this.send();
    if (this.isStream) return [];
    return this.tensors.map((index) => this.results.get(index) ?? null);
  }

  private count(index: number): void {
    this.done++;
    this.bytesDone += this.opened.tensor(index).bytes - (this.partly.get(index) ?? 0);
    this.partly.delete(index);
  }

  private tell(): void {
    if (performance.now() - this.lastMs >= intervalMs) this.send();
  }

  private send(): void {
    this.lastMs = performance.now();
    const { done, total, bytesTotal } = this;
    this.progress({
      done,
      total,
      // Parts are shares of a tensor's bytes; their sum may miss a whole number by a hair.
      bytesDone: Math.min(bytesTotal, Math.round(this.bytesDone)),
      bytesTotal,
      ...(this.unsent.length > 0 ? { records: joinRecords(this.unsent) } : {}),
      ...(this.failures.length > 0 ? { failed: this.failures } : {}),
    });
    this.unsent = [];
    this.failures = [];
  }
}
