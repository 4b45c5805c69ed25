/** Whether a model fits on devices, what the most is that fits, and how fast it can be at best. */
import { LoupeError } from '../errors';
import type { MemorySource } from './memorySource';
import { sizedBytes } from './schemeSizes';
import type { DeviceSet, FitMark, FitReport, FitVerdict, GpuRoom, MemoryPartKind } from './types';
import { type MemorySetting, workingMemory } from './workingMemory';

/** A driver's context and what else a process takes on a GPU: 451 to 456 MiB were seen on an RTX 4090. */
const contextBytes = 512 * 2 ** 20;
/** What the system and its programs keep of a machine's memory, at least. */
const systemBytes = 2 * 2 ** 30;
/** What vLLM takes of a GPU's memory by itself (gpu_memory_utilization). */
const vllmShare = 0.92;
/** An approximate estimate may be this much too low. */
const doubt = 1.1;
const longestContext = 2 ** 24;
const largestBatch = 2 ** 16;

interface Working {
  readonly kvCache: number;
  readonly activations: number;
  readonly buffers: number;
}

/** A model in one setting on a set of devices: what fits follows from the bytes of its weights. */
export class Fitting {
  /** Of all devices together. */
  readonly roomBytes: number;
  private readonly memoryBytes: number;
  private readonly isParallel: boolean;
  private readonly known = new Map<string, Working>();
  /** Bytes of the cache that one token reads. */
  private readonly cacheRead: number;

  /** Throws `usage` without a device or for one without memory. */
  constructor(
    private readonly set: DeviceSet,
    private readonly source: MemorySource,
    private readonly setting: MemorySetting,
  ) {
    const { gpus, kind } = set;
    assertRooms(gpus);
    this.isParallel = setting.runtime === 'vllm' && gpus.length > 1;
    const rooms = gpus.map((gpu) => roomOf(gpu, kind, setting));
    // Ranks of one model wait for each other: the smallest GPU decides.
    this.roomBytes = this.isParallel
      ? gpus.length * Math.min(...rooms)
      : rooms.reduce((sum, room) => sum + room, 0);
    this.memoryBytes = gpus.reduce((sum, gpu) => sum + gpu.memoryBytes, 0);
    this.cacheRead = workingMemory(source, { ...setting, batch: 1 }).cache.bytes;
  }

  /** `weightBytes`: as they are loaded. */
  mark(weightBytes: number): FitMark {
    const { context, batch } = this.setting;
    const neededBytes = this.needed(weightBytes, context, batch);
    const fits = neededBytes <= this.roomBytes;
    const most = Math.min(longestContext, this.source.longestContext ?? longestContext);
    return {
      verdict: verdictOf(neededBytes, this.roomBytes),
      neededBytes,
      largestContext: this.source.cache
        ? largest(most, (value) => this.needed(weightBytes, value, batch) <= this.roomBytes)
        : undefined,
      tokensPerSecondBound: fits ? this.speedBound(weightBytes) : undefined,
    };
  }

  report(weightBytes: number): FitReport {
    const { set, setting, source, roomBytes, memoryBytes } = this;
    const { context, batch } = setting;
    const mark = this.mark(weightBytes);
    const { kvCache, activations, buffers } = this.working(context, batch);
    const parts: readonly (readonly [MemoryPartKind, number])[] = [
      ['weights', weightBytes],
      ['kvCache', kvCache],
      ['activations', activations],
      ['buffers', buffers],
      ['overhead', memoryBytes - roomBytes],
    ];
    const isPartial = mark.verdict === 'no' && setting.runtime === 'llama.cpp' && set.kind === 'gpu';
    return {
      label: set.label,
      kind: set.kind,
      gpus: set.gpus,
      memoryBytes,
      roomBytes,
      ...mark,
      parts: parts.map(([kind, bytes]) => ({ kind, bytes })),
      largestBatch: source.cache
        ? largest(largestBatch, (value) => this.needed(weightBytes, context, value) <= this.roomBytes)
        : undefined,
      ...(isPartial ? { offload: offloaded(source, setting, weightBytes, roomBytes, set.gpus.length) } : {}),
      notes: this.notes(),
    };
  }

