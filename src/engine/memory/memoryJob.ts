/** Estimates a model's memory from headers or from a config.json. */
import { LoupeError } from '../../errors';
import { estimateMemory } from '../../estimate/memoryEstimate';
import { type MemorySource, sourceFromCheckpoint, sourceFromConfig } from '../../estimate/memorySource';
import type { Checkpoint } from '../../formats/checkpoint';
import { readJsonObject } from '../../formats/jsonSidecar';
import { hubScheme } from '../../hub/hubLocation';
import type { MemoryEstimate, MemoryParams, MemoryRequest } from '../../protocol/memoryApi';
import type { CheckpointCache } from '../checkpointCache';
import { deviceSet, gpuRooms } from './memoryDevices';
import { configMixSizes, type MixSizes, mixSizes } from './mixSizes';

/** No published config.json is a tenth as long. */
const configCapBytes = 16 * 2 ** 20;

interface Estimated {
  readonly source: MemorySource;
  readonly mixes: MixSizes;
}

/** By the model, whose object is another once one of its files has changed: sliders ask many times. */
const estimated = new WeakMap<Checkpoint, Estimated>();

/** Models of which there are headers alone, by their URIs; those that were opened last. */
const remote = new Map<string, Checkpoint>();
const mostRemote = 8;

/** Keeps what was read of a model on the Hub, so that it can be estimated as one on the disk. */
export function keepRemote(path: string, checkpoint: Checkpoint): void {
  remote.delete(path);
  remote.set(path, checkpoint);
  const oldest = remote.size > mostRemote ? remote.keys().next().value : undefined;
  if (oldest !== undefined) remote.delete(oldest);
}

/** Throws what opening throws, `malformed` and `unsupported` for configs that do not suffice, `usage` for settings. */
export async function memoryJob(cache: CheckpointCache, params: MemoryParams): Promise<MemoryEstimate> {
  const { gpus = [], devices = [], ...asked } = params;
  const request = {
    ...asked,
    gpus: await gpuRooms(gpus),
    devices: await Promise.all(devices.map(deviceSet)),
  };
  if ('path' in params) {
    const { source, mixes } = estimatedOf(await checkpointAt(cache, params.path));
    return withMixes(source, mixes, request);
  }
  const fields = await readJsonObject(params.config, configCapBytes);
  try {
    return withMixes(sourceFromConfig(fields), configMixSizes(fields), request);
  } catch (thrown) {
    const { code, message } = LoupeError.from(thrown);
    throw new LoupeError(code, message, code === 'usage' ? {} : { file: params.config });
  }
}

function withMixes(source: MemorySource, mixes: MixSizes, request: MemoryRequest): MemoryEstimate {
  const estimate = estimateMemory(source, request, mixes.sizes);
  if (mixes.reason === undefined) return estimate;
  return { ...estimate, notes: [...estimate.notes, `There are no mixes of GGUF: ${mixes.reason}`] };
}

function estimatedOf(checkpoint: Checkpoint): Estimated {
  let known = estimated.get(checkpoint);
  if (!known) {
    known = { source: sourceFromCheckpoint(checkpoint), mixes: mixSizes(checkpoint) };
    estimated.set(checkpoint, known);
  }
  return known;
}

async function checkpointAt(cache: CheckpointCache, path: string): Promise<Checkpoint> {
  if (!path.startsWith(`${hubScheme}:`)) return (await cache.get(path)).checkpoint;
  const checkpoint = remote.get(path);
  if (checkpoint) return checkpoint;
  throw new LoupeError('not-found', "The model's headers are to be read again: reopen it.", { file: path });
}
