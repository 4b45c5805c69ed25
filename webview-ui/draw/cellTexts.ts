/** What is written into and drawn between the cells of a heatmap that are large enough for it. */
import { type ColorScale, colourOf, textOver } from './colorMaps';
import type { HeatmapLayer } from './heatmapLayer';
import type { ThemeColours } from './theme';

/** Cells on show, and where they lie on the canvas in device pixels. */
export interface CellFrame {
  readonly layer: HeatmapLayer;
  /** Half-open ranges of the cells on show. */
  readonly rows: readonly [number, number];
  readonly columns: readonly [number, number];
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** Where a cell starts along an axis. */
  edge(axis: 'row' | 'column', cell: number): number;
  readonly ratio: number;
  readonly scale: ColorScale;
  readonly theme: ThemeColours;
}

/** A cell's second line by index into the layer's values; undefined: it has none. */
export type CellNotes = (index: number) => string | undefined;

/** The group of an element of the matrix: neighbours of different groups are parted by a line. */
export type GroupOf = (row: number, column: number) => number;

/** CSS pixels. */
const fontSize = 10;
const padding = 3;
const lineHeight = 1.25;

interface CellText {
  readonly lines: readonly string[];
  readonly value: number;
  readonly row: number;
  readonly column: number;
}

/**
 * Writes every cell's value by the first format that fits all of them, with the notes below where there is room for a
 * second line; nothing where none fits.
 */
export function drawCellTexts(
  context: CanvasRenderingContext2D,
  frame: CellFrame,
  formats: readonly (((value: number) => string) | undefined)[],
  notes: CellNotes | null,
): void {
  const { ratio, theme, scale, cellWidth, cellHeight } = frame;
  const size = fontSize * ratio;
  context.font = `${size}px ${theme.font}`;
  for (const withNotes of notes ? [notes, null] : [null])
    for (const format of formats) {
      const texts = format && textsOf(context, frame, format, withNotes);
      if (!texts) continue;
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      for (const { lines, value, row, column } of texts) {
        const colour = colourOf(scale, value);
        context.fillStyle = colour ? textOver(colour) : theme.foreground;
        const x = frame.edge('column', column) + cellWidth / 2;
        const middle = frame.edge('row', row) + cellHeight / 2;
        if (isCut(context, frame, lines, x, middle)) continue;
        for (const [i, line] of lines.entries())
          context.fillText(line, x, middle + (i - (lines.length - 1) / 2) * lineHeight * size);
      }
      return;
    }
}

/** Whether the picture's edge would cut off digits: half of a number reads as another. */
function isCut(
  context: CanvasRenderingContext2D,
  { cellWidth, ratio }: CellFrame,
  lines: readonly string[],
  x: number,
  y: number,
): boolean {
  const { width, height } = context.canvas;
  const halfHeight = (fontSize * ratio * (1 + (lines.length - 1) * lineHeight)) / 2;
  if (y < halfHeight || y + halfHeight > height) return true;
  if (x >= cellWidth / 2 && x + cellWidth / 2 <= width) return false;
  return lines.some((line) => {
    const half = context.measureText(line).width / 2;
    return x < half || x + half > width;
  });
}

/** The texts of all cells; undefined as soon as one does not fit. */
function textsOf(
  context: CanvasRenderingContext2D,
  { layer, rows, columns, cellWidth, cellHeight, ratio }: CellFrame,
  format: (value: number) => string,
  notes: CellNotes | null,
): CellText[] | undefined {
  const size = fontSize * ratio;
  const lineCount = notes ? 2 : 1;
  // Before any number is written: a fine tile has a hundred thousand of them.
  if (cellHeight < size * (lineHeight * lineCount + 0.05) || cellWidth < size * 2) return undefined;
  const texts: CellText[] = [];
  for (let row = rows[0]; row < rows[1]; row++)
    for (let column = columns[0]; column < columns[1]; column++) {
      const index = row * layer.columns + column;
      const value = layer.values[index]!;
      const note = notes?.(index);
      const lines = [Number.isNaN(value) ? 'NaN' : format(value), ...(note === undefined ? [] : [note])];
      if (lines.some((line) => context.measureText(line).width + 2 * padding * ratio > cellWidth))
        return undefined;
      texts.push({ lines, value, row, column });
    }
  return texts;
}

/** Lines between cells of one element each that belong to different groups. */
export function drawGroups(context: CanvasRenderingContext2D, frame: CellFrame, groupOf: GroupOf): void {
  const { layer, rows, columns, ratio, theme } = frame;
  const { extent } = layer;
  const isSingle =
    layer.rows === extent.row1 - extent.row0 && layer.columns === extent.column1 - extent.column0;
  if (!isSingle) return;
  const thickness = Math.max(2, Math.round(2 * ratio));
  context.fillStyle = theme.foreground;
  const group = (row: number, column: number) => groupOf(extent.row0 + row, extent.column0 + column);
  for (let row = rows[0]; row < rows[1]; row++)
    for (let column = columns[0]; column < columns[1]; column++) {
      const own = group(row, column);
      const [left, top] = [frame.edge('column', column), frame.edge('row', row)];
      if (column > columns[0] && group(row, column - 1) !== own)
        context.fillRect(left - thickness + 1, top, thickness, frame.edge('row', row + 1) - top);
      if (row > rows[0] && group(row - 1, column) !== own)
        context.fillRect(left, top - thickness + 1, frame.edge('column', column + 1) - left, thickness);
    }
}
