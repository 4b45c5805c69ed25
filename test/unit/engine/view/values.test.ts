/** Single values of slices of every kind, through the real engine, against a plain reading. */
import { describe, expect, it } from 'vitest';
import { failureOf, startEngine, temporaryFolder } from '../support';
import {
  fillsBlocks,
  matrixFixture,
  regionValues,
  sizeOf,
  slicesOfEveryKind,
  someRegion,
} from './matrixFixture';

const engine = startEngine();
const folder = temporaryFolder();

describe.each([
  ...['F32', 'F64', 'I8', 'BF16', 'I64', 'U64', 'I32', 'F8_E4M3', 'F4'],
  ...['Q4_0', 'Q8_0', 'MXFP4'],
])('values of %s', (dtype) => {
  const fitting = slicesOfEveryKind.filter(([, shape]) => fillsBlocks(dtype, shape));
  it.each(fitting)('of %s are those of the tensor', async (_, shape, slice) => {
    const fixture = matrixFixture(folder, dtype, shape);
    const size = sizeOf(shape, slice);
    for (let seed = 0; seed < 6; seed++) {
      const whole = { row0: 0, row1: size.rows, column0: 0, column1: size.columns };
      const region = seed === 0 ? whole : someRegion(size, seed);
      const read = await engine.call('values', { path: fixture.path, tensor: 0, region, slice });
      expect(read.region).toEqual(region);
      expect(Array.from(read.values)).toEqual(regionValues(fixture, region, slice));
      expect(read.exact !== undefined).toBe(dtype === 'I64' || dtype === 'U64');
    }
  });
});

describe('values', () => {
  it('of 64-bit integers come with every digit', async () => {
    const big = [9007199254740993n, -9223372036854775808n, 7n];
    const { path } = matrixFixture(folder, 'I64', [3, 1], new Uint8Array(BigInt64Array.from(big).buffer));
    const region = { row0: 0, row1: 3, column0: 0, column1: 1 };
    const { exact, values } = await engine.call('values', { path, tensor: 0, region });
    expect(exact).toEqual(['9007199254740993', '-9223372036854775808', '7']);
    expect(values[0]).toBe(9007199254740992);
  });

  it('are read one by one where they are far apart', async () => {
    // 2,100 values from one to the next one way, 105,000 the other.
    const fixture = matrixFixture(folder, 'F32', [3, 50, 70, 30]);
    const slice = { rowDimension: 1, columnDimension: 0, at: [0, 0, 69, 29] };
    const region = { row0: 10, row1: 50, column0: 1, column1: 3 };
    const { values } = await engine.call('values', { path: fixture.path, tensor: 0, region, slice });
    expect(Array.from(values)).toEqual(regionValues(fixture, region, slice));
  });

  it('fail with what is wrong', async () => {
    const { path } = matrixFixture(folder, 'F32', [300, 300]);
    const region = { row0: 0, row1: 1, column0: 0, column1: 1 };
    const ask = (more: object) => failureOf(engine.call('values', { path, tensor: 0, region, ...more }));
    const usage = { code: 'usage', tensor: 'w' };
    expect(await ask({ region: { ...region, row1: 300, column1: 300 } })).toMatchObject(usage);
    expect(await ask({ region: { ...region, row1: 301 } })).toMatchObject(usage);
    expect(await ask({ slice: { rowDimension: 1, columnDimension: 1, at: [0, 0] } })).toMatchObject(usage);
    expect(await ask({ slice: { rowDimension: 0, columnDimension: 2, at: [0, 0] } })).toMatchObject(usage);
    expect(await ask({ slice: { rowDimension: 0, columnDimension: 1, at: [0] } })).toMatchObject(usage);
    expect(await ask({ tensor: 4 })).toMatchObject({ code: 'usage' });
    expect(await ask({ generation: 'another' })).toMatchObject({ code: 'changed' });
  });
});
