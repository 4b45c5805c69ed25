/** Where the keys of the map's cursor lead. Pure. */
import type { MapGroup } from '../../state/moduleMap';
import { type CellPlace, isCell, type MapGeometry, nearestInLine, neighbour } from './mapGeometry';

/** The cell in a line or, when that is a header, in the nearest line below that has one. */
function jump(
  geometry: MapGeometry,
  groups: readonly MapGroup[],
  from: CellPlace,
  wanted: number,
): CellPlace {
  const line = Math.max(0, Math.min(geometry.lines.length - 1, wanted));
  const found = nearestInLine(geometry, groups, line, from.column);
  if (found) return found;
  const below = neighbour(geometry, groups, { line, column: from.column }, 1, 0);
  return isCell(geometry, groups, below) ? below : from;
}

/** The place that a key goes to; undefined for keys that move nowhere. `page`: lines of one screen. */
export function placeAfter(
  { key, ctrlKey }: Pick<KeyboardEvent, 'key' | 'ctrlKey'>,
  geometry: MapGeometry,
  groups: readonly MapGroup[],
  from: CellPlace,
  page: number,
): CellPlace | undefined {
  switch (key) {
    case 'ArrowLeft':
      return neighbour(geometry, groups, from, 0, -1);
    case 'ArrowRight':
      return neighbour(geometry, groups, from, 0, 1);
    case 'ArrowUp':
      return neighbour(geometry, groups, from, -1, 0);
    case 'ArrowDown':
      return neighbour(geometry, groups, from, 1, 0);
    case 'PageUp':
      return jump(geometry, groups, from, from.line - page);
    case 'PageDown':
      return jump(geometry, groups, from, from.line + page);
    case 'Home':
      return ctrlKey ? jump(geometry, groups, from, 0) : nearestInLine(geometry, groups, from.line, 0);
    case 'End':
      return ctrlKey
        ? jump(geometry, groups, from, geometry.lines.length - 1)
        : nearestInLine(
            geometry,
            groups,
            from.line,
            groups[geometry.lines[from.line]!.group]!.columns.length,
          );
    default:
      return undefined;
  }
}
