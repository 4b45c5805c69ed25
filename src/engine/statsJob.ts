/** Statistics of tensors, several at a time. */
import type { EngineContract, TensorStats } from '../protocol/engineApi';
import type { OpenedCheckpoint } from './checkpointCache';
import type { Engine, JobContext } from './jobs';
import { keepPatterns } from './tensorPatterns';
import { tensorSource } from './tensorSource';
import { tensorStats } from './tensorStats';
import { inOrder } from './worker/inOrder';
import type { TaskOptions } from './worker/pool';

type StatsMethod = EngineContract['stats'];

export async function statsJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  {
    tensors,
    ...wanted
  }: Pick<StatsMethod['params'], 'tensors' | 'channels' | 'outlierFactor' | 'int8Threshold'>,
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
      const stats =
        typeof source === 'string'
          ? null
          : await tensorStats(engine, source, wanted, {
              ...options,
              counted: total === 1 ? (counted) => keepPatterns(opened, index, counted) : undefined,
            });
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
