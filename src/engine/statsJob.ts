/** Statistics of tensors: small ones in one task each, large ones in parts that are merged in order. */
import type { EngineContract, TensorStats } from '../protocol/engineApi';
import { finalizeStats, sigmaCounts, sigmaThresholds } from '../stats/finalizeStats';
import { emptyPartialStats, mergeStats, type PartialStats } from '../stats/partialStats';
import { histogramKindOf } from '../stats/patterns';
import type { OpenedCheckpoint } from './checkpointCache';
import type { Engine, JobContext } from './jobs';
import { parts, wholeBlock } from './matrix';
import { type TensorSource, tensorSource } from './tensorSource';
import { inOrder } from './worker/inOrder';
import type { TaskOptions } from './worker/pool';

type StatsMethod = EngineContract['stats'];

/** Channels of an axis that is longer are left out: nobody can draw them, and each part would carry them along. */
export const longestChannelAxis = 2 ** 20;

export async function statsJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  { tensors, ...wanted }: Pick<StatsMethod['params'], 'tensors' | 'channels' | 'outlierFactor'>,
  context: JobContext<StatsMethod['progress']>,
): Promise<StatsMethod['result']> {
  const { checkpoint } = opened;
  const total = tensors.length;
  const bytesTotal = tensors.reduce((sum, index) => sum + opened.tensor(index).bytes, 0);
  const results: (TensorStats | null)[] = [];
  let done = 0;
  let bytesDone = 0;
  const options: TaskOptions = { signal: context.signal, urgent: total === 1 };
  await inOrder(
    tensors,
    engine.pool.size * 3,
    context.signal,
    async (index) => {
      const tensor = opened.tensor(index);
      const source = tensorSource(checkpoint, tensor);
      const stats = typeof source === 'string' ? null : await tensorStats(engine, source, wanted, options);
      done++;
      bytesDone += tensor.bytes;
      context.progress({ done, total, index, stats, bytesDone, bytesTotal });
      return stats;
    },
    (stats) => {
      results.push(stats);
    },
  );
  return results;
}

/** Statistics of one tensor; the same digits whatever the number of workers. */
export async function tensorStats(
  { pool }: Pick<Engine, 'pool'>,
  source: TensorSource,
  { channels, outlierFactor }: Pick<StatsMethod['params'], 'channels' | 'outlierFactor'>,
  options: TaskOptions,
): Promise<TensorStats> {
  const all = [...parts(source)];
  const kind = source.packed ? 'f32' : histogramKindOf(source.dtype);
  const withChannels =
    channels && source.rows <= longestChannelAxis && source.columns <= longestChannelAxis && all.length > 0;
  const task = { kind: 'stats', source, channels: withChannels, outlierFactor } as const;
  if (all.length === 0) return finalizeStats(emptyPartialStats(kind), source.name);
  if (all.length === 1) {
    return (await pool.run({ ...task, part: wholeBlock(source), finish: true }, options)) as TensorStats;
  }
  let merged: PartialStats = emptyPartialStats(kind, withChannels ? source : undefined);
  await inOrder(
    all,
    pool.size + 1,
    options.signal,
    (part) => pool.run({ ...task, part, finish: false }, options) as Promise<PartialStats>,
    (partial) => {
      merged = mergeStats(merged, partial);
    },
  );
  let counts = sigmaCounts(merged);
  if (!counts) {
    const thresholds = sigmaThresholds(merged)!;
    counts = { sigma3: 0, sigma6: 0 };
    await inOrder(
      all,
      pool.size * 2,
      options.signal,
      (part) => pool.run({ kind: 'count', source, part, thresholds }, options),
      ({ sigma3, sigma6 }) => {
        counts = { sigma3: counts!.sigma3 + sigma3, sigma6: counts!.sigma6 + sigma6 };
      },
    );
  }
  return finalizeStats(merged, source.name, { counts, outlierFactor });
}
