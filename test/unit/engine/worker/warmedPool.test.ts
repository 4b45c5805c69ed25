/** Statistics tasks begin once a single reader has been over their bytes, and do not depend on it. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CheckpointCache } from '../../../../src/engine/checkpointCache';
import { type Block, parts, sampleBlocks } from '../../../../src/engine/matrix';
import type { FileCache } from '../../../../src/engine/worker/fileCache';
import type { TaskRunner } from '../../../../src/engine/worker/pool';
import { ReadStream } from '../../../../src/engine/worker/readStream';
import type { SampleTask, Task } from '../../../../src/engine/worker/task';
import { WarmedPool } from '../../../../src/engine/worker/warmedPool';
import { runWarm } from '../../../../src/engine/worker/warmTask';
import type { WorkerContext } from '../../../../src/engine/worker/workerContext';
import { LoupeError } from '../../../../src/errors';
import { f32Data } from '../../../fixtures/makeCheckpoint';
import { loadKernels } from '../../kernels/loadKernels';
import { failureOf, randomValues, temporaryFolder, writeModel } from '../support';

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

describe('a sample', () => {
  /** What the pool and the reader are asked while a sample and then both parts of a tensor are run. */
  async function sampled(isCached: boolean) {
    const told: string[] = [];
    const samples: SampleTask[] = [];
    const spans: number[] = [];
    const pool = new WarmedPool(
      runner(told, 'pool', (task) => {
        if (task.kind === 'sample') samples.push(task);
        return 'guess';
      }),
      runner(told, 'reader', (task) => {
        if (task.kind === 'warm') spans.push(task.span.byteOffset);
        return isCached;
      }),
    );
    const tasks = await partTasks();
    const [{ source }] = tasks as [(typeof tasks)[number]];
    const blocks = sampleBlocks(source);
    expect(await pool.run({ kind: 'sample', source, blocks })).toBe('guess');
    for (const task of tasks) await pool.run(task);
    return { told, spans, sample: samples[0]!, blocks, tasks };
  }

  it('of a tensor that is not in the cache is of its first part, which is read once', async () => {
    const { told, spans, sample, tasks } = await sampled(false);
    // Between the tasks the reader goes on to the next part by itself.
    expect(told.filter((line) => line.startsWith('pool'))).toEqual([
      'pool sample',
      'pool stats',
      'pool stats',
    ]);
    expect(told[0]).toBe('reader warm');
    const [first, second] = tasks.map(({ part }) => part) as [Block, Block];
    expect(spans.length).toBe(2);
    expect(spans[1]! - spans[0]!).toBe(4 * first.rows * first.columns);
    expect(sample.isLocal).toBe(true);
    expect(sample.blocks.length).toBeGreaterThan(8);
    for (const { row, rows } of sample.blocks) {
      expect(row).toBeGreaterThanOrEqual(first.row);
      expect(row + rows).toBeLessThanOrEqual(second.row);
    }
  });

  it('of one that is comes from all over it', async () => {
    const { told, sample, blocks } = await sampled(true);
    expect(told).toEqual(['reader warm', 'pool sample', 'pool stats', 'pool stats']);
    expect(sample.blocks).toEqual(blocks);
    expect(sample.isLocal).toBeUndefined();
  });

  it('leaves bytes that cannot be read to the task', async () => {
    const told: string[] = [];
    const failing = runner(told, 'reader', () => {
      throw new LoupeError('io', 'The disk does not answer.');
    });
    const pool = new WarmedPool(
      runner(told, 'pool', () => 'guess'),
      failing,
    );
    const [task] = await partTasks();
    expect(await pool.run({ kind: 'sample', source: task!.source, blocks: sampleBlocks(task!.source) })).toBe(
      'guess',
    );
  });
});

it('reads on in one file before it turns to another place', async () => {
  const order: number[] = [];
  const stream = new ReadStream(
    runner([], 'reader', (task) => {
      if (task.kind === 'warm') order.push(task.span.byteOffset);
      return false;
    }),
  );
  const file = { path: 'a', bytes: 2 ** 40, mtimeMs: 0 };
  const read = (byteOffset: number, path = 'a') =>
    stream.read({ file: { ...file, path }, byteOffset, bytes: 100 }, undefined);
  const far = [read(5000), read(9000), read(100, 'b')];
  await far[0];
  // Asked for later, but next in the file.
  await Promise.all([...far, read(5100), read(5200), read(0)]);
  expect(order).toEqual([5000, 5100, 5200, 9000, 100, 0]);
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
