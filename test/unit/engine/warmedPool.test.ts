/** Statistics tasks begin once a single reader has been over their bytes, and do not depend on it. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CheckpointCache } from '../../../src/engine/checkpointCache';
import { parts } from '../../../src/engine/matrix';
import type { TaskRunner } from '../../../src/engine/worker/pool';
import type { Task } from '../../../src/engine/worker/task';
import { WarmedPool } from '../../../src/engine/worker/warmedPool';
import { LoupeError } from '../../../src/errors';
import { f32Data } from '../../fixtures/makeCheckpoint';
import { failureOf, randomValues, temporaryFolder, writeModel } from './support';

const folder = temporaryFolder();
const shape = [3000, 1500];

/** Tasks of the parts of a tensor of 18 MB, which are two. */
async function partTasks() {
  const data = f32Data(randomValues(shape[0]! * shape[1]!));
  const path = writeModel(join(folder, 'two.safetensors'), [{ name: 'w', dtype: 'F32', shape, data }]);
  const source = (await new CheckpointCache().get(path)).source(0);
  const tasks = [...parts(source)].map((part) => ({ kind: 'stats', source, part, channels: true }) as const);
  expect(tasks.length).toBe(2);
  return tasks;
}

/** A runner that tells what it is asked. */
function runner(told: string[], who: string, answer: (task: Task) => unknown): TaskRunner {
  const run = async (task: Task) => {
    told.push(`${who} ${task.kind}`);
    return answer(task);
  };
  return { size: 2, run: run as TaskRunner['run'] };
}

it('reads a task’s bytes first, once and in its order', async () => {
  const told: string[] = [];
  const spans: [number, number][] = [];
  const reader = runner(told, 'reader', (task) => {
    if (task.kind === 'warm') for (const { byteOffset, bytes } of task.spans) spans.push([byteOffset, bytes]);
    return false;
  });
  const pool = new WarmedPool(
    runner(told, 'pool', () => 'done'),
    reader,
  );
  const tasks = await partTasks();
  for (const task of tasks) expect(await pool.run(task)).toBe('done');
  expect(told).toEqual(['reader warm', 'pool stats', 'reader warm', 'pool stats']);
  const [{ source }] = tasks as [(typeof tasks)[number]];
  expect(spans[0]![0]).toBe(source.byteOffset);
  expect(spans[1]![0]).toBe(spans[0]![0] + spans[0]![1]);
  expect(spans[0]![1] + spans[1]![1]).toBe(4 * shape[0]! * shape[1]!);
});

it('asks seldom while the bytes are in the cache, and not at all for a few', async () => {
  const told: string[] = [];
  const pool = new WarmedPool(
    runner(told, 'pool', () => 'done'),
    runner(told, 'reader', () => true),
  );
  const [task] = await partTasks();
  for (let i = 0; i < 17; i++) await pool.run(task!);
  expect(told.filter((line) => line === 'reader warm').length).toBe(2);
  told.length = 0;
  const fresh = new WarmedPool(
    runner(told, 'pool', () => 'done'),
    runner(told, 'reader', () => true),
  );
  await fresh.run({ ...task!, part: { ...task!.part, rows: 1 } });
  expect(told).toEqual(['pool stats']);
});

it('leaves failures of reading ahead to the task, and hears of a cancelled job', async () => {
  const told: string[] = [];
  const failing = runner(told, 'reader', () => {
    throw new LoupeError('io', 'The disk does not answer.');
  });
  const pool = new WarmedPool(
    runner(told, 'pool', () => 'done'),
    failing,
  );
  const [task] = await partTasks();
  expect(await pool.run(task!)).toBe('done');
  const stop = new AbortController();
  stop.abort();
  expect((await failureOf(pool.run(task!, { signal: stop.signal }))).code).toBe('cancelled');
});
