/** What survives hiding, moving and reloading the editor: plain data, checked when it comes back. */

import { type ImportanceState, initialImportance, restoreImportance } from './importanceState';
import { initialMemory, type MemoryState, restoreMemory } from './memoryState';
import { type StatisticId, statistics } from './outlierStatistics';
import { initialSensitivity, restoreSensitivity, type SensitivityState } from './sensitivityState';
import { type ColumnId, type Sort, tableColumns } from './tableColumns';

const tabIds = [
  'importance',
  'tensors',
  'outliers',
  'sensitivity',
  'memory',
  'metadata',
  'tokenizer',
  'config',
  'graph',
  'findings',
] as const;

export type TabId = (typeof tabIds)[number];

/** What the Outliers tab keeps. */
export interface OutliersState {
  readonly statistic: StatisticId;
  readonly view: 'map' | 'table';
  /** Keys of the rows that show their experts or inner modules. */
  readonly open: readonly string[];
  readonly sort: { readonly column: 'name' | StatisticId; readonly direction: Sort['direction'] };
}

export interface ViewState {
  readonly tab: TabId;
  /** Name of the selected tensor. */
  readonly selected: string | undefined;
  readonly filter: string;
  readonly sort: Sort | undefined;
  readonly grouped: boolean;
  readonly folded: readonly string[];
  readonly hiddenColumns: readonly ColumnId[];
  /** Chosen ones among the columns that are not shown by themselves. */
  readonly extraColumns: readonly ColumnId[];
  /** Pixels. */
  readonly scrollTop: number;
  /** Share of the page that the details take, beside and below the table. */
  readonly paneBeside: number;
  readonly paneBelow: number;
  readonly metadataFilter: string;
  readonly configFilter: string;
  /** Statistics of a small checkpoint, so that a reload keeps them; only for this generation. */
  readonly stats: { readonly generation: string; readonly rows: readonly (number | null)[][] } | undefined;
  readonly showStatistics: boolean;
  readonly outliers: OutliersState;
  readonly sensitivity: SensitivityState;
  readonly memory: MemoryState;
  readonly importance: ImportanceState;
}

export const initialViewState: ViewState = {
  tab: 'tensors',
  selected: undefined,
  filter: '',
  sort: undefined,
  grouped: true,
  folded: [],
  hiddenColumns: [],
  extraColumns: [],
  scrollTop: 0,
  paneBeside: 0.34,
  paneBelow: 0.45,
  metadataFilter: '',
  configFilter: '',
  stats: undefined,
  showStatistics: false,
  outliers: {
    statistic: 'kurtosis',
    view: 'map',
    open: [],
    sort: { column: 'kurtosis', direction: 'descending' },
  },
  sensitivity: initialSensitivity,
  memory: initialMemory,
  importance: initialImportance,
};

const tabs: readonly string[] = tabIds;
const columnIds = new Set<string>(tableColumns.map((column) => column.id));

const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

const within = (value: unknown, low: number, high: number, otherwise: number) =>
  typeof value === 'number' && value >= low && value <= high ? value : otherwise;

/** Reads a saved state; whatever does not fit (an older version's, for instance) falls back to the start. */
export function restoreViewState(saved: unknown): ViewState {
  if (typeof saved !== 'object' || saved === null) return initialViewState;
  const data = saved as Record<string, unknown>;
  const start = initialViewState;
  const sort = data.sort as Partial<Sort> | undefined;
  const stats = data.stats as { generation?: unknown; rows?: unknown } | undefined;
  return {
    tab: tabs.includes(data.tab as string) ? (data.tab as TabId) : start.tab,
    selected: typeof data.selected === 'string' ? data.selected : undefined,
    filter: typeof data.filter === 'string' ? data.filter : '',
    sort:
      sort &&
      columnIds.has(sort.column as string) &&
      (sort.direction === 'ascending' || sort.direction === 'descending')
        ? { column: sort.column!, direction: sort.direction }
        : undefined,
    grouped: data.grouped !== false,
    folded: isStrings(data.folded) ? data.folded : [],
    hiddenColumns: isStrings(data.hiddenColumns)
      ? (data.hiddenColumns.filter((id) => columnIds.has(id) && id !== 'name') as ColumnId[])
      : [],
    extraColumns: isStrings(data.extraColumns)
      ? (data.extraColumns.filter((id) => columnIds.has(id)) as ColumnId[])
      : [],
    scrollTop: within(data.scrollTop, 0, Number.MAX_SAFE_INTEGER, 0),
    paneBeside: within(data.paneBeside, 0.1, 0.9, start.paneBeside),
    paneBelow: within(data.paneBelow, 0.1, 0.9, start.paneBelow),
    metadataFilter: typeof data.metadataFilter === 'string' ? data.metadataFilter : '',
    configFilter: typeof data.configFilter === 'string' ? data.configFilter : '',
    stats:
      typeof stats?.generation === 'string' && Array.isArray(stats.rows) && stats.rows.every(Array.isArray)
        ? { generation: stats.generation, rows: stats.rows }
        : undefined,
    showStatistics: data.showStatistics === true,
    outliers: restoreOutliers(data.outliers),
    sensitivity: restoreSensitivity(data.sensitivity),
    importance: restoreImportance(data.importance),
    memory: restoreMemory(data.memory),
  };
}

function restoreOutliers(saved: unknown): OutliersState {
  const start = initialViewState.outliers;
  if (typeof saved !== 'object' || saved === null) return start;
  const { statistic, view, open, sort } = saved as Partial<Record<keyof OutliersState, unknown>>;
  const isStatistic = (id: unknown): id is StatisticId => statistics.some((known) => known.id === id);
  const { column, direction } = (sort ?? {}) as Partial<OutliersState['sort']>;
  return {
    statistic: isStatistic(statistic) ? statistic : start.statistic,
    view: view === 'table' ? 'table' : 'map',
    open: isStrings(open) ? open : [],
    sort:
      (column === 'name' || isStatistic(column)) && (direction === 'ascending' || direction === 'descending')
        ? { column, direction }
        : start.sort,
  };
}
