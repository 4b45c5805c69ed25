/** What a model needs beside its weights while it is used. */
import type { CachePlan } from './cachePlan';
import { type ComputeMemory, computeMemory } from './computeBuffers';
import { kvCache } from './kvCache';
import type { MemorySource } from './memorySource';
import type { CacheMemory, Runtime } from './types';

const nothingKept: CachePlan = { groups: [], slidesInLlamaCpp: false, notes: [] };

/** A request with everything filled in that it left open. */
export interface MemorySetting {
  readonly runtime: Runtime;
  readonly context: number;
  readonly batch: number;
  readonly kvDtype: string;
  readonly valueDtype?: string | undefined;
  readonly flashAttention: boolean;
  /** undefined: on devices. */
  readonly onProcessor?: boolean | undefined;
}

/** What depends on how the model is used, and not on its weights. */
export interface WorkingMemory {
  readonly cache: CacheMemory;
  /** Undefined where the figures of the layers are not known. */
  readonly compute: ComputeMemory | undefined;
}

/** `ranks`: GPUs that split every layer; the cache is the sum of theirs. */
export function workingMemory(source: MemorySource, setting: MemorySetting, ranks = 1): WorkingMemory {
  const { kvDtype, ...rest } = setting;
  return {
    cache: kvCache(source.cache ?? nothingKept, { ...rest, keyDtype: kvDtype, ranks }),
    compute: source.compute && computeMemory(source.compute, { ...rest, elementBytes: 2 }),
  };
}
