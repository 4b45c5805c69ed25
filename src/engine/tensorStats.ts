/** Statistics of one tensor: a small one in one task, a large one in parts that are merged in order. */
import type { SigmaCounts } from '../kernels/kernels';
import type { EngineContract, TensorStats } from '../protocol/engineApi';
import { finalizeStats, sigmaCounts, sigmaThresholds } from '../stats/finalizeStats';
import { type CountedStats, emptyPartialStats, mergeStats, type PartialStats } from '../stats/partialStats';
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

export interface TensorStatsOptions extends TaskOptions {
  /** Told the counts behind the figures of a tensor of several parts, for `keepPatterns`. */
  readonly counted?: ((stats: CountedStats) => void) | undefined;
}

/** Statistics of one tensor; the same digits whatever the number of workers. */
export async function tensorStats(
  engine: Pick<Engine, 'pool'>,
  source: TensorSource,
  wanted: WantedStats,
  options: TensorStatsOptions,
): Promise<TensorStats> {
  const withChannels =
    wanted.channels !== 'none' && source.rows <= longestChannelAxis && source.columns <= longestChannelAxis;
  const all = [...parts(source)];
  if (all.length === 1) {
    const task = { kind: 'stats', source, part: wholeBlock(source), channels: withChannels } as const;
    return (await engine.pool.run({ ...task, figures: wanted }, options)) as TensorStats;
  }
  const merged = await countedStats(engine, source, withChannels, options);
  options.counted?.(merged);
  const counts = sigmaCounts(merged) ?? (await secondPass(engine, source, merged, options));
  return finalizeStats(merged, source, { ...wanted, counts });
}

/** Everything but the counts beyond 3 and 6 sigma. */
export async function countedStats(
  { pool }: Pick<Engine, 'pool'>,
  source: TensorSource,
  withChannels: boolean,
  options: TaskOptions,
): Promise<PartialStats> {
  const kind = source.packed ? 'f32' : histogramKindOf(source.dtype);
  const all = [...parts(source)];
  let merged = emptyPartialStats(kind, withChannels && all.length > 0 ? source : undefined);
  await inOrder(
    all,
    pool.size + 1,
    options.signal,
    (part) =>
      pool.run({ kind: 'stats', source, part, channels: withChannels }, options) as Promise<PartialStats>,
    (partial) => {
      merged = mergeStats(merged, partial);
    },
  );
  return merged;
}

async function secondPass(
  { pool }: Pick<Engine, 'pool'>,
  source: TensorSource,
  merged: CountedStats,
  options: TaskOptions,
): Promise<SigmaCounts> {
  const thresholds = sigmaThresholds(merged)!;
  let counts: SigmaCounts = { sigma3: 0, sigma6: 0 };
  await inOrder(
    parts(source),
    pool.size * 2,
    options.signal,
    (part) => pool.run({ kind: 'count', source, part, thresholds }, options),
    ({ sigma3, sigma6 }) => {
      counts = { sigma3: counts.sigma3 + sigma3, sigma6: counts.sigma6 + sigma6 };
    },
  );
  return counts;
}
