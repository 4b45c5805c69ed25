/** Small tensors together: the same figures as one by one; and a cancelled job that reads nothing more. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CheckpointCache, type OpenedCheckpoint } from '../../../../src/engine/checkpointCache';
import { statsJob } from '../../../../src/engine/stats/statsJob';
import { statsUnits } from '../../../../src/engine/stats/statsUnits';
import { tensorStats } from '../../../../src/engine/stats/tensorStats';
import { FileCache } from '../../../../src/engine/worker/fileCache';
import { type TaskRunner, WorkerPool } from '../../../../src/engine/worker/pool';
import { SegmentReader } from '../../../../src/engine/worker/segmentReader';
import { kernelEncoder } from '../../../../src/engine/worker/serveTasks';
import { runStats } from '../../../../src/engine/worker/statsTask';
import type { Task } from '../../../../src/engine/worker/task';
import type { WorkerContext } from '../../../../src/engine/worker/workerContext';
import type { CheckpointFile } from '../../../../src/formats/checkpoint';
import { Kernels } from '../../../../src/kernels/kernels';
import type { ChannelDetail, StatsProgress, TensorStats } from '../../../../src/protocol/engineApi';
import { decodeRecord } from '../../../../src/protocol/statsRecords';
import { bf16Data, f32Data } from '../../../fixtures/makeCheckpoint';
import {
  demoModel,
  failureOf,
  outlierModel,
  randomValues,
  startEngine,
  temporaryFolder,
  writeModel,
} from '../support';

const folder = temporaryFolder();
const pool = new WorkerPool(new URL('../../../../dist/worker.js', import.meta.url), 2);
afterAll(() => pool.close());
const context = (progress: (state: StatsProgress) => void = () => {}) => ({
  signal: new AbortController().signal,
  progress,
});
const all = ({ checkpoint }: OpenedCheckpoint) => checkpoint.tensors.map((_, i) => i);

/** Runs tasks and remembers them. */
function recording(fail: (task: Task) => Error | undefined = () => undefined) {
  const tasks: Task[] = [];
  const runner: TaskRunner = {
    size: 2,
    run: (task, options) => {
      tasks.push(task);
      const error = fail(task);
      return error ? Promise.reject(error) : pool.run(task, options);
    },
  };
  return { tasks, runner };
}

