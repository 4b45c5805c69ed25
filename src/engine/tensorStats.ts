/** Statistics of one tensor: a small one in one task, a large one in parts that are merged in order. */
import type { EngineContract, TensorStats } from '../protocol/engineApi';
import { finalizeStats, sigmaCounts, sigmaThresholds } from '../stats/finalizeStats';
import { emptyPartialStats, mergeStats, type PartialStats } from '../stats/partialStats';
import { histogramKindOf } from '../stats/patterns';
import type { Engine } from './jobs';
import { parts, wholeBlock } from './matrix';
import type { TensorSource } from './tensorSource';
import { inOrder } from './worker/inOrder';
import type { TaskOptions } from './worker/pool';

/** Channels of an axis that is longer are left out: nobody can draw them, and each part would carry them along. */
export const longestChannelAxis = 2 ** 20;

/** Which figures are wanted, as in the engine's `stats`. */
export type WantedStats = Pick<
  EngineContract['stats']['params'],
  'channels' | 'outlierFactor' | 'int8Threshold'
>;

/** Statistics of one tensor; the same digits whatever the number of workers. */
export async function tensorStats(
  { pool }: Pick<Engine, 'pool'>,
  source: TensorSource,
  wanted: WantedStats,
  options: TaskOptions,
): Promise<TensorStats> {
  const all = [...parts(source)];
  const kind = source.packed ? 'f32' : histogramKindOf(source.dtype);
  const withChannels =
    wanted.channels !== 'none' &&
    source.rows <= longestChannelAxis &&
    source.columns <= longestChannelAxis &&
    all.length > 0;
  const task = { kind: 'stats', source, channels: withChannels, figures: wanted } as const;
  if (all.length === 0) return finalizeStats(emptyPartialStats(kind), source, wanted);
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
  return finalizeStats(merged, source, { ...wanted, counts });
}
