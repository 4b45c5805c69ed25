/**
 * Statistics of many tensors as typed arrays. 100,000 of them as objects take a second to cross a process border and
 * 150 MB to keep; as columns they take milliseconds and a third of that. The cache on disk holds the same arrays.
 */
import type { TensorStats } from '../stats/types';

/** Figures that are always there, in their order in a record. */
const counts = ['count', 'nan', 'posInf', 'negInf', 'zeros', 'denormals'] as const;
/** Figures that may be null; bit i of a record's flags says that the i-th is. */
const nullable = [
  'min',
  'max',
  'mean',
  'std',
  'skewness',
  'absmax',
  'rms',
  'crest',
  'kurtosis',
  'entropy',
] as const;
const percentiles = ['0.1', '1', '50', '99', '99.9'] as const;
const channelFigures = ['rows', 'columns', 'rowEnergy', 'columnEnergy', 'int8Columns'] as const;

const sigmaAt = counts.length;
const nullableAt = sigmaAt + 2;
const percentilesAt = nullableAt + nullable.length;
const channelsAt = percentilesAt + percentiles.length;
/** Numbers of one record. */
export const figuresPerRecord = channelsAt + channelFigures.length;

const hasChannels = 1 << 30;
const isUnreadable = 1 << 29;
const nullMask = (1 << (nullable.length + percentiles.length)) - 1;
/** Bits that flags may have: whatever has others was not written by `encodeRecords`. */
export const knownFlags = hasChannels | isUnreadable | nullMask;

/** Records one after the other; histograms and arrays of channels are left out. */
export interface StatsRecords {
  /** Place of each record's tensor in the catalogue. */
  readonly index: Uint32Array;
  readonly flags: Uint32Array;
  /** `figuresPerRecord` numbers a record. */
  readonly figures: Float64Array;
  /** Where each record's largest values end in the next two. */
  readonly topEnd: Uint32Array;
  readonly topIndex: Float64Array;
  readonly topValue: Float64Array;
}

/** One tensor's figures; null where its values cannot be read. */
export interface IndexedStats {
  readonly index: number;
  readonly stats: TensorStats | null;
}

/** Puts figures into columns; names, histograms and arrays of channels are left out. */
export function encodeRecords(entries: readonly IndexedStats[]): StatsRecords {
  const topTotal = entries.reduce((sum, { stats }) => sum + (stats?.top.length ?? 0), 0);
  const records = {
    index: new Uint32Array(entries.length),
    flags: new Uint32Array(entries.length),
    figures: new Float64Array(entries.length * figuresPerRecord),
    topEnd: new Uint32Array(entries.length),
    topIndex: new Float64Array(topTotal),
    topValue: new Float64Array(topTotal),
  };
  let top = 0;
  for (const [i, { index, stats }] of entries.entries()) {
    records.index[i] = index;
    if (stats) {
      const at = i * figuresPerRecord;
      records.flags[i] = encodeFigures(stats, records.figures.subarray(at, at + figuresPerRecord));
      for (const place of stats.top) {
        records.topIndex[top] = place.index;
        records.topValue[top++] = place.value;
      }
    } else records.flags[i] = isUnreadable;
    records.topEnd[i] = top;
  }
  return records;
}

function encodeFigures(stats: TensorStats, figures: Float64Array): number {
  let flags = 0;
  for (let i = 0; i < counts.length; i++) figures[i] = stats[counts[i]!];
  figures[sigmaAt] = stats.outliers.sigma3;
  figures[sigmaAt + 1] = stats.outliers.sigma6;
  for (let i = 0; i < nullable.length; i++) {
    const value = stats[nullable[i]!];
    if (value === null) flags |= 1 << i;
    else figures[nullableAt + i] = value;
  }
  for (let i = 0; i < percentiles.length; i++) {
    const value = stats.percentiles[percentiles[i]!];
    if (value === null) flags |= 1 << (nullable.length + i);
    else figures[percentilesAt + i] = value;
  }
  if (stats.outlierChannels) {
    flags |= hasChannels;
    for (let i = 0; i < channelFigures.length; i++)
      figures[channelsAt + i] = stats.outlierChannels[channelFigures[i]!];
  }
  return flags;
}

/** Smallest and largest value of the i-th record; null where it has none. */
export function recordExtremes(
  { flags, figures }: StatsRecords,
  i: number,
): { readonly min: number | null; readonly max: number | null } {
  const some = (place: number) =>
    flags[i]! & (isUnreadable | (1 << place)) ? null : figures[i * figuresPerRecord + nullableAt + place]!;
  return { min: some(0), max: some(1) };
}

/** The i-th record as an object again, histogram and channels left out; null for an unreadable tensor. */
export function decodeRecord(records: StatsRecords, i: number, name: string): TensorStats | null {
  const flags = records.flags[i]!;
  if (flags & isUnreadable) return null;
  const at = i * figuresPerRecord;
  const figure = (place: number) => records.figures[at + place]!;
  const some = (place: number) => (flags & (1 << place) ? null : figure(nullableAt + place));
  const from = i === 0 ? 0 : records.topEnd[i - 1]!;
  const top = Array.from({ length: records.topEnd[i]! - from }, (_, k) => ({
    index: records.topIndex[from + k]!,
    value: records.topValue[from + k]!,
  }));
  const [posInf, negInf] = [figure(2), figure(3)];
  const p = nullable.length;
  return {
    name,
    count: figure(0),
    min: some(0),
    max: some(1),
    mean: some(2),
    std: some(3),
    skewness: some(4),
    absmax: some(5),
    rms: some(6),
    crest: some(7),
    kurtosis: some(8),
    entropy: some(9),
    nan: figure(1),
    inf: posInf + negInf,
    posInf,
    negInf,
    zeros: figure(4),
    denormals: figure(5),
    outliers: { sigma3: figure(sigmaAt), sigma6: figure(sigmaAt + 1) },
    percentiles: {
      '0.1': some(p),
      '1': some(p + 1),
      '50': some(p + 2),
      '99': some(p + 3),
      '99.9': some(p + 4),
    },
    top,
    histogram: null,
    ...(flags & hasChannels
      ? {
          outlierChannels: {
            rows: figure(channelsAt),
            columns: figure(channelsAt + 1),
            rowEnergy: figure(channelsAt + 2),
            columnEnergy: figure(channelsAt + 3),
            int8Columns: figure(channelsAt + 4),
          },
        }
      : {}),
  };
}