/** Tensors of many types and shapes, with gaps, scalars, empty ones and ones that are too large for a batch. */
function mixedModel(): string {
  const i64 = new Uint8Array(BigInt64Array.from(numbers(30), (i) => BigInt(i) ** 9n).buffer);
  return writeModel(join(folder, 'mixed/model.safetensors'), [
    ...numbers(40).map((i) => ({
      name: `small.${i}`,
      dtype: i % 2 ? 'F32' : 'BF16',
      shape: [i + 1, 7],
      data: (i % 2 ? f32Data : bf16Data)(randomValues(7 * (i + 1), i + 1)),
    })),
    { name: 'scalar', dtype: 'F32', shape: [], data: f32Data([3]) },
    { name: 'none', dtype: 'F32', shape: [0, 7], data: f32Data([]) },
    { name: 'odd', dtype: 'F32', shape: [4], data: f32Data([1, Number.NaN, Number.POSITIVE_INFINITY, -0]) },
    { name: 'zero', dtype: 'BF16', shape: [3, 5], data: new Uint8Array(30) },
    { name: 'integers', dtype: 'I64', shape: [5, 6], data: i64 },
    { name: 'complex', dtype: 'C64', shape: [2], data: new Uint8Array(16) },
    { name: 'large', dtype: 'F32', shape: [300, 300], data: f32Data(randomValues(90_000)) },
    { name: 'last', dtype: 'BF16', shape: [9], data: bf16Data(randomValues(9)) },
  ]);
}
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('tensors in batches', () => {
  it.each(['none', 'summary', 'full'] as const)(
    'have the figures of single ones: %s',
    async (channels: ChannelDetail) => {
      for (const path of [mixedModel(), outlierModel]) {
        const opened = await new CheckpointCache().get(path);
        const wanted = { channels, outlierFactor: 3 };
        const one: (TensorStats | null)[] = [];
        for (const index of all(opened)) {
          const unreadable = opened.checkpoint.tensors[index]!.dtype === 'C64';
          one.push(unreadable ? null : await tensorStats({ pool }, opened.source(index), wanted, {}));
        }
        const { tasks, runner } = recording();
        const together = await statsJob(
          { pool: runner, reader: pool },
          opened,
          { tensors: all(opened), ...wanted },
          context(),
        );
        // A summary's histogram is not asked for; single tasks leave it out themselves.
        expect(together).toEqual(
          one.map((stats) => stats && (channels === 'summary' ? { ...stats, histogram: null } : stats)),
        );
        expect(tasks.filter(({ kind }) => kind === 'statsBatch').length).toBeGreaterThan(1);
        expect(tasks.length).toBeLessThan(together.length);
      }
    },
  );

  it('come as a stream, each once, with bytes that add up', async () => {
    const opened = await new CheckpointCache().get(mixedModel());
    const told: StatsProgress[] = [];
    const params = { tensors: all(opened).reverse(), channels: 'summary' } as const;
    const answer = await statsJob(
      { pool, reader: pool },
      opened,
      { ...params, stream: true },
      context((state) => told.push(state)),
    );
    expect(answer).toEqual([]);
    const want = await statsJob({ pool, reader: pool }, opened, params, context());
    const streamed = new Map(
      told.flatMap(({ records }) =>
        records
          ? [...records.index].map(
              (index, i) => [index, decodeRecord(records, i, opened.tensor(index).name)] as const,
            )
          : [],
      ),
    );
    expect(params.tensors.map((index) => streamed.get(index))).toEqual(want);
    const bytes = opened.checkpoint.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
    expect(told.at(-1)).toMatchObject({
      done: want.length,
      total: want.length,
      bytesDone: bytes,
      bytesTotal: bytes,
    });
  });

  it('are read in one go where they lie together, and batches keep all workers busy', async () => {
    const opened = await new CheckpointCache().get(mixedModel());
    const tensors = all(opened)
      .filter((index) => opened.checkpoint.tensors[index]!.dtype !== 'C64')
      .map((index) => ({ index, source: opened.source(index), bytes: opened.tensor(index).bytes }));
    for (const workers of [1, 2, 8]) {
      const units = statsUnits(tensors, workers);
      const members = units.flatMap((unit) => (unit.kind === 'batch' ? unit.members : [unit.member]));
      expect(members.map(({ index }) => index).sort((a, b) => a - b)).toEqual(
        tensors.map(({ index }) => index),
      );
      expect(units.length).toBeGreaterThan(Math.min(4 * workers, 20));
      for (const unit of units) {
        if (unit.kind === 'single') continue;
        for (const { source, bytes } of unit.members) {
          expect(source.byteOffset).toBeGreaterThanOrEqual(unit.span.byteOffset);
          expect(source.byteOffset + bytes).toBeLessThanOrEqual(unit.span.byteOffset + unit.span.bytes);
        }
      }
    }
  });

  it('fall apart when one of them fails: it is named, and the others have their figures', async () => {
    const opened = await new CheckpointCache().get(mixedModel());
    const bad = opened.indexOf('small.11')!;
    const { runner } = recording((task) => {
      const sources = task.kind === 'statsBatch' ? task.sources : 'source' in task ? [task.source] : [];
      return sources.some(({ name }) => name === 'small.11') ? new Error('the kernel trapped') : undefined;
    });
    const params = { tensors: all(opened), channels: 'summary' } as const;
    const told: StatsProgress[] = [];
    await statsJob(
      { pool: runner, reader: pool },
      opened,
      { ...params, stream: true },
      context((state) => told.push(state)),
    );
    expect(told.flatMap(({ failed = [] }) => failed)).toEqual([
      { index: bad, error: expect.objectContaining({ code: 'compute', message: 'the kernel trapped' }) },
    ]);
    const known = told.flatMap(({ records }) => (records ? [...records.index] : []));
    expect(known.sort((a, b) => a - b)).toEqual(all(opened).filter((index) => index !== bad));
    expect(told.at(-1)).toMatchObject({ done: params.tensors.length });
    // Who waits for an answer gets the failure.
    const failure = await failureOf(statsJob({ pool: runner, reader: pool }, opened, params, context()));
    expect([failure.message, failure.tensor]).toEqual(['the kernel trapped', 'small.11']);
  });
});

