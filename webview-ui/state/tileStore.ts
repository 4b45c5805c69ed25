/**
 * Fetches the tiles that a view wants, few at a time and the most wanted first, and keeps the last ones. Knows nothing
 * of drawing; the host is handed in.
 */
import type { Tile } from '../../src/protocol/engineApi';
import type { MatrixSize } from './matrixCamera';
import { type TileAddress, tileKey, tileRegion, tileShape, topTile } from './tileGrid';

export type FetchTile = (
  request: { region: Tile['region']; rows: number; columns: number },
  signal: AbortSignal,
) => Promise<Tile>;

export interface StoreListener {
  onTile(address: TileAddress, tile: Tile): void;
  /** A tile could not be had: nothing more is asked for until `retry`. */
  onFailure(error: unknown): void;
  /** How many tiles that are wanted have not come. */
  onPending(count: number): void;
}

/** Tiles that are kept: with 256 KiB of values and as many of colours each, 80 MiB. */
const keptTiles = 160;
/** Asked for at once: enough to keep the engine busy, few enough to change one's mind. */
const atOnce = 4;

export class TileStore {
  private readonly tiles = new Map<string, Tile>();
  private readonly running = new Map<string, AbortController>();
  private wanted: readonly TileAddress[] = [];
  private isHalted = false;

  constructor(
    private readonly size: MatrixSize,
    private readonly fetch: FetchTile,
    private readonly listener: StoreListener,
    private readonly limit = keptTiles,
  ) {}

  /** A tile that has come; using it keeps it. */
  get(address: TileAddress): Tile | undefined {
    const key = tileKey(address);
    const tile = this.tiles.get(key);
    if (tile) {
      this.tiles.delete(key);
      this.tiles.set(key, tile);
    }
    return tile;
  }

  /** The tile over everything, which is never dropped. */
  get overview(): Tile | undefined {
    return this.tiles.get(tileKey(topTile(this.size)));
  }

  /** Replaces the wish: what is no longer wanted is no longer waited for. The overview always comes first. */
  want(addresses: readonly TileAddress[]): void {
    this.wanted = [topTile(this.size), ...addresses];
    const keys = new Set(this.wanted.map(tileKey));
    for (const [key, controller] of this.running) {
      if (keys.has(key)) continue;
      this.running.delete(key);
      controller.abort();
    }
    this.next();
  }

  /** Asks again after a failure. */
  retry(): void {
    this.isHalted = false;
    this.next();
  }

  /** Drops what is on its way; the tiles stay. */
  stop(): void {
    this.wanted = [];
    for (const controller of this.running.values()) controller.abort();
    this.running.clear();
  }

  private next(): void {
    const missing = this.wanted.filter((address) => !this.tiles.has(tileKey(address)));
    this.listener.onPending(missing.length);
    if (this.isHalted) return;
    for (const address of missing) {
      if (this.running.size >= atOnce) return;
      if (!this.running.has(tileKey(address))) void this.load(address);
    }
  }

  private async load(address: TileAddress): Promise<void> {
    const key = tileKey(address);
    const controller = new AbortController();
    this.running.set(key, controller);
    const isCurrent = () => this.running.get(key) === controller;
    try {
      const request = { region: tileRegion(address, this.size), ...tileShape(address, this.size) };
      const tile = await this.fetch(request, controller.signal);
      // A reply that nobody waits for any more may be of another slice or aggregate.
      if (!isCurrent()) return;
      this.keep(key, tile);
      this.listener.onTile(address, tile);
    } catch (error) {
      if (!isCurrent()) return;
      this.isHalted = true;
      this.listener.onFailure(error);
    } finally {
      if (isCurrent()) {
        this.running.delete(key);
        this.next();
      }
    }
  }

  private keep(key: string, tile: Tile): void {
    this.tiles.set(key, tile);
    if (this.tiles.size <= this.limit) return;
    const kept = new Set(this.wanted.map(tileKey));
    for (const old of this.tiles.keys()) {
      if (this.tiles.size <= this.limit) return;
      if (!kept.has(old)) this.tiles.delete(old);
    }
  }
}
