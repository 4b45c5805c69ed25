/** Tiles of every kind of slice, level and aggregate, through the real engine, against plain loops. */
import { describe, expect, it } from 'vitest';
import { baseSteps } from '../../../../src/engine/view/foldLevels';
import { largerMagnitude } from '../../../../src/kernels/reference/fold';
import type { Aggregate, Region, TensorSlice } from '../../../../src/protocol/engineApi';
import { failureOf, startEngine, temporaryFolder } from '../support';
import {
  fillsBlocks,
  flatIndex,
  type MatrixFixture,
  matrixFixture,
  sizeOf,
  slicesOfEveryKind,
  someRegion,
} from './matrixFixture';

const engine = startEngine();
const folder = temporaryFolder();

/** Where cells begin: at multiples of a power of two, or shared evenly. */
function edgesOf(size: number, cells: number, aligned: boolean): number[] {
  let step = 1;
  while (step * cells < size) step *= 2;
  return Array.from({ length: cells + 1 }, (_, i) =>
    aligned ? Math.min(size, i * step) : Math.floor((i * size) / cells),
  );
}

/** Every cell by a plain loop over its float32 values. */
function plainTile(
  { shape, values }: MatrixFixture,
  region: Region,
  cells: { rows: number; columns: number; aligned?: boolean },
  aggregate: Aggregate,
  slice?: TensorSlice,
): number[] {
  const downs = edgesOf(region.row1 - region.row0, cells.rows, cells.aligned ?? false);
  const across = edgesOf(region.column1 - region.column0, cells.columns, cells.aligned ?? false);
  const tile: number[] = [];
  for (let i = 0; i < cells.rows; i++) {
    for (let j = 0; j < cells.columns; j++) {
      let [extreme, sum, squares, count] = [-0, 0, 0, 0];
      for (let row = downs[i]!; row < downs[i + 1]!; row++) {
        for (let column = across[j]!; column < across[j + 1]!; column++) {
          const x = Math.fround(values[flatIndex(shape, slice, region.row0 + row, region.column0 + column)]!);
          extreme = largerMagnitude(extreme, x);
          sum += x;
          squares += x * x;
          count++;
        }
      }
      tile.push(
        aggregate === 'extreme' ? extreme : aggregate === 'mean' ? sum / count : Math.sqrt(squares / count),
      );
    }
  }
  return tile;
}

function expectTile(got: Float32Array, want: number[], aggregate: Aggregate): void {
  expect(got.length).toBe(want.length);
  for (const [i, value] of want.entries()) {
    const expected = Math.fround(value);
    if (Object.is(got[i], expected)) continue;
    if (aggregate === 'extreme' || !Number.isFinite(expected) || !Number.isFinite(got[i]!))
      expect.fail(`cell ${i}: ${got[i]} is not ${expected}`);
    // Sums in another order; of a mean near 0 the bits that cancelled are lost.
    const scale = Math.abs(want.reduce((most, one) => (Math.abs(one) > most ? Math.abs(one) : most), 0));
    expect(Math.abs(got[i]! - value)).toBeLessThanOrEqual(2e-7 * Math.max(Math.abs(value), 1e-6 * scale));
  }
}

describe.each(['F32', 'BF16', 'F64', 'I8', 'F8_E5M2', 'Q4_0', 'Q8_0'])('tiles of %s', (dtype) => {
  const fitting = slicesOfEveryKind.filter(([, shape]) => fillsBlocks(dtype, shape));
  it.each(fitting)('of %s fold its values', async (_, shape, slice) => {
    const count = shape.reduce((product, size) => product * size, 1);
    // Bytes of any pattern are NaNs and infinities here and there; of the wide floats, tame numbers.
    const tame = Float64Array.from({ length: count }, (_, i) => Math.sin(i * i));
    const given =
      dtype === 'F32'
        ? new Uint8Array(Float32Array.from(tame).buffer)
        : dtype === 'F64'
          ? new Uint8Array(tame.buffer)
          : undefined;
    const fixture = matrixFixture(folder, dtype, shape, given);
    const size = sizeOf(shape, slice);
    for (let seed = 0; seed < 4; seed++) {
      const region = seed === 0 ? undefined : someRegion(size, seed);
      const area = region ?? { row0: 0, row1: size.rows, column0: 0, column1: size.columns };
      const rows = Math.min(area.row1 - area.row0, 1 + 3 * seed);
      const columns = Math.min(area.column1 - area.column0, 13 - 3 * seed);
      for (const aggregate of ['extreme', 'mean', 'rms'] as const) {
        const { values } = await engine.call('tile', {
          path: fixture.path,
          tensor: 0,
          region,
          slice,
          aggregate,
          rows,
          columns,
        });
        expectTile(values, plainTile(fixture, area, { rows, columns }, aggregate, slice), aggregate);
      }
    }
  });
});

