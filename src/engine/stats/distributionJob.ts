/** A tensor's distribution over any range and bins, from its pattern counts: no file is read while they are kept. */
import { LoupeError } from '../../errors';
import type { EngineContract } from '../../protocol/engineApi';
import { displayHistogram } from '../../stats/displayHistogram';
import { countBeyond } from '../../stats/sigmaCounts';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { Engine, JobContext } from '../jobs';
import { patternsOf } from './tensorPatterns';

type DistributionMethod = EngineContract['distribution'];

/** More bins than a screen has columns. */
const mostBins = 8192;
const mostSigmas = 64;

/** Throws `usage` for bins, ranges or sigmas that make no sense, and `unsupported` for values that cannot be read. */
export async function distributionJob(
  engine: Pick<Engine, 'pool'>,
  opened: OpenedCheckpoint,
  { tensor, bins, range, sigmas = [] }: DistributionMethod['params'],
  { signal }: Pick<JobContext<never>, 'signal'>,
): Promise<DistributionMethod['result']> {
  if (!Number.isInteger(bins) || bins < 1 || bins > mostBins)
    throw new LoupeError('usage', `A histogram has 1 to ${mostBins} bins, not ${bins}.`);
  if (range && !(Number.isFinite(range.max - range.min) && range.min <= range.max))
    throw new LoupeError('usage', `${range.min} to ${range.max} is no range.`);
  if (sigmas.length > mostSigmas || !sigmas.every((sigma) => sigma >= 0 && sigma < Number.POSITIVE_INFINITY))
    throw new LoupeError('usage', `Up to ${mostSigmas} finite numbers of sigma can be asked for.`);
  const patterns = await patternsOf(engine, opened, tensor, signal);
  return {
    histogram: displayHistogram(patterns, range, bins),
    beyond: sigmas.map((sigma) => countBeyond(patterns, sigma)),
  };
}