describe('a cancelled job', () => {
  it('reads no further segment in a worker once its flag is set', async () => {
    const kernels = Kernels.instantiate(
      readFileSync(new URL('../../../../dist/kernels.wasm', import.meta.url)),
    );
    const path = writeModel(join(folder, 'long/model.safetensors'), [
      { name: 'long', dtype: 'F32', shape: [1024, 2048], data: f32Data(randomValues(2 ** 21)) },
    ]);
    const source = (await new CheckpointCache().get(path)).source(0);
    for (const stopAfter of [0, 1, 5]) {
      let reads = 0;
      class Counting extends FileCache {
        override read(file: CheckpointFile, byteOffset: number, target: Uint8Array): void {
          reads++;
          super.read(file, byteOffset, target);
        }
      }
      const files = new Counting();
      kernels.reset();
      const worker: WorkerContext = {
        kernels,
        files,
        reader: new SegmentReader(kernels, files),
        encoder: kernelEncoder(kernels),
        checkCancelled() {
          if (reads >= stopAfter) throw new DOMException('Cancelled.', 'AbortError');
        },
      };
      const part = { row: 0, rows: 1024, column: 0, columns: 2048 };
      expect(() => runStats(worker, { kind: 'stats', source, part, channels: true })).toThrow('Cancelled.');
      expect(reads).toBe(stopAfter);
      files.closeAll();
    }
  });

  it('rejects once nothing of it runs: no progress and no work follows', async () => {
    const path = writeModel(join(folder, 'many/model.safetensors'), [
      ...numbers(12).map((i) => ({
        name: `large.${i}`,
        dtype: 'F32',
        shape: [1024, 1024],
        data: f32Data(randomValues(2 ** 20)),
      })),
      ...numbers(3000).map((i) => ({
        name: `s.${i}`,
        dtype: 'BF16',
        shape: [64],
        data: new Uint8Array(128),
      })),
    ]);
    const opened = await new CheckpointCache().get(path);
    for (const order of [all(opened), all(opened).reverse()]) {
      const controller = new AbortController();
      let [open, progress, started] = [0, 0, 0];
      const runner: TaskRunner = {
        size: 2,
        run: async (task, options) => {
          open++;
          started++;
          try {
            return await pool.run(task, options);
          } finally {
            open--;
          }
        },
      };
      let abortedMs = 0;
      const job = statsJob(
        { pool: runner, reader: pool },
        opened,
        { tensors: order, channels: 'summary', stream: true },
        {
          signal: controller.signal,
          progress: () => {
            progress++;
            if (progress === 2) {
              abortedMs = performance.now();
              controller.abort();
            }
          },
        },
      );
      expect((await failureOf(job)).code).toBe('cancelled');
      console.log(`cancelled after ${(performance.now() - abortedMs).toFixed(1)} ms`);
      expect(open).toBe(0);
      const [seen, begun] = [progress, started];
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect([progress, started, open]).toEqual([seen, begun, 0]);
      expect(begun).toBeLessThan(order.length / 10);
    }
  });

  it('is over soon in the real compute process, which serves the next request', async () => {
    const engine = startEngine();
    const controller = new AbortController();
    await engine.call('stats', { path: demoModel, tensors: [0], channels: 'full' });
    const params = {
      path: join(folder, 'many/model.safetensors'),
      channels: 'summary',
      stream: true,
    } as const;
    let abortedMs = 0;
    let last = 0;
    const call = engine.call(
      'stats',
      { ...params, tensors: numbers(3012) },
      {
        signal: controller.signal,
        progress: () => {
          last = performance.now();
          if (abortedMs > 0) return;
          abortedMs = performance.now();
          controller.abort();
        },
      },
    );
    expect((await failureOf(call)).code).toBe('cancelled');
    const over = performance.now();
    console.log(`the compute process said so after ${(over - abortedMs).toFixed(1)} ms`);
    expect(last).toBeLessThanOrEqual(over);
    const [next] = await engine.call('stats', { path: demoModel, tensors: [0], channels: 'none' });
    expect(next!.name).toBe('model.embed_tokens.weight');
  });
});
