/** Draws the part of the outlier map that is on screen. */
import { type ColorMap, textOver } from '../../draw/colorMaps';
import { cssColour } from '../../draw/colour';
import { compactNumber } from '../../state/compactNumber';
import type { MapGroup, MapRow } from '../../state/moduleMap';
import {
  type CellFigure,
  type MapStatistic,
  placeOn,
  type StatisticRange,
} from '../../state/outlierStatistics';
import type { MapSight } from './canvasMap';
import {
  type CellPlace,
  columnCount,
  columnLeft,
  largestLabel,
  lineAt,
  type MapGeometry,
  type MapLine,
  tensorsAt,
} from './mapGeometry';
import {
  type Box,
  cut,
  frame,
  hatch,
  outline,
  paintChevron,
  paintCorner,
  paintRule,
  writeInCell,
} from './mapInk';
import { gap, rowHeight, slope } from './mapMeasures';

export interface MapPicture extends MapSight<CellPlace> {
  readonly groups: readonly MapGroup[];
  readonly geometry: MapGeometry;
  readonly open: ReadonlySet<string>;
  readonly statistic: MapStatistic;
  /** undefined: no value is known. */
  readonly range: StatisticRange | undefined;
  readonly map: ColorMap;
  /** One figure a column of the row; undefined where it has no tensor. */
  readonly figures: (group: MapGroup, row: MapRow) => readonly (CellFigure | undefined)[];
  readonly selected: number | undefined;
}

/** Text of a cell: short enough for most, without units. */
function cellText(statistic: MapStatistic, value: number): string {
  return compactNumber(statistic.isShare ? value * 100 : value);
}

/** Draws in CSS pixels; the context is scaled to the screen's before. */
export function paintMap(context: CanvasRenderingContext2D, picture: MapPicture): void {
  const { geometry, scrollTop, scrollLeft, width, height, theme } = picture;
  context.clearRect(0, 0, width, height);
  if (geometry.lines.length === 0) return;
  const first = lineAt(geometry, scrollTop);
  const current = geometry.lines[first]!;
  context.textBaseline = 'middle';
  for (let index = first; index < geometry.lines.length; index++) {
    const line = geometry.lines[index]!;
    const y = line.top - scrollTop;
    if (y >= height) break;
    if (line.kind === 'header') paintHeader(context, picture, line.group, y);
    else paintRow(context, picture, line, index, y);
  }
  // The labels stay where they are while the cells scroll below them.
  const background = cssColour(theme.background);
  context.fillStyle = background;
  if (scrollLeft > 0) context.fillRect(0, 0, geometry.labelWidth - gap, height);
  for (let index = first; index < geometry.lines.length; index++) {
    const line = geometry.lines[index]!;
    const y = line.top - scrollTop;
    if (y >= height) break;
    if (line.kind === 'header') paintLabel(context, picture, line, y + line.height - 10);
    else paintLabel(context, picture, line, y + rowHeight / 2);
  }
  const header = geometry.lines.findIndex(({ kind, group }) => kind === 'header' && group === current.group);
  if (geometry.lines[header]!.top < scrollTop) {
    context.fillStyle = background;
    const headerHeight = geometry.headers[current.group]!.height;
    context.fillRect(0, 0, width, headerHeight);
    paintHeader(context, picture, current.group, 0);
    context.fillStyle = background;
    if (scrollLeft > 0) context.fillRect(0, 0, geometry.labelWidth - gap, headerHeight);
    paintLabel(context, picture, geometry.lines[header]!, headerHeight - 10);
    paintRule(context, headerHeight + 0.5, width, theme.line);
  }
}

