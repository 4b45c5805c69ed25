import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import type { OpenProgress } from '../../../src/protocol/engineApi';
import { f32Data } from '../../fixtures/makeCheckpoint';
import { startEngine, temporaryFolder, writeModel } from './support';

const tensor = (name: string) => ({ name, dtype: 'F32', shape: [1], data: f32Data([1]) });

it('tells what the index says before the answer, and nothing of a single file', async () => {
  const engine = startEngine();
  const folder = temporaryFolder();
  const weightMap: Record<string, string> = {};
  for (const i of [1, 2, 3]) {
    const file = `model-0000${i}-of-00003.safetensors`;
    writeModel(join(folder, file), [tensor(`w${i}`)]);
    weightMap[`w${i}`] = file;
  }
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
  const told: (OpenProgress | 'answer')[] = [];
  const catalogue = await engine.call('open', { path: folder }, { progress: (each) => told.push(each) });
  told.push('answer');
  expect(catalogue.tensors.count).toBe(3);
  expect(told[0]).toEqual({
    filesDone: 0,
    filesTotal: 3,
    preview: { name: basename(folder), tensorCount: 3, firstNames: ['w1', 'w2', 'w3'] },
  });

  const single = writeModel(join(temporaryFolder(), 'alone.safetensors'), [tensor('w')]);
  const silent: OpenProgress[] = [];
  await engine.call('open', { path: single }, { progress: (each) => silent.push(each) });
  expect(silent).toEqual([]);
});