  private notes(): string[] {
    const { gpus, kind } = this.set;
    const notes: string[] = [];
    if (this.isParallel) {
      notes.push(`Tensor parallel over ${gpus.length} GPUs: each holds its share of every layer.`);
      const copied = (this.source.cache?.groups ?? []).some(
        (group) =>
          group.kind === 'latent' ||
          (group.kind !== 'state' && group.heads !== undefined && group.heads < gpus.length),
      );
      if (copied) notes.push('They are more than heads of the cache, of which each keeps a copy.');
      const { heads } = this.source.compute ?? {};
      if (heads !== undefined && heads % gpus.length !== 0)
        notes.push(`vLLM does not split ${heads} heads over ${gpus.length} GPUs.`);
    } else if (gpus.length > 1)
      notes.push(`Layers are split over ${gpus.length} GPUs, which work one after the other.`);
    if (kind === 'ram') notes.push('On the processor, whose memory the system and its programs share.');
    if (this.source.cache === undefined) notes.push('Without the cache, of which nothing is known.');
    return notes;
  }

  private needed(weightBytes: number, context: number, batch: number): number {
    const { kvCache, activations, buffers } = this.working(context, batch);
    return weightBytes + kvCache + activations + buffers;
  }

  /** Does not depend on the weights, so that a table of schemes asks for each context once. */
  private working(context: number, batch: number): Working {
    const key = `${context} ${batch}`;
    let working = this.known.get(key);
    if (!working) {
      const { gpus, kind } = this.set;
      const { cache, compute } = workingMemory(
        this.source,
        { ...this.setting, context, batch, onProcessor: kind === 'ram' },
        this.isParallel ? gpus.length : 1,
      );
      working = {
        kvCache: cache.bytes,
        // Each GPU has intermediate results of its own.
        activations: gpus.length * (compute?.activations ?? 0),
        buffers: kind === 'ram' ? (compute?.buffers ?? 0) : 0,
      };
      this.known.set(key, working);
    }
    return working;
  }

  /** Every token reads the weights that take part in it, and the cache of the whole context. */
  private speedBound(weightBytes: number): number | undefined {
    const { gpus } = this.set;
    const speeds = gpus.flatMap(({ bytesPerSecond }) => bytesPerSecond ?? []);
    if (speeds.length < gpus.length) return undefined;
    const read = weightBytes * (this.source.activeShare ?? 1) + this.cacheRead;
    if (this.isParallel) return (Math.min(...speeds) * gpus.length) / read;
    const seconds = gpus.reduce(
      (sum, { memoryBytes }, at) => sum + (read * memoryBytes) / this.memoryBytes / speeds[at]!,
      0,
    );
    return 1 / seconds;
  }
}

/** GPUs that hold one model together. `weightBytes`: as they are loaded. Throws `usage` without a GPU or for one without memory. */
export function fitOn(
  gpus: readonly GpuRoom[],
  source: MemorySource,
  setting: MemorySetting,
  weightBytes: number,
): FitReport {
  const label = gpus.map(({ name }) => name).join(' + ');
  return new Fitting({ label, kind: 'gpu', gpus }, source, setting).report(weightBytes);
}

/** Throws `usage` without a device or for one without memory. */
export function assertRooms(gpus: readonly GpuRoom[]): void {
  const bad = gpus.find(({ memoryBytes }) => !(memoryBytes > 0));
  if (gpus.length === 0 || bad)
    throw new LoupeError('usage', bad ? `${bad.name} has no memory.` : 'There is no GPU to fit on.');
}

export function verdictOf(neededBytes: number, roomBytes: number): FitVerdict {
  if (neededBytes > roomBytes) return 'no';
  return neededBytes * doubt <= roomBytes ? 'fits' : 'tight';
}

/** What of a device's memory can be used. */
export function roomOf(
  { memoryBytes }: GpuRoom,
  kind: DeviceSet['kind'],
  { runtime }: Pick<MemorySetting, 'runtime'>,
): number {
  if (kind === 'ram') return Math.max(0, memoryBytes - systemBytes);
  const room = runtime === 'vllm' ? memoryBytes * vllmShare : memoryBytes - contextBytes;
  return Math.max(0, Math.floor(room));
}

/** The largest number up to `most` that passes; what passes for a number passes for smaller ones. */
export function largest(most: number, passes: (value: number) => boolean): number {
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