function paintHeader(context: CanvasRenderingContext2D, picture: MapPicture, index: number, y: number): void {
  const { geometry, theme, scrollLeft, hover, cursor } = picture;
  const group = picture.groups[index]!;
  const { isSlanted, height } = geometry.headers[index]!;
  const marked = hover ?? (picture.hasFocus ? cursor : undefined);
  for (let column = 0; column < columnCount(group); column++) {
    const left = columnLeft(geometry, group, column) - scrollLeft;
    if (left + geometry.cellWidth < geometry.labelWidth - 80 || left > picture.width) continue;
    const label = group.columns[column]?.label ?? largestLabel;
    const isMarked = marked?.column === column && geometry.lines[marked.line]?.group === index;
    context.fillStyle = isMarked ? theme.foreground : theme.faint;
    context.font = `${isMarked ? '600 ' : ''}11px ${theme.font}`;
    if (!isSlanted) {
      context.textAlign = 'center';
      context.fillText(label, left + geometry.cellWidth / 2 - gap / 2, y + height - 10);
      continue;
    }
    context.save();
    context.translate(left + geometry.cellWidth / 2 - 3, y + height - 6);
    context.rotate(-slope);
    context.textAlign = 'left';
    context.fillText(cut(context, label, (height - 14) / Math.sin(slope)), 0, 0);
    context.restore();
  }
}

function paintLabel(context: CanvasRenderingContext2D, picture: MapPicture, line: MapLine, y: number): void {
  const { geometry, theme, open } = picture;
  const { row } = line;
  const room = geometry.labelWidth - 12;
  context.textAlign = 'left';
  if (!row) {
    context.font = `600 11px ${theme.font}`;
    context.fillStyle = theme.foreground;
    context.fillText(cut(context, picture.groups[line.group]!.label, room), 0, y);
    return;
  }
  const hasChildren = row.children.length > 0;
  const indent = row.depth * 12 + (hasChildren ? 14 : 0);
  const marked = picture.hover ?? (picture.hasFocus ? picture.cursor : undefined);
  const isMarked = marked !== undefined && geometry.lines[marked.line] === line;
  context.font = `${isMarked ? '600 ' : ''}11px ${theme.font}`;
  context.fillStyle = isMarked ? theme.foreground : theme.faint;
  if (hasChildren) paintChevron(context, row.depth * 12 + 5, y, open.has(row.key));
  context.fillText(cut(context, row.label, room - indent), indent, y);
}

function paintRow(
  context: CanvasRenderingContext2D,
  picture: MapPicture,
  line: MapLine,
  index: number,
  y: number,
): void {
  const { geometry, scrollLeft, width, cursor, hover } = picture;
  const group = picture.groups[line.group]!;
  const row = line.row!;
  const figures = picture.figures(group, row);
  for (let column = 0; column < figures.length; column++) {
    const figure = figures[column];
    const left = columnLeft(geometry, group, column) - scrollLeft;
    if (!figure || left + geometry.cellWidth < geometry.labelWidth || left > width) continue;
    const box = { left, top: y + gap / 2, width: geometry.cellWidth - gap, height: rowHeight - gap };
    const tensors = tensorsAt(group, row, column)!;
    const isOne = line.kind === 'row' && column < group.columns.length;
    paintCell(context, picture, figure, box, isOne && tensors.length > 1);
    const isHere = (place: CellPlace | undefined) => place?.line === index && place.column === column;
    if (isOne && picture.selected !== undefined && tensors.includes(picture.selected)) {
      outline(context, box, picture.theme.foreground, 2);
    }
    if (isHere(hover)) outline(context, box, picture.theme.foreground, 1);
    if (isHere(cursor) && picture.hasFocus) outline(context, box, picture.theme.focus, 2);
  }
}

function paintCell(
  context: CanvasRenderingContext2D,
  picture: MapPicture,
  figure: CellFigure,
  box: Box,
  isMany: boolean,
): void {
  const { theme, statistic, range } = picture;
  const { value } = figure;
  const isContrast = theme.kind === 'high-contrast' || theme.kind === 'high-contrast-light';
  context.font = `10px ${theme.font}`;
  let ink = theme.faint;
  if (Number.isNaN(value) || !range) {
    frame(context, box, theme.line);
    if (figure.unknown > 0) hatch(context, box, theme.faint);
    // What cannot be read, and what has no such figure.
    else writeInCell(context, box, figure.unreadable > 0 ? '✕' : '–', theme.faint);
  } else {
    const colour = picture.map.at(placeOn(statistic, range, value));
    context.fillStyle = cssColour(colour);
    context.fillRect(box.left, box.top, box.width, box.height);
    if (isContrast) frame(context, box, theme.line);
    ink = textOver(colour);
    writeInCell(context, box, cellText(statistic, value), ink);
  }
  if (isMany) paintCorner(context, box, ink);
}
