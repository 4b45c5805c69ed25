/** Draws one frame of a matrix: tiles, lines between cells and blocks, numbers, NaN marks, selection and cursor. */
import type { Region } from '../../src/protocol/engineApi';
import { type Camera, type CanvasSize, columnEdge, rowEdge, visibleRegion } from '../state/matrixCamera';
import type { MatrixPlace } from '../state/matrixPlace';
import { cellStep } from '../state/tileGrid';
import { strokeCellFrame } from './cellFrame';
import { textOver } from './colorMaps';
import type { Rgb } from './colour';
import { cssColour } from './colour';
import type { ThemeColours } from './theme';
import type { Palette, TileBitmap } from './tileBitmap';

export interface MatrixFrame {
  readonly camera: Camera;
  readonly canvas: CanvasSize;
  readonly size: { readonly rows: number; readonly columns: number };
  /** Coarse ones first: finer ones cover them. */
  readonly tiles: readonly TileBitmap[];
  /** Those of `tiles` that are of the finest level and show single values. */
  readonly singles: readonly TileBitmap[];
  readonly palette: Palette;
  readonly theme: ThemeColours;
  /** Columns after which a stronger line is drawn: a block type's blocks, or a kernel's end. 0: none. */
  readonly groupColumns: number;
  readonly format: (value: number) => string;
  readonly shortFormat: (value: number) => string;
  readonly selected: Region | null;
  readonly hovered: MatrixPlace | null;
  /** A range that will be copied or saved. */
  readonly marked: Region | null;
}

/** Cells from this size on, in CSS pixels, are set apart by a line. */
const gapFrom = 9;
/** Blocks are set apart from this many CSS pixels a cell on. */
const groupFrom = 3;
/** From this size on the cursor frames its row and column in place of crossing them. */
const framedFrom = 12;
const numberSize = 10.5;
const numberPadding = 3;

export function paintMatrix(context: CanvasRenderingContext2D, frame: MatrixFrame): void {
  const { camera, canvas, theme, size } = frame;
  context.fillStyle = cssColour(theme.background);
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  for (const bitmap of frame.tiles) {
    const { row0, row1, column0, column1 } = bitmap.tile.region;
    const left = columnEdge(camera, column0);
    const top = rowEdge(camera, row0);
    const width = columnEdge(camera, column1) - left;
    const height = rowEdge(camera, row1) - top;
    if (!bitmap.image || width <= 0 || height <= 0) continue;
    // Of a cell that the matrix' edge cuts, a part is drawn: the others keep their places.
    const across = (column1 - column0) / cellStep(column1 - column0, bitmap.tile.columns);
    const down = (row1 - row0) / cellStep(row1 - row0, bitmap.tile.rows);
    context.drawImage(bitmap.image, 0, 0, across, down, left, top, width, height);
  }
  for (const bitmap of frame.tiles) if (bitmap.nanCells.length > 0) markNans(context, frame, bitmap);
  const shown = visibleRegion(camera, size, canvas);
  const { ratio } = canvas;
  const smallest = Math.min(camera.columnScale, camera.rowScale) / ratio;
  if (smallest >= gapFrom) paintGaps(context, frame, shown);
  if (frame.groupColumns > 1 && camera.columnScale / ratio >= groupFrom) paintGroups(context, frame, shown);
  if (frame.singles.length > 0)
    for (const format of [frame.format, frame.shortFormat])
      if (paintNumbers(context, frame, shown, format)) break;
  if (frame.marked) paintMarked(context, frame, frame.marked);
  if (frame.hovered) paintCrosshair(context, frame, frame.hovered);
  if (frame.selected) paintFrame(context, frame, frame.selected);
}

function paintGaps(context: CanvasRenderingContext2D, frame: MatrixFrame, shown: Region): void {
  const { camera, canvas, theme } = frame;
  const thickness = Math.max(1, Math.round(canvas.ratio));
  const bottom = rowEdge(camera, shown.row1);
  const right = columnEdge(camera, shown.column1);
  context.fillStyle = cssColour(theme.background);
  for (let column = shown.column0 + 1; column <= shown.column1; column++)
    context.fillRect(columnEdge(camera, column) - thickness, 0, thickness, bottom);
  for (let row = shown.row0 + 1; row <= shown.row1; row++)
    context.fillRect(0, rowEdge(camera, row) - thickness, right, thickness);
}

