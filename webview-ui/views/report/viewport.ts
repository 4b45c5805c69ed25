/** Zoom, pan and cursor of the three linked pictures, as a pure reducer over whole elements. */
import type { Region } from '../../../src/protocol/engineApi';
import { cellOf } from '../../state/cellGrid';

export { cellOf, elementsOf, matrixShape } from '../../state/cellGrid';

export interface Viewport {
  /** Of the tensor seen as a matrix. */
  readonly rows: number;
  readonly columns: number;
  /** What is shown. */
  readonly region: Region;
  /** The element under the cursor; null before the first touch. */
  readonly cursor: { readonly row: number; readonly column: number } | null;
  /** At the nearest zoom; undefined: as many as `nearest` says. */
  readonly nearestColumns?: number | undefined;
}

/** Cells across a picture: as many as there are elements, at most as many as there are pixels. */
export interface CellCount {
  readonly rows: number;
  readonly columns: number;
}

export type ViewportAction =
  /** factor > 1 goes nearer. The element at row, column (fractions allowed) stays where it is. */
  | { readonly kind: 'zoom'; readonly factor: number; readonly row: number; readonly column: number }
  /** In elements. */
  | { readonly kind: 'pan'; readonly rows: number; readonly columns: number }
  | { readonly kind: 'fit' }
  | { readonly kind: 'show'; readonly region: Region }
  | { readonly kind: 'point'; readonly row: number; readonly column: number }
  /** By cells, as arrow keys do; the region follows. */
  | { readonly kind: 'step'; readonly rows: number; readonly columns: number; readonly cells: CellCount };

/** The nearest zoom: cells large enough to hold their numbers. */
export const nearest = { rows: 5, columns: 8 };

/** The whole tensor, no cursor. */
export function wholeTensor(rows: number, columns: number): Viewport {
  return { rows, columns, region: { row0: 0, row1: rows, column0: 0, column1: columns }, cursor: null };
}

export function reduceViewport(state: Viewport, action: ViewportAction): Viewport {
  const { region } = state;
  switch (action.kind) {
    case 'zoom': {
      const [row0, row1] = zoomAxis(
        region.row0,
        region.row1,
        state.rows,
        nearest.rows,
        action.factor,
        action.row,
      );
      const [column0, column1] = zoomAxis(
        region.column0,
        region.column1,
        state.columns,
        state.nearestColumns ?? nearest.columns,
        action.factor,
        action.column,
      );
      return { ...state, region: { row0, row1, column0, column1 } };
    }
    case 'pan': {
      const [row0, row1] = shift(region.row0, region.row1, state.rows, action.rows);
      const [column0, column1] = shift(region.column0, region.column1, state.columns, action.columns);
      return { ...state, region: { row0, row1, column0, column1 } };
    }
    case 'fit':
      return { ...state, region: wholeTensor(state.rows, state.columns).region };
    case 'show':
      return { ...state, region: clampRegion(action.region, state.rows, state.columns) };
    case 'point':
      return { ...state, cursor: clampCursor(state, action.row, action.column) };
    case 'step':
      return step(state, action);
  }
}

/** Whole numbers within the tensor, at least one element each way: also for regions out of a saved state. */
export function clampRegion(region: Region, rows: number, columns: number): Region {
  const axis = (start: number, end: number, total: number): [number, number] => {
    const from = Math.min(Math.max(0, Math.floor(start) || 0), total - 1);
    return [from, Math.min(total, Math.max(from + 1, Math.ceil(end) || total))];
  };
  const [row0, row1] = axis(region.row0, region.row1, rows);
  const [column0, column1] = axis(region.column0, region.column1, columns);
  return { row0, row1, column0, column1 };
}

/** Whether two regions are the same. */
export function sameRegion(one: Region, other: Region): boolean {
  return (
    one.row0 === other.row0 &&
    one.row1 === other.row1 &&
    one.column0 === other.column0 &&
    one.column1 === other.column1
  );
}

/** Cells that a picture of so many pixels shows of a region. */
export function cellsOf(region: Region, pixels: { width: number; height: number }): CellCount {
  return {
    rows: Math.max(1, Math.min(region.row1 - region.row0, pixels.height)),
    columns: Math.max(1, Math.min(region.column1 - region.column0, pixels.width)),
  };
}

function zoomAxis(
  start: number,
  end: number,
  total: number,
  least: number,
  factor: number,
  anchor: number,
): [number, number] {
  const extent = end - start;
  let wanted = Math.round(extent / factor);
  // Rounding must not make a small step no step.
  if (wanted === extent && factor !== 1) wanted += factor > 1 ? -1 : 1;
  // A tensor restored into a region below the nearest zoom may only grow.
  const next = Math.min(total, Math.max(Math.min(least, total, extent), wanted));
  const fraction = (anchor - start) / extent;
  const from = Math.min(total - next, Math.max(0, Math.round(anchor - fraction * next)));
  return [from, from + next];
}

function shift(start: number, end: number, total: number, by: number): [number, number] {
  const whole = Math.min(total - end, Math.max(-start, Math.round(by)));
  return [start + whole, end + whole];
}

function clampCursor(state: Viewport, row: number, column: number): { row: number; column: number } {
  return {
    row: Math.min(state.rows - 1, Math.max(0, Math.floor(row))),
    column: Math.min(state.columns - 1, Math.max(0, Math.floor(column))),
  };
}

function step(state: Viewport, action: Extract<ViewportAction, { kind: 'step' }>): Viewport {
  const { region, cells } = { region: state.region, cells: action.cells };
  if (!state.cursor || !contains(region, state.cursor)) {
    const middle = clampCursor(
      state,
      (region.row0 + region.row1 - 1) / 2,
      (region.column0 + region.column1 - 1) / 2,
    );
    return { ...state, cursor: middle };
  }
  const row = stepAxis(region.row0, region.row1, state.rows, cells.rows, state.cursor.row, action.rows);
  const column = stepAxis(
    region.column0,
    region.column1,
    state.columns,
    cells.columns,
    state.cursor.column,
    action.columns,
  );
  const cursor = { row, column };
  const [row0, row1] = follow(region.row0, region.row1, state.rows, row);
  const [column0, column1] = follow(region.column0, region.column1, state.columns, column);
  return { ...state, cursor, region: { row0, row1, column0, column1 } };
}

function contains(region: Region, at: { row: number; column: number }): boolean {
  return (
    at.row >= region.row0 && at.row < region.row1 && at.column >= region.column0 && at.column < region.column1
  );
}

/** First element of the cell `by` cells further; beyond the region by whole cells. */
function stepAxis(start: number, end: number, total: number, cells: number, at: number, by: number): number {
  if (by === 0) return at;
  const cell = cellOf(start, end, cells, at) + by;
  const element = start + Math.floor((cell * (end - start)) / cells);
  return Math.min(total - 1, Math.max(0, element));
}

function follow(start: number, end: number, total: number, at: number): [number, number] {
  if (at < start) return shift(start, end, total, at - start);
  if (at >= end) return shift(start, end, total, at - end + 1);
  return [start, end];
}
