/** Where everything of the outlier map stands, in CSS pixels of the whole map. Pure. */
import { type MapGroup, type MapRow, openRows } from '../../state/moduleMap';
import { rowHeight, slope } from './mapMeasures';

const groupGap = 14;
const leastCell = 34;
const greatestCell = 68;
/** Heads the column of the largest of each row. */
export const largestLabel = 'largest';
const straightHeader = 22;
const greatestHeader = 84;

export interface MapLine {
  /** `header` names the columns, `all` holds the largest of each column, `row` is one row. */
  readonly kind: 'header' | 'all' | 'row';
  readonly group: number;
  /** undefined for headers. */
  readonly row: MapRow | undefined;
  readonly top: number;
  readonly height: number;
}

export interface MapGeometry {
  readonly lines: readonly MapLine[];
  readonly labelWidth: number;
  readonly cellWidth: number;
  /** One a group. */
  readonly headers: readonly { readonly isSlanted: boolean; readonly height: number }[];
  readonly width: number;
  readonly height: number;
}

/** Columns of a group with the one at the end that holds the largest of each row; none of one column needs that. */
export function columnCount(group: MapGroup): number {
  return group.columns.length + (group.columns.length > 1 ? 1 : 0);
}

/** The row that holds all of a group's tensors, column by column. Rows of equal groups are the same object. */
const allRows = new WeakMap<MapGroup, MapRow>();

function allRow(group: MapGroup): MapRow {
  let row = allRows.get(group);
  if (!row) {
    const cells = group.columns.map((_, column) => {
      const tensors = group.rows.flatMap(({ cells }) => cells[column] ?? []);
      return tensors.length > 0 ? tensors : undefined;
    });
    row = { key: `${group.key} all`, label: largestLabel, depth: 0, cells, children: [] };
    allRows.set(group, row);
  }
  return row;
}

/** The tensors of a cell; in the column behind the last one, those of the whole row. */
export function tensorsAt(group: MapGroup, row: MapRow, column: number): readonly number[] | undefined {
  if (column < group.columns.length) return row.cells[column];
  const all = row.cells.flatMap((cell) => cell ?? []);
  return all.length > 0 ? all : undefined;
}

/**
 * Lays the groups out below each other. `measure` gives the width of a label in pixels; `available` is the width
 * that there is. Cells are as wide as they can be between a least and a greatest width; what does not fit is scrolled to.
 */
export function mapGeometry(
  groups: readonly MapGroup[],
  open: ReadonlySet<string>,
  available: number,
  measure: (text: string) => number,
): MapGeometry {
  let longestLabel = 40;
  let mostColumns = 1;
  for (const group of groups) {
    mostColumns = Math.max(mostColumns, columnCount(group));
    longestLabel = Math.max(longestLabel, measure(group.label));
  }
  const shown = groups.map(({ rows }) => openRows(rows, open));
  for (const { label, depth, children } of shown.flat()) {
    longestLabel = Math.max(longestLabel, measure(label) + depth * 12 + (children.length > 0 ? 16 : 0));
  }
  const labelWidth = Math.ceil(Math.min(longestLabel + 14, Math.max(90, available * 0.34)));
  const cellWidth = Math.max(
    leastCell,
    Math.min(greatestCell, Math.floor((available - labelWidth - 12) / mostColumns)),
  );
  let overhang = 0;
  const headers = groups.map((group) => {
    const longest = Math.max(measure(largestLabel), ...group.columns.map(({ label }) => measure(label)));
    const isSlanted = longest > cellWidth - 6;
    if (!isSlanted) return { isSlanted, height: straightHeader };
    // Leaning names of the last columns stick out to the right.
    const room = Math.min(longest, (greatestHeader - 16) / Math.sin(slope));
    overhang = Math.max(overhang, room * Math.cos(slope) - cellWidth / 2);
    return { isSlanted, height: Math.ceil(room * Math.sin(slope)) + 16 };
  });
  const lines: MapLine[] = [];
  let top = 0;
  groups.forEach((group, index) => {
    if (index > 0) top += groupGap;
    const add = (kind: MapLine['kind'], row: MapRow | undefined, height: number) => {
      lines.push({ kind, group: index, row, top, height });
      top += height;
    };
    add('header', undefined, headers[index]!.height);
    if (group.rows.length > 1) add('all', allRow(group), rowHeight + 4);
    for (const row of shown[index]!) add('row', row, rowHeight);
  });
  return {
    lines,
    labelWidth,
    cellWidth,
    headers,
    width: labelWidth + mostColumns * cellWidth + Math.max(8, Math.ceil(overhang)),
    height: top + 6,
  };
}

/** Left edge of a column before scrolling. The column of the largest stands a little apart. */
export function columnLeft(geometry: MapGeometry, group: MapGroup, column: number): number {
  return geometry.labelWidth + column * geometry.cellWidth + (column >= group.columns.length ? 6 : 0);
}

/** Index of the line at a height; the nearest one outside of all lines. */
export function lineAt({ lines }: MapGeometry, y: number): number {
  let low = 0;
  let high = lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lines[middle]!.top <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

export interface CellPlace {
  /** Index into the lines. */
  readonly line: number;
  readonly column: number;
}

/** Whether a place has a cell with tensors. */
export function isCell(
  geometry: MapGeometry,
  groups: readonly MapGroup[],
  { line, column }: CellPlace,
): boolean {
  const at = geometry.lines[line];
  if (!at?.row || column < 0) return false;
  const group = groups[at.group]!;
  return column < columnCount(group) && tensorsAt(group, at.row, column) !== undefined;
}

/** Where an arrow key leads: the nearest cell in that direction, over holes and headers; `from` when there is none. */
export function neighbour(
  geometry: MapGeometry,
  groups: readonly MapGroup[],
  from: CellPlace,
  rows: number,
  columns: number,
): CellPlace {
  if (rows === 0) {
    const count = columnCount(groups[geometry.lines[from.line]!.group]!);
    for (let column = from.column + columns; column >= 0 && column < count; column += columns) {
      if (isCell(geometry, groups, { line: from.line, column })) return { line: from.line, column };
    }
    return from;
  }
  for (let line = from.line + rows; line >= 0 && line < geometry.lines.length; line += rows) {
    const found = nearestInLine(geometry, groups, line, from.column);
    if (found) return found;
  }
  return from;
}

/** The cell of a line that is least far from a column. */
export function nearestInLine(
  geometry: MapGeometry,
  groups: readonly MapGroup[],
  line: number,
  column: number,
): CellPlace | undefined {
  const at = geometry.lines[line];
  if (!at?.row) return undefined;
  const count = columnCount(groups[at.group]!);
  for (let away = 0; away < count; away++) {
    for (const candidate of [column - away, column + away]) {
      if (candidate < count && isCell(geometry, groups, { line, column: candidate }))
        return { line, column: candidate };
    }
  }
  // Beyond the last column of a narrow group: its last cell.
  for (let candidate = count - 1; candidate >= 0; candidate--) {
    if (isCell(geometry, groups, { line, column: candidate })) return { line, column: candidate };
  }
  return undefined;
}