/** Chosen records of a run of them, in the order of `chosen`. */
export function pickRecords(records: StatsRecords, chosen: readonly number[]): StatsRecords {
  const start = (i: number) => (i === 0 ? 0 : records.topEnd[i - 1]!);
  const topTotal = chosen.reduce((sum, i) => sum + records.topEnd[i]! - start(i), 0);
  const picked = {
    index: Uint32Array.from(chosen, (i) => records.index[i]!),
    flags: Uint32Array.from(chosen, (i) => records.flags[i]!),
    figures: new Float64Array(chosen.length * figuresPerRecord),
    topEnd: new Uint32Array(chosen.length),
    topIndex: new Float64Array(topTotal),
    topValue: new Float64Array(topTotal),
  };
  let top = 0;
  for (const [to, i] of chosen.entries()) {
    const at = i * figuresPerRecord;
    picked.figures.set(records.figures.subarray(at, at + figuresPerRecord), to * figuresPerRecord);
    picked.topIndex.set(records.topIndex.subarray(start(i), records.topEnd[i]!), top);
    picked.topValue.set(records.topValue.subarray(start(i), records.topEnd[i]!), top);
    top += records.topEnd[i]! - start(i);
    picked.topEnd[to] = top;
  }
  return picked;
}

/** The same records without their largest values. */
export function withoutTop(records: StatsRecords): StatsRecords {
  const none = new Float64Array(0);
  return { ...records, topEnd: new Uint32Array(records.index.length), topIndex: none, topValue: none };
}

/** Runs of records one after the other as one. */
export function joinRecords(runs: readonly StatsRecords[]): StatsRecords {
  const total = runs.reduce((sum, { index }) => sum + index.length, 0);
  const topTotal = runs.reduce((sum, { topIndex }) => sum + topIndex.length, 0);
  const joined = {
    index: new Uint32Array(total),
    flags: new Uint32Array(total),
    figures: new Float64Array(total * figuresPerRecord),
    topEnd: new Uint32Array(total),
    topIndex: new Float64Array(topTotal),
    topValue: new Float64Array(topTotal),
  };
  let [at, top] = [0, 0];
  for (const run of runs) {
    joined.index.set(run.index, at);
    joined.flags.set(run.flags, at);
    joined.figures.set(run.figures, at * figuresPerRecord);
    for (let i = 0; i < run.topEnd.length; i++) joined.topEnd[at + i] = top + run.topEnd[i]!;
    joined.topIndex.set(run.topIndex, top);
    joined.topValue.set(run.topValue, top);
    at += run.index.length;
    top += run.topIndex.length;
  }
  return joined;
}

/** Records by their tensor's place in the catalogue; a later record of a tensor replaces the earlier one. */
export class StatsStore {
  private runs: StatsRecords[] = [];
  /** Run of each tensor's record, counted from 1; 0: none. */
  private readonly runOf: Uint32Array;
  private readonly placeOf: Uint32Array;
  private known = 0;

  constructor(readonly count: number) {
    this.runOf = new Uint32Array(count);
    this.placeOf = new Uint32Array(count);
  }

  /** Tensors that have a record. */
  get size(): number {
    return this.known;
  }

  has(tensor: number): boolean {
    return (this.runOf[tensor] ?? 0) !== 0;
  }

  /** Takes records over; tensors beyond `count` are left out. */
  add(records: StatsRecords): void {
    if (records.index.length === 0) return;
    this.runs.push(records);
    for (let i = 0; i < records.index.length; i++) {
      const tensor = records.index[i]!;
      if (tensor >= this.count) continue;
      if (this.runOf[tensor] === 0) this.known++;
      this.runOf[tensor] = this.runs.length;
      this.placeOf[tensor] = i;
    }
    // Single records come by the thousand when tensors are looked at one by one.
    if (this.runs.length >= 4096) {
      const all = this.records();
      this.clear();
      this.add(all);
    }
  }

  /** A tensor's figures; undefined: none are known, null: its values cannot be read. */
  get(tensor: number, name: string): TensorStats | null | undefined {
    const run = this.runOf[tensor] ?? 0;
    return run === 0 ? undefined : decodeRecord(this.runs[run - 1]!, this.placeOf[tensor]!, name);
  }

  /** The records of `tensors` (all: undefined) that are known, run by run. */
  records(tensors?: readonly number[]): StatsRecords {
    const chosen: number[][] = this.runs.map(() => []);
    const choose = (tensor: number) => {
      const run = this.runOf[tensor] ?? 0;
      if (run !== 0) chosen[run - 1]!.push(this.placeOf[tensor]!);
    };
    if (tensors) for (const tensor of tensors) choose(tensor);
    else for (let tensor = 0; tensor < this.count; tensor++) choose(tensor);
    return joinRecords(this.runs.map((run, i) => pickRecords(run, chosen[i]!)));
  }

  clear(): void {
    this.runs = [];
    this.runOf.fill(0);
    this.known = 0;
  }
}
