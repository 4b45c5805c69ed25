import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import type { Backends, ChosenBackend } from '../../../../src/engine/backends/backends';
import { CheckpointCache } from '../../../../src/engine/checkpointCache';
import { quantizeJob } from '../../../../src/engine/quantize/quantizeJob';
import { type TaskRunner, WorkerPool } from '../../../../src/engine/worker/pool';
import type { Task } from '../../../../src/engine/worker/task';
import { LoupeError } from '../../../../src/errors';
import { demoModel, failureOf, request, temporaryFolder } from '../support';

const folder = temporaryFolder();

/** A pool of workers that run a script instead of the kernels. */
function poolOf(script: string, size: number): WorkerPool {
  const file = join(folder, `${Math.random()}.mjs`);
  writeFileSync(file, `import { parentPort } from 'node:worker_threads';\n${script}`);
  const pool = new WorkerPool(pathToFileURL(file), size);
  afterAll(() => pool.close());
  return pool;
}

const task = (bytes: number): Task => ({
  kind: 'copy',
  file: { path: '', bytes: 0, mtimeMs: 0 },
  byteOffset: 0,
  bytes,
  path: '',
  targetOffset: 0,
});

/** A task that names a tensor; workers of these tests look at the kind and the columns alone. */
const reading = (name: string, columns: number): Task => {
  const file = { path: join(folder, 'model.safetensors'), bytes: 0, mtimeMs: 0 };
  const source = { name, dtype: 'F32', rows: 1, columns, columnUnit: 1, file, byteOffset: 0 };
  return { kind: 'ranges', source, part: { row: 0, rows: 1, column: 0, columns } };
};

it('tries a task whose worker dies once more, then names the tensor; others go on', async () => {
  const pool = poolOf(
    `parentPort.on('message', ({ id, task }) => {
      const { columns } = task.source;
      if (columns === 13) throw new Error('the kernel trapped.');
      setTimeout(() => parentPort.postMessage({ id, result: columns }), 5);
    });`,
    2,
  );
  const deadly = pool.run(reading('layers.7.weight', 13));
  const rest = Array.from({ length: 20 }, (_, i) => pool.run(reading(`layers.${i}`, i === 13 ? 1 : i)));
  expect((await failureOf(deadly)).toJSON()).toEqual({
    code: 'compute',
    message: 'A worker thread failed 2 times while it read layers.7.weight: the kernel trapped.',
    tensor: 'layers.7.weight',
    file: join(folder, 'model.safetensors'),
  });
  expect(await Promise.all(rest)).toEqual(Array.from({ length: 20 }, (_, i) => (i === 13 ? 1 : i)));
});

it('gives the answer of a task whose worker died once', async () => {
  const mark = join(folder, 'died-once');
  const pool = poolOf(
    `import { existsSync, writeFileSync } from 'node:fs';
    parentPort.on('message', ({ id, task }) => {
      if (task.bytes === 13 && !existsSync(${JSON.stringify(mark)})) {
        writeFileSync(${JSON.stringify(mark)}, '');
        process.exit(1);
      }
      parentPort.postMessage({ id, result: task.bytes });
    });`,
    1,
  );
  expect(await Promise.all([13, 1, 2, 3].map((bytes) => pool.run(task(bytes))))).toEqual([13, 1, 2, 3]);
  expect(existsSync(mark)).toBe(true);
});

it('gives up when workers cannot even start', async () => {
  const pool = poolOf("throw new Error('no kernels');", 2);
  const all = Array.from({ length: 50 }, (_, i) => failureOf(pool.run(task(i))));
  for (const failure of await Promise.all(all)) {
    expect([failure.code, failure.message]).toEqual(['compute', expect.stringContaining('no kernels')]);
  }
});

it('takes urgent tasks first and drops what was cancelled while it waited', async () => {
  const pool = poolOf(
    `parentPort.on('message', ({ id, task }) => {
      setTimeout(() => parentPort.postMessage({ id, result: task.bytes }), 20);
    });`,
    1,
  );
  const order: number[] = [];
  const controller = new AbortController();
  const run = (bytes: number, options = {}) =>
    pool.run(task(bytes), options).then(
      () => order.push(bytes),
      (thrown: LoupeError) => order.push(thrown.code === 'cancelled' ? -bytes : Number.NaN),
    );
  const all = [
    run(1),
    run(2),
    run(3),
    run(4, { signal: controller.signal }),
    run(5, { urgent: true }),
    run(6, { urgent: true }),
  ];
  controller.abort();
  await Promise.all(all);
  // One and two had gone to the worker already.
  expect(order.filter((bytes) => bytes > 0)).toEqual([1, 2, 5, 6, 3]);
  expect(order).toContain(-4);
});

it('falls through to the kernels when a GPU that passed its probe fails in a job', async () => {
  const pool = new WorkerPool(new URL('../../../../dist/worker.js', import.meta.url), 2);
  afterAll(() => pool.close());
  const lost: string[] = [];
  let released = 0;
  const failing: TaskRunner = {
    size: 1,
    run: () => Promise.reject(new LoupeError('compute', 'device lost')),
  };
  const chosen = (used: 'webgpu' | 'cpu', runner: TaskRunner): ChosenBackend => ({
    use: { requested: 'auto', used, reason: used },
    runner,
    release: async () => {
      released++;
    },
  });
  const backends = {
    choose: async () => (lost.length === 0 ? chosen('webgpu', failing) : chosen('cpu', pool)),
    fellThrough: (name: string, reason: string) => lost.push(`${name}: ${reason}`),
  };
  const cache = new CheckpointCache();
  const engine = { pool, reader: pool, cache, backends: backends as unknown as Backends };
  const context = { signal: new AbortController().signal, progress: () => {} };
  const opened = await cache.get(demoModel);
  const automatic = request(demoModel, join(folder, 'automatic'), { backend: 'auto' });
  const report = await quantizeJob(engine, opened, automatic, context);
  expect(report.backend.used).toBe('cpu');
  expect([lost, released]).toEqual([['webgpu: device lost'], 2]);

  // Asked for by name, it is the user's to decide.
  lost.length = 0;
  const named = request(demoModel, join(folder, 'named'), { backend: 'webgpu' });
  expect((await failureOf(quantizeJob(engine, opened, named, context))).message).toBe('device lost');
});

it('opens a checkpoint once however many ask, and anew when a file of it changed', async () => {
  const cache = new CheckpointCache();
  const [one, two] = await Promise.all([cache.get(demoModel), cache.get(demoModel)]);
  expect(one).toBe(two);
  expect((await failureOf(cache.get(demoModel, 'stale'))).code).toBe('changed');

  const model = join(folder, 'model');
  cpSync(demoModel, model, { recursive: true });
  const before = await cache.get(model);
  writeFileSync(join(model, 'config.json'), '{"architectures": ["OtherForCausalLM"]}');
  const after = await cache.get(model);
  expect(after.checkpoint.architecture?.name).toBe('OtherForCausalLM');
  // The weights are the same, so what was computed from them still holds.
  expect(after.generation).toBe(before.generation);
});
