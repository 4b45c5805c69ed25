/**
 * The fixed grid of tiles over a matrix: at level n a cell folds 2^n elements along an axis, and a tile has at most
 * 256 x 256 cells. Both axes have levels of their own, because they have scales of their own.
 */
import type { Region } from '../../src/protocol/engineApi';
import type { Camera, MatrixSize } from './matrixCamera';

/** Cells along each side of a tile. */
const tileCells = 256;

export interface TileLevel {
  readonly rowLevel: number;
  readonly columnLevel: number;
}

/** `row` and `column` count tiles of that level. */
export interface TileAddress extends TileLevel {
  readonly row: number;
  readonly column: number;
}

export function tileKey({ rowLevel, columnLevel, row, column }: TileAddress): string {
  return `${rowLevel},${columnLevel},${row},${column}`;
}

/** The level at which one tile holds all elements of an axis. */
export function topLevel(elements: number): number {
  let level = 0;
  while (Math.ceil(elements / 2 ** level) > tileCells) level++;
  return level;
}

/**
 * The finest level whose cells are still at least a device pixel wide: no cell falls between two pixels, so that no
 * outlier is lost, and none is wider than two.
 */
export function levelFor(camera: Camera, size: MatrixSize): TileLevel {
  const level = (scale: number, elements: number) =>
    Math.min(topLevel(elements), Math.max(0, Math.ceil(-Math.log2(scale) - 1e-9)));
  return {
    rowLevel: level(camera.rowScale, size.rows),
    columnLevel: level(camera.columnScale, size.columns),
  };
}

/** Elements that a tile covers. */
export function tileRegion(address: TileAddress, size: MatrixSize): Region {
  const rows = tileCells * 2 ** address.rowLevel;
  const columns = tileCells * 2 ** address.columnLevel;
  return {
    row0: address.row * rows,
    row1: Math.min(size.rows, (address.row + 1) * rows),
    column0: address.column * columns,
    column1: Math.min(size.columns, (address.column + 1) * columns),
  };
}

/** Cells that a tile is asked for: at the matrix' edge fewer than 256. */
export function tileShape(address: TileAddress, size: MatrixSize): { rows: number; columns: number } {
  const { row0, row1, column0, column1 } = tileRegion(address, size);
  return {
    rows: Math.ceil((row1 - row0) / 2 ** address.rowLevel),
    columns: Math.ceil((column1 - column0) / 2 ** address.columnLevel),
  };
}

/** The tiles that show a region at a level, those nearest to its middle first. */
export function tilesOver(region: Region, level: TileLevel): TileAddress[] {
  const rows = tileCells * 2 ** level.rowLevel;
  const columns = tileCells * 2 ** level.columnLevel;
  const middleRow = (region.row0 + region.row1) / 2 / rows - 0.5;
  const middleColumn = (region.column0 + region.column1) / 2 / columns - 0.5;
  const tiles: TileAddress[] = [];
  for (let row = Math.floor(region.row0 / rows); row * rows < region.row1; row++)
    for (let column = Math.floor(region.column0 / columns); column * columns < region.column1; column++)
      tiles.push({ ...level, row, column });
  const distance = ({ row, column }: TileAddress) => Math.hypot(row - middleRow, column - middleColumn);
  return tiles.sort((one, other) => distance(one) - distance(other));
}

/** The next coarser tile over a tile; undefined for the one that holds everything. */
export function coarserTile(address: TileAddress, size: MatrixSize): TileAddress | undefined {
  const rowStep = address.rowLevel < topLevel(size.rows) ? 1 : 0;
  const columnStep = address.columnLevel < topLevel(size.columns) ? 1 : 0;
  if (rowStep + columnStep === 0) return undefined;
  return {
    rowLevel: address.rowLevel + rowStep,
    columnLevel: address.columnLevel + columnStep,
    row: address.row >> rowStep,
    column: address.column >> columnStep,
  };
}

/** The one tile that holds the whole matrix. */
export function topTile(size: MatrixSize): TileAddress {
  return { rowLevel: topLevel(size.rows), columnLevel: topLevel(size.columns), row: 0, column: 0 };
}

/**
 * Elements that a cell of a tile covers along an axis of `extent` elements in `cells` cells: a power of two, of which the
 * last cell may have fewer.
 */
export function cellStep(extent: number, cells: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(extent / cells) - 1e-9));
}
