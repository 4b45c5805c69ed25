/** Statistics tasks begin once a single reader has been over their bytes, and do not depend on it. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CheckpointCache } from '../../../src/engine/checkpointCache';
import { parts, sampleBlocks } from '../../../src/engine/matrix';
import type { FileCache } from '../../../src/engine/worker/fileCache';
import type { TaskRunner } from '../../../src/engine/worker/pool';
import type { Task } from '../../../src/engine/worker/task';
import { WarmedPool } from '../../../src/engine/worker/warmedPool';
import { runWarm } from '../../../src/engine/worker/warmTask';
import type { WorkerContext } from '../../../src/engine/worker/workerContext';
import { LoupeError } from '../../../src/errors';
import { f32Data } from '../../fixtures/makeCheckpoint';
import { loadKernels } from '../kernels/loadKernels';
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
    if (task.kind === 'warm') spans.push([task.span.byteOffset, task.span.bytes]);
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

it('lets a sample’s places be read at once, and gives them to the pool', async () => {
  const told: string[] = [];
  const [task] = await partTasks();
  const pool = new WarmedPool(
    runner(told, 'pool', () => 'guess'),
    runner(told, 'reader', () => false),
  );
  const sample = { kind: 'sample', source: task!.source, blocks: sampleBlocks(task!.source) } as const;
  expect(await pool.run(sample)).toBe('guess');
  // Also where they cannot be read: whoever needs them will tell.
  const file = { ...task!.source.file, path: join(folder, 'none.safetensors') };
  expect(await pool.run({ ...sample, source: { ...task!.source, file } })).toBe('guess');
  expect(told).toEqual(['pool sample', 'pool sample']);
});

describe('what comes from the cache', () => {
  const megabyte = 2 ** 20;
  // A clock of its own, so that a busy machine is no slow disk.
  let clockMs = 0;
  beforeEach(() => void vi.spyOn(performance, 'now').mockImplementation(() => clockMs));
  afterEach(() => void vi.restoreAllMocks());

  /** A thread whose disk gives all but the bytes that are cached at 100 MB/s, and what was read of it. */
  function thread(cached: (byteOffset: number) => boolean) {
    const reads: number[] = [];
    const files = {
      read(_: unknown, byteOffset: number, target: Uint8Array) {
        reads.push(byteOffset);
        if (cached(byteOffset)) return;
        clockMs += target.length / 1e5;
      },
    } as unknown as FileCache;
    const context = { kernels: loadKernels(), files, checkCancelled() {} } as unknown as WorkerContext;
    const warm = (path: string, byteOffset: number, bytes: number) =>
      runWarm(context, {
        kind: 'warm',
        span: { file: { path, bytes: 2 ** 40, mtimeMs: 0 }, byteOffset, bytes },
      });
    return { reads, warm };
  }

  it('is told by its first megabyte', () => {
    const { reads, warm } = thread(() => true);
    expect(warm('cached', 5, 16 * megabyte)).toBe(true);
    expect(reads).toEqual([5]);
  });

  it('is not what the system read ahead because of this thread', () => {
    const ahead = 3 * megabyte;
    const { reads, warm } = thread((byteOffset) => byteOffset >= megabyte && byteOffset < ahead);
    expect(warm('ahead', 0, megabyte)).toBe(false);
    expect(warm('ahead', megabyte, 3 * megabyte)).toBe(false);
    expect(reads).toEqual([0, 1, 2, 3].map((n) => n * megabyte));
  });

  it('is taken to be all after a long run of it, and asked anew far from the last read', () => {
    const { warm } = thread((byteOffset) => byteOffset >= megabyte);
    expect(warm('long', 0, megabyte)).toBe(false);
    const answers = [0, 1, 2, 3].map((n) => warm('long', (1 + 16 * n) * megabyte, 16 * megabyte));
    expect(answers).toEqual([false, false, false, true]);
    expect(warm('long', 1000 * megabyte, 16 * megabyte)).toBe(true);
    expect(warm('another', 0, 16 * megabyte)).toBe(false);
  });
});
