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
  | 'sigma6';

export interface TableColumn {
  readonly id: ColumnId;
  readonly title: string;
  /** Long form for tooltips, the column chooser and screen readers. */
  readonly description: string;
  readonly align: 'start' | 'end';
  /** Appears with analysis. */
  readonly statistics: boolean;
}

const column = (
  id: ColumnId,
  title: string,
  description: string,
  align: 'start' | 'end',
  statistics = false,
): TableColumn => ({ id, title, description, align, statistics });

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
];

/** Above this a tensor has outliers worth a warning colour. */
export const unusualKurtosis = 10;

export interface Sort {
  readonly column: ColumnId;
  readonly direction: 'ascending' | 'descending';
}

/** Numbers start with the largest, texts with A. */
export function firstDirection(id: ColumnId): Sort['direction'] {
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
