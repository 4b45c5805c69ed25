/** Slices of packed weights: a transposed view has the values of the plain one, turned. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { largerMagnitude } from '../../../../src/kernels/reference/fold';
import { aligned, awq, gptq } from '../../../fixtures/packedWeights';
import { startEngine, temporaryFolder, writeModel } from '../support';

const engine = startEngine();
const folder = temporaryFolder();

describe.each([
  ['GPTQ', gptq({ inputs: 96, outputs: 32, group: 32, version: 1, bits: 4, order: 'plain' })],
  [
    'GPTQ in an order of its own',
    gptq({ inputs: 96, outputs: 32, group: 32, version: 1, bits: 4, order: 'shuffled' }),
  ],
  ['AWQ', awq(128, 32, 32)],
] as const)('%s', (name, fixture) => {
  const path = writeModel(join(folder, name, 'model.safetensors'), aligned(fixture.tensors));
  if (fixture.config) writeFileSync(join(dirname(path), 'config.json'), JSON.stringify(fixture.config));
  const [rows = 0, columns = 0] = fixture.shape;
  const valueAt = (row: number, column: number) => fixture.values[row * columns + column]! + 0;
  const slice = { rowDimension: 1, columnDimension: 0, at: [0, 0] };

  it('is read turned', async () => {
    const region = { row0: 5, row1: columns - 3, column0: 7, column1: rows - 2 };
    const read = await engine.call('values', { path, tensor: 0, region, slice });
    const want: number[] = [];
    for (let row = region.row0; row < region.row1; row++)
      for (let column = region.column0; column < region.column1; column++) want.push(valueAt(column, row));
    expect(Array.from(read.values, (value) => value + 0)).toEqual(want);
  });

  it('is folded turned', async () => {
    const tile = await engine.call('tile', { path, tensor: 0, slice, rows: columns / 8, columns: rows / 8 });
    const want = Array.from(tile.values, (_, cell) => {
      const [down, across] = [Math.floor(cell / (rows / 8)), cell % (rows / 8)];
      let extreme = 0;
      for (let i = 0; i < 64; i++)
        extreme = largerMagnitude(extreme, valueAt(8 * across + (i & 7), 8 * down + (i >> 3)));
      return extreme;
    });
    expect(Array.from(tile.values, (value) => value + 0)).toEqual(want);
  });
});