describe('coarse tiles', () => {
  const shape = [2100, 4100];
  const numbers = Float32Array.from(
    { length: 2100 * 4100 },
    (_, i) => Math.sin(i * 0.37) * ((i % 1013) - 500),
  );
  // Ties of either sign, and a NaN.
  numbers[5 * 4100 + 7] = -1000;
  numbers[6 * 4100 + 9] = 1000;
  numbers[2099 * 4100 + 4099] = Number.NaN;
  const fixture = matrixFixture(folder, 'F32', shape, new Uint8Array(numbers.buffer));

  it.each(['extreme', 'mean', 'rms'] as const)(
    'put together from finer ones are those of the file, by %s',
    async (aggregate) => {
      const base = baseSteps({ rows: 2100, columns: 4100 }, aggregate === 'extreme' ? 'extreme' : 'sums');
      expect(base).toEqual({ rowStep: 8, columnStep: 8 });
      for (const [rowStep, columnStep, row0, column0] of [
        [16, 32, 0, 0],
        [8, 8, 2048, 2048],
        [32, 16, 0, 4096],
        [4, 16, 1024, 0],
      ] as const) {
        const region = {
          row0,
          row1: Math.min(2100, row0 + 256 * rowStep),
          column0,
          column1: Math.min(4100, column0 + 256 * columnStep),
        };
        const cells = {
          rows: Math.ceil((region.row1 - row0) / rowStep),
          columns: Math.ceil((region.column1 - column0) / columnStep),
          aligned: true,
        };
        const tile = await engine.call('tile', {
          path: fixture.path,
          tensor: 0,
          region,
          aggregate,
          ...cells,
        });
        expect(tile).toMatchObject({ region, rows: cells.rows, columns: cells.columns });
        expectTile(tile.values, plainTile(fixture, region, cells, aggregate), aggregate);
        const again = await engine.call('tile', {
          path: fixture.path,
          tensor: 0,
          region,
          aggregate,
          ...cells,
        });
        expect(again.values).toEqual(tile.values);
      }
    },
  );

  it('of a matrix that is turned are those of its values', async () => {
    const slice = { rowDimension: 1, columnDimension: 0, at: [0, 0] };
    const region = { row0: 1024, row1: 4100, column0: 0, column1: 2100 };
    for (const [rowStep, columnStep] of [
      [4, 4],
      [16, 8],
      [1024, 1024],
    ] as const) {
      const cells = {
        rows: Math.ceil(3076 / rowStep),
        columns: Math.ceil(2100 / columnStep),
        aligned: true,
      };
      const tile = await engine.call('tile', { path: fixture.path, tensor: 0, region, slice, ...cells });
      expectTile(tile.values, plainTile(fixture, region, cells, 'extreme', slice), 'extreme');
    }
  });

  it('are the same for one worker and four', async () => {
    const cells = { rows: 132, columns: 257, aligned: true };
    const ask = { path: fixture.path, tensor: 0, aggregate: 'mean', ...cells } as const;
    const one = await startEngine({ env: { TENSOR_LOUPE_WORKERS: '1' } }).call('tile', ask);
    const four = await startEngine({ env: { TENSOR_LOUPE_WORKERS: '4' } }).call('tile', ask);
    expect(four.values).toEqual(one.values);
  });

  it('of the demand of one are not lost when another that waits for the same is cancelled', async () => {
    const fresh = startEngine();
    const ask = { path: fixture.path, tensor: 0, rows: 132, columns: 257, aligned: true };
    const stop = new AbortController();
    const cancelled = failureOf(fresh.call('tile', ask, { signal: stop.signal }));
    const kept = fresh.call('tile', ask);
    setTimeout(() => stop.abort(), 5);
    expect((await kept).values.length).toBe(132 * 257);
    await cancelled.catch(() => {});
  });

  it('refuse a slice or cells that make no sense', async () => {
    const ask = (more: object) =>
      failureOf(engine.call('tile', { path: fixture.path, tensor: 0, rows: 4, columns: 4, ...more }));
    expect(await ask({ rows: 0 })).toMatchObject({ code: 'usage' });
    expect(await ask({ rows: 3, aligned: true })).toMatchObject({ code: 'usage' });
    expect(await ask({ rows: 2100, columns: 4100 })).toMatchObject({ code: 'usage' });
    expect(await ask({ slice: { rowDimension: 0, columnDimension: 0, at: [0, 0] } })).toMatchObject({
      code: 'usage',
      tensor: 'w',
    });
  });
});
