/** A cell of the map in words. */
import { formatInteger } from '../../state/format';
import type { MapGroup, MapRow } from '../../state/moduleMap';
import type { CellFigure, KnownFigures, MapStatistic } from '../../state/outlierStatistics';

/** What the map shows figures of: an opened checkpoint, or what stands for one. */
export interface MapSubject {
  readonly catalogue: {
    readonly tensors: { readonly names: readonly string[]; readonly elements: ArrayLike<number> };
  };
  readonly stats: KnownFigures;
  /** Set while figures come in; then what is on screen is asked for first. */
  readonly analysis: unknown;
  prioritize(tensors: readonly number[]): void;
  /** Why a tensor's values cannot be read. */
  unreadable(tensor: number): string | undefined;
}

export interface MapCell {
  readonly group: MapGroup;
  readonly row: MapRow;
  readonly figure: CellFigure;
  readonly tensors: readonly number[];
}

/** Whose value it is, the value, and of how many tensors it is the largest; or why there is none. */
export function cellWords(
  session: Pick<MapSubject, 'catalogue' | 'unreadable'>,
  statistic: MapStatistic,
  { group, row, figure, tensors }: MapCell,
  columnIndex: number,
): string {
  const { names } = session.catalogue.tensors;
  const column = group.columns[columnIndex]?.label ?? 'all columns';
  const name = names[figure.tensor]!;
  const where = tensors.length === 1 ? name : `${group.label} ${row.label}, ${column}`;
  const { label, format } = statistic;
  const many = `${formatInteger(tensors.length)} tensors`;
  if (Number.isNaN(figure.value)) {
    const reason =
      figure.unknown > 0
        ? 'not analyzed yet'
        : figure.unreadable > 0
          ? `cannot be read: ${session.unreadable(figure.tensor) ?? 'its values are missing.'}`
          : `has no ${label.toLowerCase()}`;
    return `${where}${tensors.length > 1 ? `, ${many}` : ''}: ${reason}`;
  }
  if (tensors.length === 1) return `${where}: ${label} ${format(figure.value)}`;
  const rest = figure.unknown > 0 ? `, ${formatInteger(figure.unknown)} not analyzed yet` : '';
  return `${where}: ${label} up to ${format(figure.value)} in ${many} (${name})${rest}`;
}
