/** Statistics of one tensor: a small one in one task, a large one in parts that are merged in order. */
import type { SigmaCounts } from '../../kernels/kernels';
import type { Bands } from '../../kernels/valueFolds';
import type { EngineContract, TensorStats } from '../../protocol/engineApi';
import { completeStats } from '../../stats/exactMoments';
import { finalizeStats, sigmaCounts, sigmaThresholds } from '../../stats/finalizeStats';
import { type CountedStats, emptyPartialStats, mergeStats } from '../../stats/partialStats';
import { histogramKindOf } from '../../stats/patterns';
import { bandsAround, SigmaBands } from '../../stats/sigmaBands';
import type { Engine } from '../jobs';
import { type Block, parts, sampleBlocks, wholeBlock } from '../matrix';
import type { TensorSource } from '../tensorSource';
import { inOrder } from '../worker/inOrder';
import { releaseBuffers } from '../worker/ownedBuffers';
import type { TaskOptions } from '../worker/pool';
import type { PartAnswer } from '../worker/task';

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

/** Rings around guessed borders, and what the parts have met of them. */
interface SigmaGuess {
  readonly bands: Bands;
  readonly merged: SigmaBands;
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
  const guess = await guessBands(engine, source, all, options);
  const merged = await countedStats(engine, source, withChannels, options, guess);
  options.counted?.(merged);
  const counts =
    sigmaCounts(merged) ??
    guess?.merged.counts(merged) ??
    (await secondPass(engine, source, merged, options));
  return finalizeStats(merged, source, { ...wanted, counts });
}

/** The statistics of all parts together: everything but the counts beyond 3 and 6 sigma. */
export async function countedStats(
  { pool }: Pick<Engine, 'pool'>,
  source: TensorSource,
  withChannels: boolean,
  options: TaskOptions,
  guess?: SigmaGuess | undefined,
): Promise<CountedStats> {
  const kind = source.packed ? 'f32' : histogramKindOf(source.dtype);
  const all = [...parts(source)];
  let merged = emptyPartialStats(kind, withChannels && all.length > 0 ? source : undefined);
  const task = { kind: 'stats', source, channels: withChannels, bands: guess?.bands } as const;
  await inOrder(
    all,
    pool.size + 1,
    options.signal,
    (part) => pool.run({ ...task, part }, options) as Promise<PartAnswer>,
    ({ partial, bands }) => {
      merged = mergeStats(merged, partial);
      guess?.merged.merge(bands, merged);
      if (merged.channels === undefined || merged.channels !== partial.channels) releaseBuffers(partial);
    },
  );
  return completeStats(merged);
}

/** Rings around where a sample suggests 3 and 6 sigma; undefined for types that need none. */
async function guessBands(
  { pool }: Pick<Engine, 'pool'>,
  source: TensorSource,
  all: readonly Block[],
  options: TaskOptions,
): Promise<SigmaGuess | undefined> {
  if (all.length === 0 || (!source.packed && histogramKindOf(source.dtype) !== 'f32')) return undefined;
  // All parts wait for it, so that it goes before the parts of other tensors.
  const task = { kind: 'sample', source, blocks: sampleBlocks(source) } as const;
  const bands = bandsAround(await pool.run(task, { ...options, urgent: true }));
  return bands && { bands, merged: new SigmaBands(bands) };
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
