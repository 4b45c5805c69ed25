/** Draws the part of the sensitivity map that is on screen. */
import { type ColorMap, textOver } from '../../draw/colorMaps';
import { cssColour } from '../../draw/colour';
import type { RowCell } from '../../state/rowCells';
import type { SensitivityRow } from '../../state/sensitivityRows';
import type { MapSight } from '../moduleMap/canvasMap';
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
} from '../moduleMap/mapInk';
import { gap, rowHeight, slope } from '../moduleMap/mapMeasures';
import { firstRowFrom, type Place, type SensitivityGeometry, totalHeight } from './sensitivityGeometry';

export interface SensitivityPicture extends MapSight<Place> {
  readonly rows: readonly SensitivityRow[];
  readonly geometry: SensitivityGeometry;
  readonly open: ReadonlySet<string>;
  /** Name and totals of each column. */
  readonly heads: readonly { readonly name: string; readonly totals: readonly string[] }[];
  readonly map: ColorMap;
  readonly cell: (row: SensitivityRow, column: number) => RowCell;
  /** Text of a quantized cell. */
  readonly text: (value: number) => string;
  /** Column that the recipe takes for a row; -1: none or several. */
  readonly picked: (row: SensitivityRow) => number;
  readonly selected: Place | undefined;
}

/** Draws in CSS pixels; the context is scaled to the screen's before. */
export function paintSensitivity(context: CanvasRenderingContext2D, picture: SensitivityPicture): void {
  const { geometry, rows, heads, scrollTop, scrollLeft, width, height, theme } = picture;
  const background = cssColour(theme.background);
  const { headerHeight, labelWidth } = geometry;
  context.clearRect(0, 0, width, height);
  context.textBaseline = 'middle';
  const first = firstRowFrom(geometry, scrollTop);
  const top = (index: number) => geometry.tops[index]! + headerHeight - scrollTop;
  let end = first;
  for (; end < rows.length && top(end) < height; end++) {
    for (let column = 0; column < heads.length; column++) {
      const left = labelWidth + column * geometry.cellWidth - scrollLeft;
      if (left + geometry.cellWidth < labelWidth || left > width) continue;
      const box = {
        left,
        top: top(end) + gap / 2,
        width: geometry.cellWidth - gap,
        height: rowHeight - gap,
      };
      paintCell(context, picture, { row: end, column }, box);
    }
  }
  // Labels stay where they are while the cells scroll below them.
  context.fillStyle = background;
  if (scrollLeft > 0) context.fillRect(0, 0, labelWidth - gap, height);
  for (let index = first; index < end; index++) paintLabels(context, picture, index, first, top(index));
  context.fillStyle = background;
  context.fillRect(0, 0, width, headerHeight - 2);
  for (let column = 0; column < heads.length; column++) paintHead(context, picture, column);
  context.fillStyle = background;
  context.fillRect(0, 0, labelWidth - gap, headerHeight - 2);
  context.textAlign = 'left';
  context.fillStyle = theme.faint;
  context.font = `11px ${theme.font}`;
  for (const [at, label] of ['size', 'bits a weight', 'SQNR of all'].entries()) {
    const y = geometry.nameHeight + at * totalHeight + totalHeight / 2;
    context.fillText(cut(context, label, labelWidth - 6), 0, y);
  }
  if (scrollTop > 0) paintRule(context, headerHeight - 1.5, width, theme.line);
}

