/** Which cell is under a point, and which is a tensor's. Pure. */
import type { MapGroup } from '../../state/moduleMap';
import {
  type CellPlace,
  columnCount,
  columnLeft,
  isCell,
  lineAt,
  type MapGeometry,
  nearestInLine,
} from './mapGeometry';

/** The cell at a point of the visible part, in CSS pixels; undefined on labels, headers and holes. */
export function placeAtPoint(
  geometry: MapGeometry,
  groups: readonly MapGroup[],
  x: number,
  y: number,
  { scrollLeft, scrollTop }: { readonly scrollLeft: number; readonly scrollTop: number },
): CellPlace | undefined {
  const line = lineAt(geometry, y + scrollTop);
  const at = geometry.lines[line];
  const current = geometry.lines[lineAt(geometry, scrollTop)];
  if (!at || !current || x < geometry.labelWidth) return undefined;
  // The header of the group that is scrolled through stays at the top.
  if (scrollTop > 0 && y < geometry.headers[current.group]!.height) return undefined;
  const group = groups[at.group]!;
  for (let column = 0; column < columnCount(group); column++) {
    const left = columnLeft(geometry, group, column) - scrollLeft;
    if (x < left || x >= left + geometry.cellWidth) continue;
    const place = { line, column };
    return isCell(geometry, groups, place) ? place : undefined;
  }
  return undefined;
}

/** The cell of a tensor, else the first of all. */
export function placeOfTensor(
  geometry: MapGeometry,
  groups: readonly MapGroup[],
  tensor: number | undefined,
): CellPlace | undefined {
  let first: CellPlace | undefined;
  for (let line = 0; line < geometry.lines.length; line++) {
    const { row, group, kind } = geometry.lines[line]!;
    if (!row || kind !== 'row') continue;
    first ??= nearestInLine(geometry, groups, line, 0);
    if (tensor === undefined) break;
    const column = groups[group]!.columns.findIndex((_, at) => row.cells[at]?.includes(tensor));
    if (column >= 0) return { line, column };
  }
  return first;
}
