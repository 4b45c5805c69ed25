/** What the Importance tab shows of each weight, and what it keeps. */
import type { WeightImportance } from '../../src/protocol/importanceApi';
import { formatInteger, formatNumber } from './format';
import type { MapStatistic } from './outlierStatistics';
import type { Direction } from './sortOrder';

export type ImportanceFigureId =
  | 'evenness'
  | 'zd'
  | 'total'
  | 'similarity'
  | 'active'
  | 'mean'
  | 'min'
  | 'max'
  | 'deviation'
  | 'entropy'
  | 'elements'
  | 'count';

/** One figure of a weight: its head in the table, and how it is written. */
export interface ImportanceFigure {
  readonly id: ImportanceFigureId;
  /** As llama-imatrix calls it. */
  readonly short: string;
  readonly label: string;
  readonly description: string;
  readonly scale: MapStatistic['scale'];
  value(weight: WeightImportance): number;
  format(value: number): string;
  /** Text in place of the number. */
  text?(weight: WeightImportance): string;
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const number = (value: number) => formatNumber(value, 3);
const figure = (
  id: ImportanceFigureId & keyof WeightImportance,
  short: string,
  label: string,
  description: string,
  scale: MapStatistic['scale'],
  format: (value: number) => string = number,
): ImportanceFigure => ({
  ...{ id, short, label, description, scale, format },
  value: (weight) => Number(weight[id] ?? Number.NaN),
});

export const importanceFigures: readonly ImportanceFigure[] = [
  figure(
    'evenness',
    'E (norm)',
    'Entropy, normalized',
    'How evenly importance is spread over the columns: 100 % when all count the same, less when few columns carry it',
    'linear',
    percent,
  ),
  figure(
    'zd',
    'ZD',
    'ZD score',
    'Share of the columns whose mean square is more than a standard deviation above the mean',
    'linear',
    percent,
  ),
  figure('total', 'Σ(Act²)', 'Sum of squares', "Sum of the mean squares of the weight's inputs", 'log'),
  figure(
    'similarity',
    'CosSim',
    'Similarity',
    'Cosine between these sums and those of the same weight one layer before',
    'linear',
    (value) => value.toFixed(4),
  ),
  figure(
    'active',
    '% Active',
    'Active columns',
    'Share of the columns with a mean square above 0.00001',
    'linear',
    percent,
  ),
  figure('mean', 'μ', 'Mean', "Mean of the columns' mean squares", 'log'),
  figure('min', 'Min', 'Least', 'The least mean square of a column', 'log'),
  figure('max', 'Max', 'Largest', 'The largest mean square of a column', 'log'),
  figure('deviation', 'σ', 'Deviation', "Standard deviation of the columns' mean squares", 'log'),
  figure('entropy', 'Entropy', 'Entropy, bits', 'Entropy of the shares of the columns', 'linear', (value) =>
    value.toFixed(4),
  ),
  figure('elements', 'N', 'Columns', 'Columns, times the experts that were asked', 'log', formatInteger),
  {
    id: 'count',
    short: 'Count',
    label: 'Inputs seen',
    description:
      'How often inputs were summed up: tokens, in files of the older form chunks; of experts least and most',
    scale: 'log1p',
    value: ({ leastCount }) => leastCount,
    format: formatInteger,
    text: ({ leastCount, mostCount }) =>
      leastCount === mostCount
        ? formatInteger(mostCount)
        : `${formatInteger(leastCount)} – ${formatInteger(mostCount)}`,
  },
];

export const importanceFigure = (id: ImportanceFigureId): ImportanceFigure =>
  importanceFigures.find((each) => each.id === id) ?? importanceFigures[0]!;

/** What a figure of a weight is in words. */
export function figureWords(given: ImportanceFigure, weight: WeightImportance): string {
  const value = given.value(weight);
  return Number.isNaN(value) ? '–' : (given.text?.(weight) ?? given.format(value));
}

/** The figure for the map, whose tensors are the weights by their places. */
export function mapStatistic(given: ImportanceFigure, weights: readonly WeightImportance[]): MapStatistic {
  const { label, description, scale, format } = given;
  return {
    ...{ label, description, scale, format, isFromLeast: scale === 'linear', isShare: format === percent },
    value: (_, weight) => given.value(weights[weight]!),
    isUnusual: () => false,
  };
}

export interface ImportanceState {
  readonly figure: ImportanceFigureId;
  readonly view: 'map' | 'table';
  /** Keys of the rows that show their experts. */
  readonly open: readonly string[];
  readonly sort: { readonly column: 'name' | ImportanceFigureId; readonly direction: Direction };
  /** Name of the chosen weight. */
  readonly selected: string | undefined;
}

export const initialImportance: ImportanceState = {
  figure: 'evenness',
  view: 'map',
  open: [],
  sort: { column: 'evenness', direction: 'ascending' },
  selected: undefined,
};

/** Reads a saved state; whatever does not fit falls back to the start. */
export function restoreImportance(saved: unknown): ImportanceState {
  const start = initialImportance;
  if (typeof saved !== 'object' || saved === null) return start;
  const { figure, view, open, sort, selected } = saved as Partial<Record<keyof ImportanceState, unknown>>;
  const isFigure = (id: unknown): id is ImportanceFigureId =>
    importanceFigures.some((each) => each.id === id);
  const { column, direction } = (sort ?? {}) as Partial<ImportanceState['sort']>;
  return {
    figure: isFigure(figure) ? figure : start.figure,
    view: view === 'table' ? 'table' : 'map',
    open: Array.isArray(open) ? open.filter((key) => typeof key === 'string') : [],
    sort:
      (column === 'name' || isFigure(column)) && (direction === 'ascending' || direction === 'descending')
        ? { column, direction }
        : start.sort,
    selected: typeof selected === 'string' ? selected : undefined,
  };
}
