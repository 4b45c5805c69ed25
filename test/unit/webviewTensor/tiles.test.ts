import { describe, expect, it } from 'vitest';
import type { Tile } from '../../../src/protocol/engineApi';
import {
  cellStep,
  coarserTile,
  levelFor,
  type TileAddress,
  tileKey,
  tileRegion,
  tileShape,
  tilesOver,
  topLevel,
  topTile,
} from '../../../webview-ui/state/tileGrid';
import { TileStore } from '../../../webview-ui/state/tileStore';

const size = { rows: 16_384, columns: 1000 };

describe('the grid of tiles', () => {
  it('has one tile at its top', () => {
    expect(topLevel(256)).toBe(0);
    expect(topLevel(257)).toBe(1);
    expect(topLevel(16_384)).toBe(6);
    expect(tileRegion(topTile(size), size)).toEqual({ row0: 0, row1: 16_384, column0: 0, column1: 1000 });
    expect(tileShape(topTile(size), size)).toEqual({ rows: 256, columns: 250 });
  });

  it('takes the finest level whose cells are a pixel wide', () => {
    const level = (rowScale: number, columnScale: number) =>
      levelFor({ row: 0, column: 0, rowScale, columnScale }, size);
    expect(level(1, 20)).toEqual({ rowLevel: 0, columnLevel: 0 });
    expect(level(0.5, 0.51)).toEqual({ rowLevel: 1, columnLevel: 1 });
    expect(level(0.49, 0.25)).toEqual({ rowLevel: 2, columnLevel: 2 });
    expect(level(1e-6, 1e-6)).toEqual({ rowLevel: 6, columnLevel: 2 });
    for (const scale of [0.9, 0.37, 0.1, 0.05]) {
      const pixels = scale * 2 ** level(scale, 1).rowLevel;
      expect(pixels).toBeGreaterThanOrEqual(1);
      expect(pixels).toBeLessThan(2);
    }
  });

  it('covers a region without gaps or overlaps, the middle first', () => {
    const region = { row0: 700, row1: 3000, column0: 100, column1: 900 };
    const tiles = tilesOver(region, { rowLevel: 1, columnLevel: 0 });
    const seen = new Set<string>();
    for (let row = region.row0; row < region.row1; row += 37)
      for (let column = region.column0; column < region.column1; column += 11) {
        const holding = tiles.filter((tile) => {
          const { row0, row1, column0, column1 } = tileRegion(tile, size);
          return row >= row0 && row < row1 && column >= column0 && column < column1;
        });
        expect(holding).toHaveLength(1);
        seen.add(tileKey(holding[0]!));
      }
    expect(seen.size).toBe(tiles.length);
    const first = tileRegion(tiles[0]!, size);
    expect(first.row0).toBeLessThanOrEqual(1850);
    expect(first.row1).toBeGreaterThan(1850);
  });

  it('tells how many elements a cell covers, at the edge too', () => {
    expect(cellStep(1024, 256)).toBe(4);
    expect(cellStep(256, 256)).toBe(1);
    // 1000 elements in cells of 4: 250 of them; 1001 need one more, which has a single element.
    expect(cellStep(1000, 250)).toBe(4);
    expect(cellStep(1001, 251)).toBe(4);
    expect(cellStep(5, 2)).toBe(4);
    for (const extent of [3, 17, 255, 257, 5000])
      for (const step of [1, 2, 8, 64])
        if (extent > step) expect(cellStep(extent, Math.ceil(extent / step))).toBe(step);
  });

  it('leads from every tile to the top, each step over the one before', () => {
    let at: TileAddress | undefined = { rowLevel: 0, columnLevel: 0, row: 63, column: 3 };
    let steps = 0;
    let last = at;
    while (at) {
      const [inner, outer] = [tileRegion(last, size), tileRegion(at, size)];
      expect(outer.row0).toBeLessThanOrEqual(inner.row0);
      expect(outer.row1).toBeGreaterThanOrEqual(inner.row1);
      expect(outer.column0).toBeLessThanOrEqual(inner.column0);
      expect(outer.column1).toBeGreaterThanOrEqual(inner.column1);
      last = at;
      at = coarserTile(at, size);
      steps++;
    }
    expect(last).toEqual(topTile(size));
    expect(steps).toBe(7);
  });
});

describe('the store of tiles', () => {
  const matrix = { rows: 1024, columns: 1024 };
  const tileOf = (region: Tile['region']): Tile => ({
    region,
    rows: 1,
    columns: 1,
    values: new Float32Array(1),
    min: 0,
    max: 0,
  });

  function harness(limit?: number) {
    const open: { region: Tile['region']; signal: AbortSignal; answer(): void; fail(error: Error): void }[] =
      [];
    const told: string[] = [];
    const store = new TileStore(
      matrix,
      ({ region }, signal) =>
        new Promise((resolve, reject) => {
          open.push({ region, signal, answer: () => resolve(tileOf(region)), fail: reject });
        }),
      {
        onTile: (address) => told.push(tileKey(address)),
        onFailure: (error) => told.push(`failed: ${(error as Error).message}`),
        onPending: () => undefined,
      },
      limit,
    );
    return { store, open, told };
  }
  const settle = () => new Promise((resolve) => setTimeout(resolve));
  const address = (row: number, column: number): TileAddress => ({
    rowLevel: 0,
    columnLevel: 0,
    row,
    column,
  });

  it('asks for the overview first, and for four at a time', async () => {
    const { store, open, told } = harness();
    store.want([0, 1, 2, 3].flatMap((row) => [address(row, 0), address(row, 1)]));
    expect(open).toHaveLength(4);
    expect(open[0]!.region).toEqual({ row0: 0, row1: 1024, column0: 0, column1: 1024 });
    open[1]!.answer();
    await settle();
    expect(open).toHaveLength(5);
    expect(told).toEqual(['0,0,0,0']);
    expect(store.get(address(0, 0))).toBeDefined();
    expect(store.get(address(0, 1))).toBeUndefined();
  });

  it('gives up what is no longer wanted, and drops its late answer', async () => {
    const { store, open, told } = harness();
    store.want([address(0, 0)]);
    store.want([address(3, 3)]);
    expect(open[1]!.signal.aborted).toBe(true);
    expect(open[0]!.signal.aborted).toBe(false);
    open[1]!.answer();
    await settle();
    expect(told).toEqual([]);
  });

  it('stops after a failure until it is told to go on', async () => {
    const { store, open, told } = harness();
    store.want([address(0, 0), address(1, 1)]);
    open[1]!.fail(new Error('no such byte'));
    await settle();
    expect(told).toEqual(['failed: no such byte']);
    const before = open.length;
    open[2]!.answer();
    await settle();
    expect(open).toHaveLength(before);
    store.retry();
    expect(open.length).toBe(before + 1);
    open.at(-1)!.answer();
    await settle();
    expect(told.at(-1)).toBe('0,0,0,0');
  });

  it('keeps a bounded number of tiles, the last used ones and the overview', async () => {
    const { store, open } = harness(4);
    for (let step = 0; step < 12; step++) {
      store.want([address(step >> 2, step & 3)]);
      while (open.length > 0) open.shift()!.answer();
      await settle();
    }
    const kept = Array.from({ length: 12 }, (_, step) => store.get(address(step >> 2, step & 3)));
    expect(kept.filter((tile) => tile !== undefined)).toHaveLength(3);
    expect(kept[11]).toBeDefined();
    expect(store.overview).toBeDefined();
  });
});
