/**
 * What a matrix view shows at a moment, without any DOM: the camera, the tiles that have come, and which of them make a
 * frame. The view draws it and feeds it with gestures.
 */
import type { Region, Tile } from '../../../src/protocol/engineApi';
import type { Palette } from '../../draw/tileBitmap';
import { TileBitmap } from '../../draw/tileBitmap';
import {
  type Camera,
  type CanvasSize,
  fitCamera,
  type MatrixSize,
  visibleRegion,
} from '../../state/matrixCamera';
import type { MatrixPlace } from '../../state/matrixPlace';
import {
  cellStep,
  coarserTile,
  levelFor,
  type TileAddress,
  type TileLevel,
  tileKey,
  tilesOver,
  topTile,
} from '../../state/tileGrid';
import { type FetchTile, TileStore } from '../../state/tileStore';

/** Where tiles come from; another object, another matrix. */
export interface MatrixSource {
  readonly size: MatrixSize;
  readonly fetch: FetchTile;
}

export interface SceneListener {
  onTile(): void;
  onFailure(error: unknown): void;
  onPending(count: number): void;
}

/** What is known of the cell under a place. */
export interface CellReading {
  /** Half-open ranges of elements. */
  readonly rows: readonly [number, number];
  readonly columns: readonly [number, number];
  readonly value: number;
  /** One element, and its own value. */
  readonly isSingle: boolean;
}

/** Time for giving tiles new colours in one frame; the others keep their old ones until the next, ms. */
const recolourMs = 6;

export class MatrixScene {
  camera: Camera;
  private readonly store: TileStore;
  private readonly bitmaps = new WeakMap<Tile, TileBitmap>();
  private wish = '';

  constructor(
    readonly source: MatrixSource,
    public canvas: CanvasSize,
    listener: SceneListener,
    private palette: () => Palette,
  ) {
    this.camera = fitCamera(source.size, canvas);
    this.store = new TileStore(source.size, source.fetch, {
      onTile: (_address, tile) => {
        // Coloured as it comes, so that frames need not.
        this.bitmapOf(tile).paint(this.palette());
        listener.onTile();
      },
      onFailure: (error) => listener.onFailure(error),
      onPending: (count) => listener.onPending(count),
    });
  }

  get size(): MatrixSize {
    return this.source.size;
  }

  get level(): TileLevel {
    return levelFor(this.camera, this.size);
  }

  get region(): Region {
    return visibleRegion(this.camera, this.size, this.canvas);
  }

  get isWhole(): boolean {
    const fit = fitCamera(this.size, this.canvas);
    return fit.rowScale === this.camera.rowScale && fit.columnScale === this.camera.columnScale;
  }

  get overview(): Tile | undefined {
    return this.store.overview;
  }

  bitmapOf(tile: Tile): TileBitmap {
    let bitmap = this.bitmaps.get(tile);
    if (!bitmap) {
      bitmap = new TileBitmap(tile);
      this.bitmaps.set(tile, bitmap);
    }
    return bitmap;
  }

  /** Asks for what the camera sees; nothing when that has not changed. */
  ask(): void {
    if (this.canvas.width === 0 || this.canvas.height === 0) return;
    const addresses = tilesOver(this.region, this.level);
    const wish = addresses.map(tileKey).join(' ');
    if (wish === this.wish) return;
    this.wish = wish;
    this.store.want(addresses);
  }

  retry(): void {
    this.store.retry();
  }

  stop(): void {
    this.wish = '';
    this.store.stop();
  }

  /** Tiles of a frame, coarse ones first: where a fine tile is missing, the finest coarser one stands for it. */
  frameTiles(): { tiles: TileBitmap[]; singles: TileBitmap[]; isRecoloured: boolean } {
    const found = new Map<string, { bitmap: TileBitmap; level: number }>();
    const singles: TileBitmap[] = [];
    for (const address of tilesOver(this.region, this.level)) {
      for (let at: TileAddress | undefined = address; at; at = coarserTile(at, this.size)) {
        const tile = this.store.get(at);
        if (!tile) continue;
        const bitmap = this.bitmapOf(tile);
        found.set(tileKey(at), { bitmap, level: at.rowLevel + at.columnLevel });
        if (at.rowLevel + at.columnLevel === 0) singles.push(bitmap);
        break;
      }
    }
    const tiles = [...found.values()].sort((one, other) => other.level - one.level);
    const palette = this.palette();
    const end = performance.now() + recolourMs;
    let isRecoloured = true;
    for (const { bitmap } of tiles) {
      if (bitmap.isPaintedWith(palette)) continue;
      if (performance.now() < end) bitmap.paint(palette);
      else isRecoloured = false;
    }
    return { tiles: tiles.map(({ bitmap }) => bitmap), singles, isRecoloured };
  }

  /** The cell that holds an element, from the finest tile that is there. */
  read({ row, column }: MatrixPlace): CellReading | undefined {
    const { rowLevel, columnLevel } = this.level;
    const cells = 256;
    let at: TileAddress | undefined = {
      rowLevel,
      columnLevel,
      row: Math.floor(row / (cells * 2 ** rowLevel)),
      column: Math.floor(column / (cells * 2 ** columnLevel)),
    };
    for (; at; at = coarserTile(at, this.size)) {
      const tile = this.store.get(at);
      if (!tile) continue;
      const { row0, row1, column0, column1 } = tile.region;
      const rowStep = cellStep(row1 - row0, tile.rows);
      const columnStep = cellStep(column1 - column0, tile.columns);
      const cellRow = Math.floor((row - row0) / rowStep);
      const cellColumn = Math.floor((column - column0) / columnStep);
      const rows = range(row0, row1, rowStep, cellRow);
      const columns = range(column0, column1, columnStep, cellColumn);
      return {
        rows,
        columns,
        value: tile.values[cellRow * tile.columns + cellColumn]!,
        isSingle: rows[1] - rows[0] === 1 && columns[1] - columns[0] === 1,
      };
    }
    return undefined;
  }

  /** |values| of the cells that are shown now, of at most so many: what a range can be taken from. */
  shownMagnitudes(most = 16_384): Float32Array {
    const tiles: Tile[] = [];
    for (const address of tilesOver(this.region, this.level)) {
      const tile = this.store.get(address);
      if (tile) tiles.push(tile);
    }
    if (tiles.length === 0) {
      const overview = this.store.get(topTile(this.size));
      if (overview) tiles.push(overview);
    }
    const total = tiles.reduce((sum, tile) => sum + tile.values.length, 0);
    const step = Math.max(1, Math.ceil(total / most));
    const magnitudes = new Float32Array(Math.ceil(total / step) + tiles.length);
    let count = 0;
    for (const { values } of tiles)
      for (let at = 0; at < values.length; at += step) {
        const magnitude = Math.abs(values[at]!);
        if (Number.isFinite(magnitude)) magnitudes[count++] = magnitude;
      }
    return magnitudes.subarray(0, count).sort();
  }
}

/** Elements of a cell; the last one is cut where its tile ends. */
function range(start: number, end: number, step: number, cell: number): [number, number] {
  return [start + cell * step, Math.min(end, start + (cell + 1) * step)];
}
