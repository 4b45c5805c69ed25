/** How much of the channels an answer holds, and LLM.int8()'s threshold, through the real forked engine. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { f32Data } from '../../../fixtures/makeCheckpoint';
import { startEngine, temporaryFolder, writeModel } from '../support';

const engine = startEngine();

it('gives no channels, their outliers in a few numbers, or all', async () => {
  const path = join(temporaryFolder(), 'model.safetensors');
  // Column 3 holds 6 and column 5 holds -20; the others are all 1.
  const values = Array.from({ length: 80 }, (_, i) => (i === 13 ? 6 : i === 25 ? -20 : 1));
  writeModel(path, [{ name: 't', dtype: 'F32', shape: [8, 10], data: f32Data(values) }]);
  const ask = async (more: object) =>
    (await engine.call('stats', { path, tensors: [0], channels: 'full', ...more }))[0]!;

  const none = await ask({ channels: 'none' });
  expect(none.channels).toBeUndefined();
  expect(none.outlierChannels).toBeUndefined();

  const full = await ask({});
  expect(full.channels!.columns.outliers).toEqual([5]);
  expect(full.channels!.rows.outliers).toEqual([2]);
  expect(full.channels!.int8Columns).toEqual([3, 5]);
  expect(full.channels!.columns.rms[5]).toBe(Math.fround(Math.sqrt((400 + 7) / 8)));
  expect(full.top.slice(0, 3)).toEqual([
    { index: 25, value: -20 },
    { index: 13, value: 6 },
    { index: 0, value: 1 },
  ]);

  const summary = await ask({ channels: 'summary', int8Threshold: 6.5 });
  expect(summary.channels).toBeUndefined();
  expect(summary.histogram).toBeNull();
  const energy = 400 + 36 + 78;
  expect(summary.outlierChannels).toEqual({
    rows: 1,
    columns: 1,
    rowEnergy: (400 + 9) / energy,
    columnEnergy: (400 + 7) / energy,
    int8Columns: 1,
  });
});
