/** The pattern counts of recently used tensors, kept so that looking at a distribution anew reads nothing. */
import type { CountedStats } from '../../stats/partialStats';
import { sparsePatterns } from '../../stats/patterns';
import type { CountedPatterns } from '../../stats/sigmaCounts';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { Engine } from '../jobs';
import { countedStats } from './tensorStats';

/** Tensors kept of a checkpoint; at most 0.7 MB each, less where fewer patterns occur. */
const capacity = 16;

const kept = new WeakMap<OpenedCheckpoint, Map<number, CountedPatterns>>();

/** Keeps what `patternsOf` needs of a tensor that was just counted. */
export function keepPatterns(
  opened: OpenedCheckpoint,
  tensor: number,
  counted: CountedStats,
): CountedPatterns {
  const { kind, min, max, moments, histogram } = counted;
  const patterns = { kind, min, max, moments, histogram: sparsePatterns(histogram) };
  const known = kept.get(opened) ?? new Map<number, CountedPatterns>();
  kept.set(opened, known);
  known.delete(tensor);
  known.set(tensor, patterns);
  const oldest = known.size > capacity ? known.keys().next().value : undefined;
  if (oldest !== undefined) known.delete(oldest);
  return patterns;
}

/** The kept counts of a tensor, or those of a pass over it. Throws `unsupported` when its values cannot be read. */
export async function patternsOf(
  engine: Pick<Engine, 'pool'>,
  opened: OpenedCheckpoint,
  tensor: number,
  signal?: AbortSignal,
): Promise<CountedPatterns> {
  const known = kept.get(opened)?.get(tensor);
  if (known) return keptAgain(opened, tensor, known);
  const counted = await countedStats(engine, opened.source(tensor), false, { signal, urgent: true });
  return keepPatterns(opened, tensor, counted);
}

/** Moves a tensor to the end of those that are dropped first. */
function keptAgain(opened: OpenedCheckpoint, tensor: number, known: CountedPatterns): CountedPatterns {
  const all = kept.get(opened)!;
  all.delete(tensor);
  all.set(tensor, known);
  return known;
}
