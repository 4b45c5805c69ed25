/** The columns of the tensor table: what they show, sort by and how they stand. */

export type ColumnId =
  | 'name'
  | 'dtype'
  | 'shape'
  | 'parameters'
  | 'bytes'
  | 'share'
  | 'absmax'
  | 'std'
  | 'kurtosis'
  | 'sigma6'
  | 'rms'
  | 'crest'
  | 'skewness'
  | 'entropy'
  | 'zeros'
  | 'denormals'
  | 'rowOutliers'
  | 'columnOutliers'
  | 'int8Columns';

export interface TableColumn {
  readonly id: ColumnId;
  readonly title: string;
  /** Long form for tooltips, the column chooser and screen readers. */
  readonly description: string;
  readonly align: 'start' | 'end';
  /** Appears with analysis. */
  readonly statistics: boolean;
  /** Shown only when it was chosen. */
  readonly isExtra: boolean;
}

const column = (
  id: ColumnId,
  title: string,
  description: string,
  align: 'start' | 'end',
  statistics = false,
  isExtra = false,
): TableColumn => ({ id, title, description, align, statistics, isExtra });

const extra = (id: ColumnId, title: string, description: string) =>
  column(id, title, description, 'end', true, true);

export const tableColumns: readonly TableColumn[] = [
  column('name', 'Tensor', 'Name of the tensor', 'start'),
  column('dtype', 'dtype', 'Type of the stored elements', 'start'),
  column('shape', 'Shape', 'Shape, outermost dimension first', 'end'),
  column('parameters', 'Parameters', 'Number of elements', 'end'),
  column('bytes', 'Bytes', 'Bytes in the file, exact', 'end'),
  column('share', 'Share', 'Share of the bytes of the whole checkpoint', 'start'),
  column('absmax', 'absmax', 'Largest |x|', 'end', true),
  column('std', 'σ', 'Standard deviation', 'end', true),
  column(
    'kurtosis',
    'Kurtosis',
    'Excess kurtosis: 0 for a normal distribution, large with outliers',
    'end',
    true,
  ),
  column('sigma6', '>6σ', 'Values further than 6 standard deviations from the mean', 'end', true),
  extra('rms', 'RMS', 'Root of the mean square'),
  extra('crest', 'Crest', 'Crest factor: absmax divided by RMS'),
  extra('skewness', 'Skewness', 'Skewness: 0 for a symmetric distribution'),
  extra('entropy', 'Entropy', 'Shannon entropy of the stored 16-bit patterns, in bits'),
  extra('zeros', 'Zeros', 'Values that are 0'),
  extra('denormals', 'Denormals', 'Values below the smallest normal number of their type'),
  extra('rowOutliers', 'Row outliers', 'Rows whose absmax is far beyond the median of all rows'),
  extra('columnOutliers', 'Column outliers', 'Columns whose absmax is far beyond the median of all columns'),
  extra('int8Columns', 'int8() columns', 'Columns that reach the threshold of LLM.int8()'),
];

/** The columns of the state that a table shows: extra ones when chosen, others unless hidden. */
export function isShown(
  column: TableColumn,
  state: { readonly hiddenColumns: readonly ColumnId[]; readonly extraColumns: readonly ColumnId[] },
): boolean {
  return column.isExtra ? state.extraColumns.includes(column.id) : !state.hiddenColumns.includes(column.id);
}

export interface Sort {
  readonly column: ColumnId;
  readonly direction: 'ascending' | 'descending';
}

/** Numbers start with the largest, texts with A. */
function firstDirection(id: ColumnId): Sort['direction'] {
  return id === 'name' || id === 'dtype' ? 'ascending' : 'descending';
}

/** What a click on a header does: first direction, the other one, then back to model order. */
export function nextSort(current: Sort | undefined, id: ColumnId): Sort | undefined {
  const first = firstDirection(id);
  if (current?.column !== id) return { column: id, direction: first };
  if (current.direction !== first) return undefined;
  return { column: id, direction: first === 'ascending' ? 'descending' : 'ascending' };
}

/** What a header says about its order: for tooltips. */
export function sortHint(column: TableColumn, sort: Sort | undefined): string {
  const direction = firstDirection(column.id) === 'ascending' ? 'A to Z' : 'largest first';
  if (sort?.column !== column.id) return `${column.description}. Click to sort, ${direction}.`;
  return sort.direction === firstDirection(column.id)
    ? `${column.description}. Click to reverse the order.`
    : `${column.description}. Click to return to model order.`;
}