function paintGroups(context: CanvasRenderingContext2D, frame: MatrixFrame, shown: Region): void {
  const { camera, canvas, theme, groupColumns } = frame;
  const thickness = Math.max(1, Math.round(canvas.ratio));
  const bottom = rowEdge(camera, shown.row1);
  context.fillStyle = theme.foreground;
  context.globalAlpha = 0.85;
  const first = Math.ceil(Math.max(1, shown.column0) / groupColumns) * groupColumns;
  for (let column = first; column < shown.column1; column += groupColumns)
    context.fillRect(columnEdge(camera, column) - thickness, 0, thickness, bottom);
  context.globalAlpha = 1;
}

/** Numbers in all cells that are in view, or in none where one does not fit. */
function paintNumbers(
  context: CanvasRenderingContext2D,
  frame: MatrixFrame,
  shown: Region,
  format: (value: number) => string,
): boolean {
  const { camera, canvas, palette } = frame;
  const size = numberSize * canvas.ratio;
  const width = camera.columnScale;
  if (camera.rowScale < size * 1.35 || width < size * 2) return false;
  context.font = `${size}px ${frame.theme.font}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  // The widest text of this format is known without writing them all.
  if (context.measureText(`−${format(0.000123456)}`).width + 2 * numberPadding * canvas.ratio > width)
    return false;
  const { pixels, scale, isMagnitude } = palette;
  const last = pixels.length - 1;
  for (const { tile } of frame.singles) {
    const { region, columns, values } = tile;
    const row0 = Math.max(region.row0, shown.row0);
    const row1 = Math.min(region.row1, shown.row1);
    const column0 = Math.max(region.column0, shown.column0);
    const column1 = Math.min(region.column1, shown.column1);
    for (let row = row0; row < row1; row++) {
      const y = (rowEdge(camera, row) + rowEdge(camera, row + 1)) / 2;
      if (y < size / 2 || y + size / 2 > canvas.height) continue;
      for (let column = column0; column < column1; column++) {
        const value = values[(row - region.row0) * columns + column - region.column0]!;
        const place = scale.position(isMagnitude ? Math.abs(value) : value);
        const isNan = Number.isNaN(place);
        const pixel = isNan ? 0 : pixels[(place * last + 0.5) | 0]!;
        const colour: Rgb = [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
        context.fillStyle = isNan ? frame.theme.foreground : textOver(colour);
        const [left, right] = [columnEdge(camera, column), columnEdge(camera, column + 1)];
        const x = (left + right) / 2;
        const text = isNan ? 'NaN' : format(value);
        // Digits that the picture's edge cuts off would make another number of it.
        if (left < 0 || right > canvas.width) {
          const half = context.measureText(text).width / 2;
          if (x < half || x + half > canvas.width) continue;
        }
        context.fillText(text, x, y, width - 2);
      }
    }
  }
  return true;
}

/** A hatched square over each NaN: one NaN among a million values must be seen. */
function markNans(context: CanvasRenderingContext2D, frame: MatrixFrame, bitmap: TileBitmap): void {
  const { camera, canvas, theme } = frame;
  const { region, rows, columns } = bitmap.tile;
  const rowStep = cellStep(region.row1 - region.row0, rows);
  const columnStep = cellStep(region.column1 - region.column0, columns);
  const least = 5 * Math.max(1, Math.round(canvas.ratio));
  const line = Math.max(1, Math.round(canvas.ratio));
  for (const cell of bitmap.nanCells) {
    const row0 = region.row0 + Math.floor(cell / columns) * rowStep;
    const column0 = region.column0 + (cell % columns) * columnStep;
    let left = columnEdge(camera, column0);
    let top = rowEdge(camera, row0);
    const width = Math.max(least, columnEdge(camera, column0 + columnStep) - left);
    const height = Math.max(least, rowEdge(camera, row0 + rowStep) - top);
    if (left > canvas.width || top > canvas.height || left + width < 0 || top + height < 0) continue;
    left = Math.round(left);
    top = Math.round(top);
    context.fillStyle = cssColour(theme.background);
    context.fillRect(left, top, width, height);
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    context.strokeStyle = theme.warning;
    context.lineWidth = line;
    context.beginPath();
    for (let at = -height; at < width; at += 4 * line) {
      context.moveTo(left + at, top + height);
      context.lineTo(left + at + height, top);
    }
    context.stroke();
    context.restore();
  }
}

function paintCrosshair(context: CanvasRenderingContext2D, frame: MatrixFrame, at: MatrixPlace): void {
  const { camera, canvas, theme, size } = frame;
  const thickness = Math.max(1, Math.round(canvas.ratio));
  const [left, right] = [columnEdge(camera, at.column), columnEdge(camera, at.column + 1)];
  const [top, bottom] = [rowEdge(camera, at.row), rowEdge(camera, at.row + 1)];
  const across = Math.min(canvas.width, columnEdge(camera, size.columns));
  const down = Math.min(canvas.height, rowEdge(camera, size.rows));
  context.fillStyle = theme.foreground;
  context.globalAlpha = 0.55;
  if (Math.min(right - left, bottom - top) >= framedFrom * canvas.ratio) {
    // Along the edges of the row and the column, so that no number is struck through.
    for (const y of [top - thickness, bottom - thickness]) context.fillRect(0, y, across, thickness);
    for (const x of [left - thickness, right - thickness]) context.fillRect(x, 0, thickness, down);
  } else {
    const x = Math.floor((left + right) / 2);
    const y = Math.floor((top + bottom) / 2);
    // The cell itself is left free.
    const halfWidth = Math.max(4 * thickness, Math.ceil(camera.columnScale / 2));
    const halfHeight = Math.max(4 * thickness, Math.ceil(camera.rowScale / 2));
    context.fillRect(0, y, Math.max(0, x - halfWidth), thickness);
    context.fillRect(x + halfWidth, y, Math.max(0, across - x - halfWidth), thickness);
    context.fillRect(x, 0, thickness, Math.max(0, y - halfHeight));
    context.fillRect(x, y + halfHeight, thickness, Math.max(0, down - y - halfHeight));
  }
  context.globalAlpha = 1;
}

function paintFrame(
  context: CanvasRenderingContext2D,
  { camera, canvas }: MatrixFrame,
  region: Region,
): void {
  const edges = {
    left: columnEdge(camera, region.column0),
    top: rowEdge(camera, region.row0),
    right: columnEdge(camera, region.column1),
    bottom: rowEdge(camera, region.row1),
  };
  const thickness = Math.max(1, Math.round(canvas.ratio));
  strokeCellFrame(context, edges, thickness, 9, ['#000000', '#ffffff', '#000000']);
}

function paintMarked(context: CanvasRenderingContext2D, frame: MatrixFrame, region: Region): void {
  const { camera, canvas, theme } = frame;
  const thickness = Math.max(1, Math.round(canvas.ratio));
  const left = columnEdge(camera, region.column0);
  const top = rowEdge(camera, region.row0);
  const width = Math.max(thickness * 2, columnEdge(camera, region.column1) - left);
  const height = Math.max(thickness * 2, rowEdge(camera, region.row1) - top);
  context.save();
  context.fillStyle = theme.focus;
  context.globalAlpha = 0.18;
  context.fillRect(left, top, width, height);
  context.globalAlpha = 1;
  context.lineWidth = thickness;
  context.setLineDash([4 * thickness, 3 * thickness]);
  for (const [colour, offset] of [
    ['#000000', 0],
    ['#ffffff', 4 * thickness],
  ] as const) {
    context.strokeStyle = colour;
    context.lineDashOffset = offset;
    context.strokeRect(
      left + thickness / 2,
      top + thickness / 2,
      Math.max(0, width - thickness),
      Math.max(0, height - thickness),
    );
  }
  context.restore();
}
