/**
 * Which part of a matrix a canvas shows, and how large: pure arithmetic in elements and device pixels. Each axis has a
 * scale of its own, so that a matrix of any proportions fills the canvas; zooming changes both by the same factor until
 * an axis reaches its end.
 */
import type { Region } from '../../src/protocol/engineApi';

export interface MatrixSize {
  readonly rows: number;
  readonly columns: number;
}

/** A canvas in device pixels, and how many of them make a CSS pixel. */
export interface CanvasSize {
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
}

export interface Camera {
  /** The element at the canvas' left and top edge; fractions are allowed. */
  readonly column: number;
  readonly row: number;
  /** Device pixels an element. */
  readonly columnScale: number;
  readonly rowScale: number;
}

/** Size of the largest cell, CSS pixels: a number fits with room to spare. */
const largestCell = { width: 84, height: 30 };
/** A matrix of few rows is drawn higher than that, up to this. */
const highestRow = 96;

interface Range {
  readonly least: number;
  readonly most: number;
}

/** Least (the whole matrix fits) and greatest scale of each axis. */
function scaleLimits(size: MatrixSize, canvas: CanvasSize): { row: Range; column: Range } {
  const axis = (pixels: number, elements: number, cell: number): Range => {
    const most = cell * canvas.ratio;
    return { least: Math.min(most, pixels / Math.max(1, elements)), most };
  };
  const height = canvas.height / canvas.ratio / Math.max(1, size.rows);
  return {
    row: axis(canvas.height, size.rows, Math.min(highestRow, Math.max(largestCell.height, height))),
    column: axis(canvas.width, size.columns, largestCell.width),
  };
}

/** The whole matrix. */
export function fitCamera(size: MatrixSize, canvas: CanvasSize): Camera {
  const { row, column } = scaleLimits(size, canvas);
  return { row: 0, column: 0, rowScale: row.least, columnScale: column.least };
}

/** Puts scales between their limits and the origin where no space is left empty that could show elements. */
export function clampCamera(camera: Camera, size: MatrixSize, canvas: CanvasSize): Camera {
  const limits = scaleLimits(size, canvas);
  const rowScale = within(camera.rowScale, limits.row.least, limits.row.most);
  const columnScale = within(camera.columnScale, limits.column.least, limits.column.most);
  return {
    rowScale,
    columnScale,
    row: within(camera.row, 0, Math.max(0, size.rows - canvas.height / rowScale)),
    column: within(camera.column, 0, Math.max(0, size.columns - canvas.width / columnScale)),
  };
}

/** factor > 1 goes nearer; what lies under the device pixel `at` stays there. */
export function zoomCamera(
  camera: Camera,
  factor: number,
  at: { readonly x: number; readonly y: number },
  size: MatrixSize,
  canvas: CanvasSize,
): Camera {
  const limits = scaleLimits(size, canvas);
  const rowScale = within(camera.rowScale * factor, limits.row.least, limits.row.most);
  const columnScale = within(camera.columnScale * factor, limits.column.least, limits.column.most);
  const zoomed = {
    rowScale,
    columnScale,
    row: camera.row + at.y / camera.rowScale - at.y / rowScale,
    column: camera.column + at.x / camera.columnScale - at.x / columnScale,
  };
  return clampCamera(zoomed, size, canvas);
}

/** Moves what is shown by device pixels: positive ones bring in what lies to the right and below. */
export function panCamera(
  camera: Camera,
  by: { readonly x: number; readonly y: number },
  size: MatrixSize,
  canvas: CanvasSize,
): Camera {
  const moved = {
    ...camera,
    row: camera.row + by.y / camera.rowScale,
    column: camera.column + by.x / camera.columnScale,
  };
  return clampCamera(moved, size, canvas);
}

/** Shows an element: where it is out of sight the view moves, by no more than it must, or to its middle. */
export function revealElement(
  camera: Camera,
  at: { readonly row: number; readonly column: number },
  size: MatrixSize,
  canvas: CanvasSize,
  how: 'nearest' | 'middle' = 'nearest',
): Camera {
  const axis = (start: number, scale: number, pixels: number, element: number) => {
    const shown = pixels / scale;
    if (how === 'middle') return element + 0.5 - shown / 2;
    if (element < start) return element;
    return element + 1 > start + shown ? element + 1 - shown : start;
  };
  const moved = {
    ...camera,
    row: axis(camera.row, camera.rowScale, canvas.height, at.row),
    column: axis(camera.column, camera.columnScale, canvas.width, at.column),
  };
  return clampCamera(moved, size, canvas);
}

/** The region of whole elements that is at least partly shown. */
export function visibleRegion(camera: Camera, size: MatrixSize, canvas: CanvasSize): Region {
  // Rounding must not add an element of which nothing is seen.
  const end = (start: number, pixels: number, scale: number, total: number) =>
    Math.min(total, Math.ceil(start + pixels / scale - 1e-6));
  const row0 = Math.min(size.rows - 1, Math.floor(camera.row + 1e-6));
  const column0 = Math.min(size.columns - 1, Math.floor(camera.column + 1e-6));
  return {
    row0,
    row1: Math.max(row0 + 1, end(camera.row, canvas.height, camera.rowScale, size.rows)),
    column0,
    column1: Math.max(column0 + 1, end(camera.column, canvas.width, camera.columnScale, size.columns)),
  };
}

/** The camera that shows a region as large as it can. */
export function cameraOn(region: Region, size: MatrixSize, canvas: CanvasSize): Camera {
  const camera = {
    row: region.row0,
    column: region.column0,
    rowScale: canvas.height / Math.max(1, region.row1 - region.row0),
    columnScale: canvas.width / Math.max(1, region.column1 - region.column0),
  };
  return clampCamera(camera, size, canvas);
}

/** The element under a device pixel; null beside the matrix. */
export function elementAt(
  camera: Camera,
  at: { readonly x: number; readonly y: number },
  size: MatrixSize,
): { row: number; column: number } | null {
  const row = Math.floor(camera.row + at.y / camera.rowScale);
  const column = Math.floor(camera.column + at.x / camera.columnScale);
  return row < 0 || column < 0 || row >= size.rows || column >= size.columns ? null : { row, column };
}

/** Device pixel at which an element starts, whole: neighbours share their edge and nothing is blended. */
export const columnEdge = (camera: Camera, column: number): number =>
  Math.round((column - camera.column) * camera.columnScale);
export const rowEdge = (camera: Camera, row: number): number =>
  Math.round((row - camera.row) * camera.rowScale);

function within(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, Number.isFinite(value) ? value : least));
}
