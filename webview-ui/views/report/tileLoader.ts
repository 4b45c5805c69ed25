/**
 * Asks for tiles of one tensor: after a short rest of the view, one at a time, dropping what is no longer
 * wanted. Knows nothing of drawing; the clock and the host are handed in.
 */
import type { ErrorTile, Region } from '../../../src/protocol/engineApi';
import { codeText } from './pictureKinds';
import { type CellCount, cellOf, cellsOf, elementsOf } from './viewport';

export type FetchTile = (
  request: { tensor: number; region: Region; rows: number; columns: number; codes?: true },
  signal: AbortSignal,
) => Promise<ErrorTile>;

export interface TileListener {
  /** A tile of the current tensor has come. */
  onTile(tile: ErrorTile): void;
  /** The last wish failed; `retry` wishes it again. */
  onFailure(error: unknown): void;
  /** A request started or the last one ended. */
  onBusy(busy: boolean): void;
}

/** Rest after the last change of view before a tile is asked for, in ms. */
export const restMs = 60;
const cachedTiles = 24;

export class TileLoader {
  private tensor = -1;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: AbortController | undefined;
  private wish: { region: Region; cells: CellCount } | undefined;
  private readonly cache = new Map<string, ErrorTile>();

  constructor(
    private readonly fetch: FetchTile,
    private readonly listener: TileListener,
  ) {}

  /** Changes the tensor; whatever was on its way is dropped. */
  setTensor(tensor: number): void {
    if (tensor === this.tensor) return;
    this.stop();
    this.tensor = tensor;
    this.cache.clear();
    this.wish = undefined;
  }

  /** Wishes for the region at the resolution of the pixels. A wish already fulfilled is answered at once. */
  want(region: Region, pixels: { width: number; height: number }, at: 'once' | 'rest' = 'rest'): void {
    const cells = cellsOf(region, pixels);
    const known = this.cache.get(keyOf(region, cells));
    this.wish = { region, cells };
    clearTimeout(this.timer);
    if (known) {
      this.abort();
      this.listener.onTile(known);
      return;
    }
    this.timer = setTimeout(() => void this.load(), at === 'once' ? 0 : restMs);
  }

  /** Repeats the last wish after a failure. */
  retry(): void {
    void this.load();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.abort();
  }

  private abort(): void {
    if (!this.running) return;
    this.running.abort();
    this.running = undefined;
    this.listener.onBusy(false);
  }

  private async load(): Promise<void> {
    const { wish, tensor } = this;
    if (!wish) return;
    this.abort();
    const controller = new AbortController();
    this.running = controller;
    this.listener.onBusy(true);
    try {
      const codes = holdsSingles(wish.region, wish.cells) ? ({ codes: true } as const) : {};
      const request = { tensor, region: wish.region, ...wish.cells, ...codes };
      const tile = await this.fetch(request, controller.signal);
      // A reply that nobody waits for any more is stale, whether or not the host heard of the abort.
      if (this.running !== controller) return;
      this.remember(keyOf(wish.region, wish.cells), tile);
      this.listener.onTile(tile);
    } catch (error) {
      if (this.running === controller) this.listener.onFailure(error);
    } finally {
      if (this.running === controller) {
        this.running = undefined;
        this.listener.onBusy(false);
      }
    }
  }

  private remember(key: string, tile: ErrorTile): void {
    this.cache.set(key, tile);
    if (this.cache.size > cachedTiles) this.cache.delete(this.cache.keys().next().value!);
  }
}

/** Cells that can be large enough for numbers; the engine gives codes of as many. */
const mostCodes = 2 ** 14;

function holdsSingles({ row0, row1, column0, column1 }: Region, { rows, columns }: CellCount): boolean {
  return rows === row1 - row0 && columns === column1 - column0 && rows * columns <= mostCodes;
}

function keyOf(region: Region, cells: CellCount): string {
  return [region.row0, region.row1, region.column0, region.column1, cells.rows, cells.columns].join(',');
}

/** What a tile says about the cell that holds an element. */
export interface TileReading {
  /** Half-open ranges of elements; single ones when the tile is at full resolution. */
  readonly rows: readonly [number, number];
  readonly columns: readonly [number, number];
  /** The cell within the tile. */
  readonly cell: { readonly row: number; readonly column: number };
  readonly original: number;
  readonly dequantized: number;
  readonly error: number;
  readonly signed: number;
  /** The code, where it is one value and the scheme has codes. */
  readonly code?: { readonly text: string; readonly value: number } | undefined;
  /** What the code is multiplied with, and its zero point. */
  readonly scale?: number | undefined;
  readonly zero?: number | undefined;
}

/** Reads the cell of a tile that holds an element; null outside of the tile. */
export function readTile(tile: ErrorTile, at: { row: number; column: number }): TileReading | null {
  const { row0, row1, column0, column1 } = tile.region;
  if (at.row < row0 || at.row >= row1 || at.column < column0 || at.column >= column1) return null;
  const row = cellOf(row0, row1, tile.rows, at.row);
  const column = cellOf(column0, column1, tile.columns, at.column);
  const index = row * tile.columns + column;
  return {
    rows: elementsOf(row0, row1, tile.rows, row),
    columns: elementsOf(column0, column1, tile.columns, column),
    cell: { row, column },
    original: tile.original[index]!,
    dequantized: tile.dequantized[index]!,
    error: tile.error[index]!,
    signed: tile.signed[index]!,
    ...codeReading(tile.codes, index),
  };
}

function codeReading(codes: ErrorTile['codes'], index: number): Pick<TileReading, 'code' | 'scale' | 'zero'> {
  if (!codes) return {};
  const scale = codes.scales?.[index];
  return {
    code: { text: codeText(codes, index), value: codes.codes[index]! },
    scale: scale !== undefined && Number.isNaN(scale) ? undefined : scale,
    zero: codes.zeros?.[index],
  };
}
