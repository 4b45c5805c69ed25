/** Whether a model fits on GPUs, what the most is that fits, and how fast it can be at best. */
import { LoupeError } from '../errors';
import type { MemorySource } from './memorySource';
import { sizedBytes } from './schemeSizes';
import type { FitReport, GpuRoom } from './types';
import { type MemorySetting, workingMemory } from './workingMemory';

/** A driver's context and what else a process takes on a GPU: 451 to 456 MiB were seen on an RTX 4090. */
const contextBytes = 512 * 2 ** 20;
/** What vLLM takes of a GPU's memory by itself (gpu_memory_utilization). */
const vllmShare = 0.92;
/** An approximate estimate may be this much too low. */
const doubt = 1.1;
const longestContext = 2 ** 24;
const largestBatch = 2 ** 16;

/** `weightBytes`: as they are loaded. Throws `usage` without a GPU or for one without memory. */
export function fitOn(
  gpus: readonly GpuRoom[],
  source: MemorySource,
  setting: MemorySetting,
  weightBytes: number,
): FitReport {
  const bad = gpus.find(({ memoryBytes }) => !(memoryBytes > 0));
  if (gpus.length === 0 || bad)
    throw new LoupeError('usage', bad ? `${bad.name} has no memory.` : 'There is no GPU to fit on.');
  const isParallel = setting.runtime === 'vllm' && gpus.length > 1;
  // Ranks of one model wait for each other: the smallest GPU decides.
  const rooms = gpus.map((gpu) => roomOf(gpu, setting));
  const roomBytes = isParallel
    ? gpus.length * Math.min(...rooms)
    : rooms.reduce((sum, room) => sum + room, 0);
  const needed = (context: number, batch: number): number => {
    const { cache, compute } = workingMemory(source, { ...setting, context, batch });
    // Each GPU has intermediate results of its own.
    return weightBytes + cache.bytes + gpus.length * (compute?.activations ?? 0);
  };
  const neededBytes = needed(setting.context, setting.batch);
  const notes: string[] = [];
  if (isParallel)
    notes.push(`Tensor parallel over ${gpus.length} GPUs: each holds its share of every layer.`);
  else if (gpus.length > 1)
    notes.push(`Layers are split over ${gpus.length} GPUs, which work one after the other.`);
  if (source.cache === undefined) notes.push('Without the cache, of which nothing is known.');
  const fits = neededBytes <= roomBytes;
  const mostContext = Math.min(longestContext, source.longestContext ?? longestContext);
  return {
    gpus,
    verdict: !fits ? 'no' : neededBytes * doubt <= roomBytes ? 'fits' : 'tight',
    neededBytes,
    roomBytes,
    largestContext: largest(mostContext, (context) => needed(context, setting.batch) <= roomBytes),
    largestBatch: largest(largestBatch, (batch) => needed(setting.context, batch) <= roomBytes),
    ...(!fits && setting.runtime === 'llama.cpp'
      ? { offload: offloaded(source, setting, weightBytes, roomBytes, gpus.length) }
      : {}),
    tokensPerSecondBound: fits ? speedBound(gpus, source, setting, weightBytes, isParallel) : undefined,
    notes,
  };
}

function roomOf({ memoryBytes }: GpuRoom, { runtime }: MemorySetting): number {
  const room = runtime === 'vllm' ? memoryBytes * vllmShare : memoryBytes - contextBytes;
  return Math.max(0, Math.floor(room));
}

/** The largest number up to `most` that passes; what passes for a number passes for smaller ones. */
function largest(most: number, passes: (value: number) => boolean): number {
  let [good, bad] = [0, most + 1];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (passes(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

/** Whole layers with their share of the cache, as --n-gpu-layers counts them. */
function offloaded(
  source: MemorySource,
  setting: MemorySetting,
  weightBytes: number,
  roomBytes: number,
  gpus: number,
): { layers: number; of: number } | undefined {
  const layers = (source.cache?.groups ?? [])
    .filter(({ kind }) => kind !== 'cross')
    .reduce((sum, group) => sum + group.layers, 0);
  if (layers === 0) return undefined;
  const all = source.tensors.reduce((sum, tensor) => sum + tensor.copies * sizedBytes(tensor), 0);
  // Embedding and head stay with the processor first.
  const inLayers = source.tensors
    .filter(({ name }) => name.includes('*'))
    .reduce((sum, tensor) => sum + tensor.copies * sizedBytes(tensor), 0);
  const { cache, compute } = workingMemory(source, setting);
  const each = ((all === 0 ? 0 : inLayers / all) * weightBytes + cache.bytes) / layers;
  const free = roomBytes - gpus * (compute?.activations ?? 0);
  return { layers: Math.max(0, Math.min(layers, Math.floor(free / each))), of: layers };
}

/** Every token reads the weights that take part in it, and the cache of the whole context. */
function speedBound(
  gpus: readonly GpuRoom[],
  source: MemorySource,
  setting: MemorySetting,
  weightBytes: number,
  isParallel: boolean,
): number | undefined {
  const speeds = gpus.map(({ bytesPerSecond }) => bytesPerSecond);
  if (speeds.some((speed) => speed === undefined)) return undefined;
  const { cache } = workingMemory(source, { ...setting, batch: 1 });
  const read = weightBytes * (source.activeShare ?? 1) + cache.bytes;
  const slowest = Math.min(...speeds.map((speed) => speed!));
  if (isParallel) return (slowest * gpus.length) / read;
  const room = gpus.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  const seconds = gpus.reduce(
    (sum, { memoryBytes, bytesPerSecond }) => sum + (read * memoryBytes) / room / bytesPerSecond!,
    0,
  );
  return 1 / seconds;
}
