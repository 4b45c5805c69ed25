/** The figures known so far, one typed array a figure: sorting and filtering 100,000 tensors stays cheap. */
import type { TensorStats } from '../../src/protocol/engineApi';

export const statFigures = [
  'min',
  'max',
  'mean',
  'std',
  'rms',
  'absmax',
  'crest',
  'skewness',
  'kurtosis',
  'entropy',
  'nan',
  'inf',
  'zeros',
  'denormals',
  'sigma3',
  'sigma6',
  'rowOutliers',
  'columnOutliers',
  'rowEnergy',
  'columnEnergy',
  'int8Columns',
] as const;

export type StatFigure = (typeof statFigures)[number];

/** One figure of a tensor's statistics; NaN when there is none. */
export function figureOf(stats: TensorStats, figure: StatFigure): number {
  const { outlierChannels } = stats;
  switch (figure) {
    case 'sigma3':
    case 'sigma6':
      return stats.outliers[figure];
    case 'rowOutliers':
      return outlierChannels?.rows ?? Number.NaN;
    case 'columnOutliers':
      return outlierChannels?.columns ?? Number.NaN;
    case 'rowEnergy':
    case 'columnEnergy':
    case 'int8Columns':
      return outlierChannels?.[figure] ?? Number.NaN;
    default:
      return stats[figure] ?? Number.NaN;
  }
}

export type Knowledge = 'unknown' | 'known' | 'unreadable';

export class StatsTable {
  /** 0 unknown, 1 known, 2 cannot be read. */
  private readonly state: Uint8Array;
  /** Made when the first figure comes: many checkpoints are never analyzed. */
  private columns: Readonly<Record<StatFigure, Float64Array>> | undefined;
  private knownCount = 0;
  /** Grows with every change: what was derived from an older one is stale. */
  version = 0;

  constructor(readonly count: number) {
    this.state = new Uint8Array(count);
  }

  private get figures(): Readonly<Record<StatFigure, Float64Array>> {
    this.columns ??= Object.fromEntries(
      statFigures.map((figure) => [figure, new Float64Array(this.count).fill(Number.NaN)]),
    ) as Record<StatFigure, Float64Array>;
    return this.columns;
  }

  set(tensor: number, stats: TensorStats | null): void {
    if (tensor < 0 || tensor >= this.count) return;
    if (this.state[tensor] === 0) this.knownCount++;
    this.state[tensor] = stats ? 1 : 2;
    for (const figure of statFigures)
      this.figures[figure][tensor] = stats ? figureOf(stats, figure) : Number.NaN;
    this.version++;
  }

  knowledge(tensor: number): Knowledge {
    const state = this.state[tensor];
    return state === 1 ? 'known' : state === 2 ? 'unreadable' : 'unknown';
  }

  /** Tensors that were asked for, those that cannot be read included. */
  get known(): number {
    return this.knownCount;
  }

  get(tensor: number, figure: StatFigure): number {
    return this.columns?.[figure][tensor] ?? Number.NaN;
  }

  column(figure: StatFigure): Float64Array {
    return this.figures[figure];
  }

  /** Plain rows for the view's saved state; the inverse of `restore`. */
  save(): (number | null)[][] {
    const rows: (number | null)[][] = [];
    for (let i = 0; i < this.count; i++) {
      if (this.state[i] === 0) continue;
      const figures = statFigures.map((figure) => {
        const value = this.get(i, figure);
        return Number.isFinite(value) ? value : null;
      });
      rows.push([i, this.state[i]!, ...figures]);
    }
    return rows;
  }

  restore(rows: readonly (readonly (number | null)[])[]): void {
    for (const row of rows) {
      const tensor = row[0];
      if (!Number.isInteger(tensor) || tensor! < 0 || tensor! >= this.count) continue;
      if (row.length !== statFigures.length + 2) continue;
      if (this.state[tensor!] === 0) this.knownCount++;
      this.state[tensor!] = row[1] === 1 ? 1 : 2;
      statFigures.forEach((figure, i) => {
        this.figures[figure][tensor!] = row[i + 2] ?? Number.NaN;
      });
    }
    this.version++;
  }
}
