/** Where everything of the sensitivity map stands, in CSS pixels. Pure. */
import type { SensitivityRow } from '../../state/sensitivityRows';
import { rowHeight, slope } from '../moduleMap/mapMeasures';

const layerGap = 8;
const leastCell = 46;
const greatestCell = 78;
/** Lines of totals below the names: size, bits, error. */
export const totalHeight = 14;
const totalLines = 3;

export interface SensitivityGeometry {
  /** Top of each row, below the header. */
  readonly tops: Float64Array;
  readonly layerWidth: number;
  /** Layers and modules together. */
  readonly labelWidth: number;
  readonly cellWidth: number;
  readonly isSlanted: boolean;
  /** Height of the names alone. */
  readonly nameHeight: number;
  readonly headerHeight: number;
  readonly width: number;
  readonly height: number;
}

export interface GeometryRequest {
  readonly rows: readonly SensitivityRow[];
  /** Heads of the columns. */
  readonly heads: readonly string[];
  readonly available: number;
  readonly measure: (text: string) => number;
}

/** Cells are as wide as they can be between a least and a greatest width; what does not fit is scrolled to. */
export function sensitivityGeometry({
  rows,
  heads,
  available,
  measure,
}: GeometryRequest): SensitivityGeometry {
  const tops = new Float64Array(rows.length);
  let [top, layerLongest, labelLongest] = [0, 30, 20];
  for (const [at, row] of rows.entries()) {
    const isFirst = at === 0 || rows[at - 1]!.layerKey !== row.layerKey;
    if (isFirst && at > 0) top += layerGap;
    if (isFirst) layerLongest = Math.max(layerLongest, measure(row.layer));
    labelLongest = Math.max(
      labelLongest,
      measure(row.label) + (row.children.length > 0 ? 14 : row.depth * 10),
    );
    tops[at] = top;
    top += rowHeight;
  }
  const most = Math.max(110, available * 0.4);
  const labelRoom = Math.min(labelLongest + 10, most * 0.65);
  const layerWidth = Math.ceil(Math.min(layerLongest + 10, most - Math.min(labelRoom, most * 0.5)));
  const labelWidth = Math.ceil(layerWidth + Math.min(labelRoom, most - layerWidth));
  const count = Math.max(1, heads.length);
  const cellWidth = Math.max(
    leastCell,
    Math.min(greatestCell, Math.floor((available - labelWidth - 40) / count)),
  );
  const longest = Math.max(10, ...heads.map(measure));
  const isSlanted = longest > cellWidth - 6;
  const room = Math.min(longest, 110);
  const nameHeight = isSlanted ? Math.ceil(room * Math.sin(slope)) + 14 : 20;
  const headerHeight = nameHeight + totalLines * totalHeight + 6;
  const overhang = isSlanted ? Math.max(0, room * Math.cos(slope) - cellWidth / 2) : 0;
  return {
    tops,
    layerWidth,
    labelWidth,
    cellWidth,
    isSlanted,
    nameHeight,
    headerHeight,
    width: labelWidth + count * cellWidth + Math.ceil(Math.max(8, overhang)),
    height: headerHeight + top + 8,
  };
}

/** Index of the row at a height below the header; -1 where there is none. */
export function rowAt({ tops }: SensitivityGeometry, y: number): number {
  let [low, high] = [0, tops.length - 1];
  if (y < 0 || high < 0) return -1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tops[middle]! <= y) low = middle;
    else high = middle - 1;
  }
  return y < tops[low]! + rowHeight ? low : -1;
}

/** The first row that reaches below a height. */
export function firstRowFrom({ tops }: SensitivityGeometry, y: number): number {
  let [low, high] = [0, tops.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tops[middle]! + rowHeight <= y) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface Place {
  readonly row: number;
  readonly column: number;
}

/** Where a key leads; undefined for keys that move nowhere. `page`: rows of one screen. */
export function placeAfter(
  { key, ctrlKey }: Pick<KeyboardEvent, 'key' | 'ctrlKey'>,
  { row, column }: Place,
  rows: number,
  columns: number,
  page: number,
): Place | undefined {
  const to = (nextRow: number, nextColumn: number): Place => ({
    row: Math.max(0, Math.min(rows - 1, nextRow)),
    column: Math.max(0, Math.min(columns - 1, nextColumn)),
  });
  switch (key) {
    case 'ArrowLeft':
      return to(row, column - 1);
    case 'ArrowRight':
      return to(row, column + 1);
    case 'ArrowUp':
      return to(row - 1, column);
    case 'ArrowDown':
      return to(row + 1, column);
    case 'PageUp':
      return to(row - page, column);
    case 'PageDown':
      return to(row + page, column);
    case 'Home':
      return ctrlKey ? to(0, column) : to(row, 0);
    case 'End':
      return ctrlKey ? to(rows - 1, column) : to(row, columns - 1);
    default:
      return undefined;
  }
}
