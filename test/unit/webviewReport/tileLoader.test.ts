import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ErrorTile, Region } from '../../../src/protocol/engineApi';
import { type FetchTile, readTile, restMs, TileLoader } from '../../../webview-ui/views/report/tileLoader';

const region = (row0: number, row1: number): Region => ({ row0, row1, column0: 0, column1: 8 });
const pixels = { width: 4, height: 100 };

function tileOf(request: { region: Region; rows: number; columns: number }): ErrorTile {
  const cells = request.rows * request.columns;
  const values = Float32Array.from({ length: cells }, (_, i) => i);
  return {
    ...request,
    original: values,
    dequantized: values.map((v) => v + 0.5),
    error: values.map(() => 0.5),
    signed: values.map(() => -0.5),
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function start(fetch: FetchTile) {
  const tiles: ErrorTile[] = [];
  const failures: unknown[] = [];
  const busy: boolean[] = [];
  const loader = new TileLoader(fetch, {
    onTile: (tile) => tiles.push(tile),
    onFailure: (error) => failures.push(error),
    onBusy: (now) => busy.push(now),
  });
  loader.setTensor(3);
  return { loader, tiles, failures, busy };
}

describe('TileLoader', () => {
  it('asks once the view rests, at most one cell a pixel', async () => {
    const fetch = vi.fn<FetchTile>(async (request) => tileOf(request));
    const { loader, tiles } = start(fetch);
    loader.want(region(0, 10), pixels);
    await vi.advanceTimersByTimeAsync(restMs - 10);
    loader.want(region(0, 9), pixels);
    await vi.advanceTimersByTimeAsync(restMs - 10);
    expect(fetch).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(20);
    expect(fetch.mock.calls.map(([request]) => request)).toEqual([
      { tensor: 3, region: region(0, 9), rows: 9, columns: 4 },
    ]);
    expect(tiles).toHaveLength(1);
  });

  it('aborts what is no longer wanted and drops its late reply', async () => {
    const replies: (() => void)[] = [];
    const signals: AbortSignal[] = [];
    const { loader, tiles, busy } = start((request, signal) => {
      signals.push(signal);
      return new Promise((resolve) => replies.push(() => resolve(tileOf(request))));
    });
    loader.want(region(0, 5), pixels, 'once');
    await vi.advanceTimersByTimeAsync(1);
    loader.want(region(1, 6), pixels, 'once');
    await vi.advanceTimersByTimeAsync(1);
    expect(signals.map((signal) => signal.aborted)).toEqual([true, false]);
    replies[1]!();
    await vi.advanceTimersByTimeAsync(1);
    replies[0]!();
    await vi.advanceTimersByTimeAsync(1);
    expect(tiles.map((tile) => tile.region)).toEqual([region(1, 6)]);
    expect(busy.at(-1)).toBe(false);
  });

  it('answers a region it has seen without asking, until the tensor changes', async () => {
    const fetch = vi.fn<FetchTile>(async (request) => tileOf(request));
    const { loader, tiles } = start(fetch);
    for (const at of [region(0, 5), region(1, 6), region(0, 5)]) {
      loader.want(at, pixels, 'once');
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(fetch).toHaveBeenCalledTimes(2);
    expect(tiles).toHaveLength(3);
    loader.setTensor(4);
    loader.want(region(0, 5), pixels, 'once');
    await vi.advanceTimersByTimeAsync(1);
    expect(fetch).toHaveBeenCalledTimes(3);
  });

  it('reports a failure and repeats the wish on retry', async () => {
    let broken = true;
    const { loader, tiles, failures } = start(async (request) => {
      if (broken) throw new Error('gone');
      return tileOf(request);
    });
    loader.want(region(0, 5), pixels, 'once');
    await vi.advanceTimersByTimeAsync(1);
    expect(failures.map(String)).toEqual(['Error: gone']);
    broken = false;
    loader.retry();
    await vi.advanceTimersByTimeAsync(1);
    expect(tiles).toHaveLength(1);
  });
});

describe('readTile', () => {
  const tile = tileOf({ region: { row0: 10, row1: 16, column0: 4, column1: 8 }, rows: 3, columns: 4 });

  it('reads the cell that holds the element', () => {
    expect(readTile(tile, { row: 13, column: 7 })).toEqual({
      rows: [12, 14],
      columns: [7, 8],
      signed: -0.5,
      cell: { row: 1, column: 3 },
      original: 7,
      dequantized: 7.5,
      error: 0.5,
    });
  });

  it('knows nothing outside of the tile', () => {
    expect(readTile(tile, { row: 16, column: 5 })).toBeNull();
    expect(readTile(tile, { row: 12, column: 3 })).toBeNull();
  });
});

describe('codes', () => {
  it('are asked for where each cell is one value, and read with their scale and zero point', async () => {
    const fetch = vi.fn<FetchTile>(async (request) => tileOf(request));
    const { loader } = start(fetch);
    loader.want(region(3, 5), { width: 300, height: 100 }, 'once');
    await vi.advanceTimersByTimeAsync(1);
    expect(fetch.mock.calls[0]![0]).toMatchObject({ rows: 2, columns: 8, codes: true });
    const codes = {
      codes: Int16Array.from({ length: 16 }, (_, i) => i - 8),
      scales: new Float32Array(16).fill(0.25).fill(Number.NaN, 15),
      zeros: new Float32Array(16).fill(-3),
    };
    const tile = { ...tileOf({ region: region(3, 5), rows: 2, columns: 8 }), codes };
    expect(readTile(tile, { row: 3, column: 2 })).toMatchObject({
      code: { text: '\u22126', value: -6 },
      scale: 0.25,
      zero: -3,
    });
    // A value that is kept apart has neither code nor scale.
    const apart = readTile(tile, { row: 4, column: 7 })!;
    expect([apart.code!.text, apart.scale]).toEqual(['\u2013', undefined]);
  });
});
