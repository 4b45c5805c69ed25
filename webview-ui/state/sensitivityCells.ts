/** What a comparison has told so far, scheme by scheme as columns of numbers: 100,000 tensors fit several times. */
import type { SensitivityCell } from '../../src/protocol/engineApi';

const figures = [
  'bytes',
  'bitsPerWeight',
  'mse',
  'relative',
  'sqnr',
  'maxAbs',
  'cosine',
  'meanAbs',
  'kl',
] as const;
export type CellFigureName = (typeof figures)[number];

const states = ['quantized', 'kept', 'failed'] as const;

/** A cell as views read it. `sqnr` and the interval's ends are Infinity where there is no error. */
export interface KnownCell extends Readonly<Record<CellFigureName, number>> {
  readonly state: (typeof states)[number];
  readonly to: string;
  readonly note: string | undefined;
  /** Undefined: exact. */
  readonly sampled:
    | { readonly values: number; readonly of: number; readonly low: number; readonly high: number }
    | undefined;
}

interface Column {
  /** 0: unknown; else 1 + index into `states`. */
  readonly state: Uint8Array;
  readonly figures: Readonly<Record<CellFigureName, Float64Array>>;
  readonly sampledValues: Float64Array;
  readonly sampledOf: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly to: Uint32Array;
  readonly note: Uint32Array;
  known: number;
  sampled: number;
}

/** A saved cell: scheme, tensor, state, to, note, nine figures, four numbers of the sample. */
export type SavedCell = readonly (number | string | null)[];

export class SensitivityCells {
  /** Rises with each change. */
  version = 0;
  private readonly columns = new Map<string, Column>();
  private readonly texts: string[] = [''];
  private readonly textAt = new Map<string, number>([['', 0]]);

  constructor(
    /** Tensors of the model. */
    readonly count: number,
  ) {}

  /** Cells that are known of a scheme. */
  known(key: string): number {
    return this.columns.get(key)?.known ?? 0;
  }

  /** How many of them are sampled. */
  sampled(key: string): number {
    return this.columns.get(key)?.sampled ?? 0;
  }

  /** Forgets all cells of some schemes: they would be others now. */
  forget(keys: Iterable<string>): void {
    for (const key of keys) this.columns.delete(key);
    this.version++;
  }

  /** Takes cells over, whose `choice` is a place in `keys`. A sample never replaces what is exact. */
  take(keys: readonly string[], cells: readonly SensitivityCell[]): void {
    for (const cell of cells) {
      const key = keys[cell.choice];
      if (key !== undefined && cell.tensor >= 0 && cell.tensor < this.count) this.put(key, cell);
    }
    if (cells.length > 0) this.version++;
  }

  private put(key: string, cell: SensitivityCell): void {
    const column = this.column(key);
    const { tensor, sampled } = cell;
    const isKnown = column.state[tensor] !== 0;
    const wasSampled = column.sampledValues[tensor]! > 0;
    if (isKnown && !wasSampled && sampled && column.state[tensor] === 1) return;
    if (!isKnown) column.known++;
    column.sampled += Number(sampled !== undefined) - Number(wasSampled);
    column.state[tensor] = 1 + states.indexOf(cell.state);
    for (const name of figures) column.figures[name][tensor] = cell[name] ?? Number.POSITIVE_INFINITY;
    column.sampledValues[tensor] = sampled?.values ?? 0;
    column.sampledOf[tensor] = sampled?.of ?? 0;
    column.low[tensor] = sampled?.sqnrLow ?? Number.POSITIVE_INFINITY;
    column.high[tensor] = sampled?.sqnrHigh ?? Number.POSITIVE_INFINITY;
    column.to[tensor] = this.text(cell.to);
    column.note[tensor] = this.text(cell.note ?? '');
  }

  /** Undefined: not compared yet. */
  get(key: string, tensor: number): KnownCell | undefined {
    const column = this.columns.get(key);
    const state = column?.state[tensor] ?? 0;
    if (!column || state === 0) return undefined;
    const own = column.figures;
    const values = column.sampledValues[tensor]!;
    return {
      state: states[state - 1]!,
      bytes: own.bytes[tensor]!,
      bitsPerWeight: own.bitsPerWeight[tensor]!,
      mse: own.mse[tensor]!,
      relative: own.relative[tensor]!,
      sqnr: own.sqnr[tensor]!,
      maxAbs: own.maxAbs[tensor]!,
      cosine: own.cosine[tensor]!,
      meanAbs: own.meanAbs[tensor]!,
      kl: own.kl[tensor]!,
      to: this.texts[column.to[tensor]!]!,
      note: this.texts[column.note[tensor]!] || undefined,
      sampled:
        values > 0
          ? {
              values,
              of: column.sampledOf[tensor]!,
              low: column.low[tensor]!,
              high: column.high[tensor]!,
            }
          : undefined,
    };
  }

