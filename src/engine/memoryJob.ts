/** Estimates a model's memory from headers or from a config.json. */
import { LoupeError } from '../errors';
import { bandwidthOf } from '../estimate/gpuBandwidths';
import { estimateMemory } from '../estimate/memoryEstimate';
import { sourceFromCheckpoint, sourceFromConfig } from '../estimate/memorySource';
import type { GpuRoom } from '../estimate/types';
import { readJsonObject } from '../formats/jsonSidecar';
import type { MemoryEstimate, MemoryParams } from '../protocol/memoryApi';
import { findGpus } from './backends/gpus/findGpus';
import { gpuModels } from './backends/gpus/models';
import { modelNamed } from './backends/gpus/specifications';
import type { CheckpointCache } from './checkpointCache';

/** No published config.json is a tenth as long. */
const configCapBytes = 16 * 2 ** 20;

/** Throws what opening throws, `malformed` and `unsupported` for configs that do not suffice, `usage` for settings. */
export async function memoryJob(cache: CheckpointCache, params: MemoryParams): Promise<MemoryEstimate> {
  const request = { ...params, gpus: await roomsOf(params.gpus ?? []) };
  if ('path' in params) {
    const { checkpoint } = await cache.get(params.path);
    return estimateMemory(sourceFromCheckpoint(checkpoint), request);
  }
  const fields = await readJsonObject(params.config, configCapBytes);
  try {
    return estimateMemory(sourceFromConfig(fields), request);
  } catch (thrown) {
    const { code, message } = LoupeError.from(thrown);
    throw new LoupeError(code, message, code === 'usage' ? {} : { file: params.config });
  }
}

async function roomsOf(asked: readonly string[]): Promise<GpuRoom[]> {
  const rooms: GpuRoom[] = [];
  for (const text of asked) rooms.push(...(text === 'here' ? await roomsHere() : [roomNamed(text)]));
  return rooms;
}

/** Throws `usage` where the machine has no GPU whose memory is told. */
async function roomsHere(): Promise<GpuRoom[]> {
  const rooms = (await findGpus()).flatMap(({ name, memoryBytes }) =>
    memoryBytes === undefined ? [] : [{ name, memoryBytes, bytesPerSecond: bandwidthOf(name) }],
  );
  if (rooms.length > 0) return rooms;
  throw new LoupeError(
    'usage',
    'No GPU is found on this machine whose memory is told; name one, or say "24GB".',
  );
}

/** Throws `usage` for a name that is not listed, or that goes with several sizes. */
function roomNamed(text: string): GpuRoom {
  const size = /^(\d{1,4}(?:\.\d{1,3})?) ?(?:gi?b?)$/i.exec(text.trim());
  // Cards are sold by powers of two under the name of GB.
  if (size) return { name: text.trim(), memoryBytes: Number(size[1]) * 2 ** 30 };
  const model = (['nvidia', 'amd', 'intel', 'apple'] as const)
    .map((vendor) => modelNamed(text, vendor))
    .find((found) => found !== undefined);
  if (model?.memoryGiB) {
    const { name, memoryGiB } = model;
    return { name, memoryBytes: memoryGiB * 2 ** 30, bytesPerSecond: bandwidthOf(name) ?? bandwidthOf(text) };
  }
  const known = gpuModels.filter(({ memoryGiB }) => memoryGiB).map(({ name }) => name);
  throw new LoupeError(
    'usage',
    model
      ? `${model.name} is sold with several sizes of memory: say how much, such as 24GB.`
      : `There is no GPU "${text}" in the list. Say how much memory, such as 24GB, "here", or one of: ${known.join(', ')}.`,
  );
}
