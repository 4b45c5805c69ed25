/** What an index names, and which of it is there. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { selectFiles } from '../../formats/shardSet';
import type { CostContract, IndexCost } from '../../protocol/costApi';
import type { CheckpointCache } from '../checkpointCache';
import { headerCapBytes } from '../headerCap';

/** Throws `malformed` for an index that cannot be used, and what reading it throws. Headers are read only where all shards are there. */
export async function indexCostJob(
  cache: CheckpointCache,
  { path }: CostContract['indexCost']['params'],
): Promise<IndexCost> {
  const { index, files } = await selectFiles(path, headerCapBytes());
  const tensorsIn = new Map<string, number>();
  for (const file of index?.fileOf.values() ?? []) tensorsIn.set(file, (tensorsIn.get(file) ?? 0) + 1);
  const shards = await Promise.all(
    files.map(async (file) => {
      const found = await stat(file).catch(() => undefined);
      return {
        name: basename(file),
        tensors: tensorsIn.get(file) ?? 0,
        ...(found?.isFile() ? { fileBytes: found.size } : {}),
      };
    }),
  );
  const isWhole = shards.every(({ fileBytes }) => fileBytes !== undefined);
  const tensors = isWhole ? (await cache.once(path)).checkpoint.tensors : undefined;
  return {
    tensors: index?.fileOf.size ?? 0,
    shards,
    totalBytes: index?.totalBytes,
    ...(tensors
      ? {
          parameters: tensors.reduce((sum, { elements }) => sum + elements, 0),
          bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
        }
      : {}),
  };
}
