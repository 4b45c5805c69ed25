/** Processes that share statistics on disk: each reads one model, and counts what it had to compute. */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { CheckpointCache } from '../../../../src/engine/checkpointCache';
import { StatsCache } from '../../../../src/engine/stats/statsCache';
import { statsJob } from '../../../../src/engine/stats/statsJob';
import { type TaskRunner, WorkerPool } from '../../../../src/engine/worker/pool';
import type { TensorStats } from '../../../../src/protocol/engineApi';
import { outlierModel, startEngine, temporaryFolder } from '../support';

export const folder = temporaryFolder();
const pool = new WorkerPool(new URL('../../../../dist/worker.js', import.meta.url), 2);
afterAll(() => pool.close());

/** Counts the tasks that workers get: without one no value is read. */
class CountingRunner implements TaskRunner {
  tasks = 0;
  readonly size = 2;
  run: TaskRunner['run'] = (task, options) => {
    this.tasks++;
    return pool.run(task, options);
  };
}

/** What a new process finds: nothing but the files. */
export class CacheReader {
  readonly runner = new CountingRunner();
  readonly said: string[] = [];
  readonly cache: StatsCache;
  private readonly checkpoints = new CheckpointCache();

  constructor(
    readonly storage: string,
    limitBytes = 2 ** 28,
  ) {
    this.cache = new StatsCache(storage, limitBytes, (message) => this.said.push(message));
  }

  async read(
    path: string,
    channels: 'summary' | 'full',
    tensors?: number[],
    more: { outlierFactor?: number; cachedOnly?: boolean } = {},
  ): Promise<readonly (TensorStats | null)[]> {
    const opened = await this.checkpoints.get(path);
    const known = await this.cache.model(opened, more);
    const params = { tensors: tensors ?? opened.checkpoint.tensors.map((_, i) => i), channels, ...more };
    const context = { signal: new AbortController().signal, progress: () => {} };
    const result = await statsJob({ pool: this.runner, reader: this.runner }, opened, params, context, known);
    await this.cache.flush();
    return result;
  }
}

/** The model whose figures are kept; there from `beforeAll` on. */
export const model = join(folder, 'model');
/** Figures that were computed without any cache. */
export let plain: readonly (TensorStats | null)[] = [];
beforeAll(async () => {
  mkdirSync(model);
  copyFileSync(join(outlierModel, 'model.safetensors'), join(model, 'model.safetensors'));
  const engine = startEngine();
  const { tensors } = await engine.call('open', { path: model });
  plain = await engine.call('stats', {
    path: model,
    tensors: tensors.names.map((_, i) => i),
    channels: 'full',
  });
});

let storages = 0;
/** A folder that does not exist yet. */
export const newStorage = () => join(folder, `storage-${++storages}`);
export const filesOf = (storage: string) => readdirSync(storage).sort();
export const summariesOf = (storage: string) =>
  join(storage, filesOf(storage).find((name) => name.includes('.summaries.'))!);

/** A tensor's figures as rows of a table have them. */
export function summary(stats: TensorStats | null): TensorStats | null {
  if (!stats) return null;
  const { channels: _, ...rest } = stats;
  return { ...rest, histogram: null };
}