  /** One figure of a quantized tensor; NaN for what is unknown, kept or failed. Quick: colours need every cell's. */
  figure(key: string, tensor: number, name: CellFigureName): number {
    const column = this.columns.get(key);
    return column && column.state[tensor] === 1 ? column.figures[name][tensor]! : Number.NaN;
  }

  /** Whether a known figure comes from a sample. */
  isSampled(key: string, tensor: number): boolean {
    return (this.columns.get(key)?.sampledValues[tensor] ?? 0) > 0;
  }

  /** Undefined: not compared yet. */
  stateOf(key: string, tensor: number): KnownCell['state'] | undefined {
    return states[(this.columns.get(key)?.state[tensor] ?? 0) - 1];
  }

  /** Tensors that a scheme's comparison lacks. */
  missing(key: string): number[] {
    const state = this.columns.get(key)?.state;
    const found: number[] = [];
    for (let tensor = 0; tensor < this.count; tensor++) if (!state?.[tensor]) found.push(tensor);
    return found;
  }

  /** Plain data of all cells, for the page's saved state. */
  save(): readonly SavedCell[] {
    const saved: SavedCell[] = [];
    for (const [key, column] of this.columns) {
      for (let tensor = 0; tensor < this.count; tensor++) {
        if (column.state[tensor] === 0) continue;
        // JSON has no infinity.
        const number = (value: number) => (Number.isFinite(value) ? value : null);
        saved.push([
          key,
          tensor,
          column.state[tensor]!,
          this.texts[column.to[tensor]!]!,
          this.texts[column.note[tensor]!]!,
          ...figures.map((name) => number(column.figures[name][tensor]!)),
          column.sampledValues[tensor]!,
          column.sampledOf[tensor]!,
          number(column.low[tensor]!),
          number(column.high[tensor]!),
        ]);
      }
    }
    return saved;
  }

  /** Takes saved cells over; those that do not fit are left out. */
  restore(saved: readonly unknown[]): void {
    for (const row of saved) {
      if (!Array.isArray(row) || row.length !== 9 + figures.length) continue;
      const [key, tensor, state, to, note, ...numbers] = row as (string | number | null)[];
      if (typeof key !== 'string' || typeof to !== 'string' || typeof note !== 'string') continue;
      if (!Number.isInteger(tensor) || (tensor as number) < 0 || (tensor as number) >= this.count) continue;
      if (state !== 1 && state !== 2 && state !== 3) continue;
      if (numbers.some((value) => value !== null && typeof value !== 'number')) continue;
      const [values, of, low, high] = numbers.slice(figures.length) as (number | null)[];
      const known = Object.fromEntries(figures.map((name, at) => [name, numbers[at]]));
      this.put(key, {
        ...(known as unknown as SensitivityCell),
        tensor: tensor as number,
        choice: 0,
        state: states[state - 1]!,
        to,
        note: note || undefined,
        sampled: values && of ? { values, of, sqnrLow: low ?? null, sqnrHigh: high ?? null } : undefined,
      });
    }
    this.version++;
  }

  private column(key: string): Column {
    let column = this.columns.get(key);
    if (!column) {
      const numbers = () => new Float64Array(this.count);
      column = {
        state: new Uint8Array(this.count),
        figures: Object.fromEntries(figures.map((name) => [name, numbers()])) as Column['figures'],
        sampledValues: numbers(),
        sampledOf: numbers(),
        low: numbers(),
        high: numbers(),
        to: new Uint32Array(this.count),
        note: new Uint32Array(this.count),
        known: 0,
        sampled: 0,
      };
      this.columns.set(key, column);
    }
    return column;
  }

  private text(text: string): number {
    let at = this.textAt.get(text);
    if (at === undefined) {
      at = this.texts.push(text) - 1;
      this.textAt.set(text, at);
    }
    return at;
  }
}
