/** Estimates a model's memory from headers or from a config.json. */
import { LoupeError } from '../errors';
import { estimateMemory } from '../estimate/memoryEstimate';
import { sourceFromCheckpoint, sourceFromConfig } from '../estimate/memorySource';
import { readJsonObject } from '../formats/jsonSidecar';
import type { MemoryEstimate, MemoryParams } from '../protocol/memoryApi';
import type { CheckpointCache } from './checkpointCache';

/** No published config.json is a tenth as long. */
const configCapBytes = 16 * 2 ** 20;

/** Throws what opening throws, `malformed` and `unsupported` for configs that do not suffice, `usage` for settings. */
export async function memoryJob(cache: CheckpointCache, params: MemoryParams): Promise<MemoryEstimate> {
  if ('path' in params) {
    const { checkpoint } = await cache.get(params.path);
    return estimateMemory(sourceFromCheckpoint(checkpoint), params);
  }
  const fields = await readJsonObject(params.config, configCapBytes);
  try {
    return estimateMemory(sourceFromConfig(fields), params);
  } catch (thrown) {
    const { code, message } = LoupeError.from(thrown);
    throw new LoupeError(code, message, code === 'usage' ? {} : { file: params.config });
  }
}