function paintHead(context: CanvasRenderingContext2D, picture: SensitivityPicture, column: number): void {
  const { geometry, theme, heads, scrollLeft, hover, cursor, hasFocus } = picture;
  const { cellWidth, nameHeight, labelWidth } = geometry;
  const left = labelWidth + column * cellWidth - scrollLeft;
  if (left + cellWidth < labelWidth - 80 || left > picture.width) return;
  const { name, totals } = heads[column]!;
  const isMarked = (hover ?? (hasFocus ? cursor : undefined))?.column === column;
  context.fillStyle = theme.foreground;
  context.font = `${isMarked ? '600 ' : ''}11px ${theme.font}`;
  if (geometry.isSlanted) {
    context.save();
    context.translate(left + cellWidth / 2 - 8, nameHeight - 6);
    context.rotate(-slope);
    context.textAlign = 'left';
    context.fillText(cut(context, name, 112), 0, 0);
    context.restore();
  } else {
    context.textAlign = 'center';
    context.fillText(name, left + cellWidth / 2 - gap / 2, nameHeight - 10);
  }
  context.textAlign = 'center';
  context.fillStyle = theme.faint;
  context.font = `10px ${theme.font}`;
  for (const [at, text] of totals.entries()) {
    const y = nameHeight + at * totalHeight + totalHeight / 2;
    context.fillText(text, left + cellWidth / 2 - gap / 2, y, cellWidth - 2);
  }
}

function paintLabels(
  context: CanvasRenderingContext2D,
  picture: SensitivityPicture,
  index: number,
  first: number,
  top: number,
): void {
  const { geometry, theme, rows, open, hover, hasFocus, cursor } = picture;
  const { layerWidth, labelWidth } = geometry;
  const row = rows[index]!;
  const y = top + rowHeight / 2;
  context.textAlign = 'left';
  // A layer that scrolls out at the top is named at its first row that is on screen.
  if (index === first || rows[index - 1]!.layerKey !== row.layerKey) {
    context.font = `11px ${theme.font}`;
    context.fillStyle = theme.foreground;
    context.fillText(cut(context, row.layer, layerWidth - 6), 0, y);
  }
  const isMarked = (hover ?? (hasFocus ? cursor : undefined))?.row === index;
  context.font = `${isMarked ? '600 ' : ''}11px ${theme.font}`;
  context.fillStyle = isMarked ? theme.foreground : theme.faint;
  const hasChildren = row.children.length > 0;
  context.textAlign = 'right';
  const text = cut(context, row.label, labelWidth - layerWidth - 8 - (hasChildren ? 14 : 0));
  context.fillText(text, labelWidth - 8, y);
  if (hasChildren) {
    paintChevron(context, labelWidth - 16 - context.measureText(text).width, y, open.has(row.key));
  }
}

function paintCell(
  context: CanvasRenderingContext2D,
  picture: SensitivityPicture,
  place: Place,
  box: Box,
): void {
  const { theme, cursor, hover, selected, hasFocus } = picture;
  const row = picture.rows[place.row]!;
  const cell = picture.cell(row, place.column);
  const isContrast = theme.kind === 'high-contrast' || theme.kind === 'high-contrast-light';
  let ink = theme.faint;
  context.font = `10px ${theme.font}`;
  if (cell.state !== 'quantized') {
    frame(context, box, theme.line);
    if (cell.state === 'unknown') hatch(context, box, theme.faint);
    else writeInCell(context, box, cell.state === 'failed' ? '✕' : 'kept', ink);
  } else {
    const colour = picture.map.at(cell.place);
    context.fillStyle = cssColour(colour);
    context.fillRect(box.left, box.top, box.width, box.height);
    if (isContrast) frame(context, box, theme.line);
    ink = textOver(colour);
    writeInCell(context, box, picture.text(cell.value), ink);
  }
  if (row.children.length > 0) paintCorner(context, box, ink);
  if (picture.picked(row) === place.column && cell.state === 'quantized') {
    // What the recipe takes has a bar at its foot.
    context.fillStyle = ink;
    context.fillRect(box.left + 4, box.top + box.height - 3, box.width - 8, 2);
  }
  const isHere = (other: Place | undefined) => other?.row === place.row && other.column === place.column;
  if (isHere(selected)) outline(context, box, theme.foreground, 2);
  if (isHere(hover)) outline(context, box, theme.foreground, 1);
  if (hasFocus && isHere(cursor)) outline(context, box, theme.focus, 2);
}
