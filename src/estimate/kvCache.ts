/** Bytes of the cache of keys and values, as a runtime lays it out. */
import { LoupeError } from '../errors';
import type { CacheGroup, CachePlan } from './cachePlan';
import type { CacheMemory, Runtime } from './types';

export const runtimes: readonly Runtime[] = ['transformers', 'llama.cpp', 'vllm'];

/** Bytes of 32 elements by the type of the cache. Blocks as in ggml-common.h. */
const bytesOf32: Readonly<Record<string, number>> = {
  f32: 128,
  f16: 64,
  bf16: 64,
  fp8: 32,
  q8_0: 34,
  q5_1: 24,
  q5_0: 22,
  q4_1: 20,
  q4_0: 18,
  iq4_nl: 18,
};
export const cacheDtypes: readonly string[] = Object.keys(bytesOf32);

export interface CacheSetting {
  readonly runtime: Runtime;
  /** Tokens of one sequence. */
  readonly context: number;
  /** Sequences at once. */
  readonly batch: number;
  /** Of `cacheDtypes`; values may have a type of their own. */
  readonly keyDtype: string;
  readonly valueDtype?: string | undefined;
  /** llama.cpp's --ubatch-size. */
  readonly ubatch?: number | undefined;
  /** vLLM's max_num_batched_tokens. */
  readonly batchedTokens?: number | undefined;
  /** Tensor-parallel ranks, of which the sum is told; undefined: one. */
  readonly ranks?: number | undefined;
}

/** llama.cpp's default of --ubatch-size. */
export const usualUbatch = 512;
/** vLLM's default of max_num_batched_tokens without chunks for large GPUs. */
const usualBatchedTokens = 2048;
/** vLLM's tokens a page. */
const pageTokens = 16;

/** Throws `usage` for a type that no cache has. */
export function kvCache(plan: CachePlan, setting: CacheSetting): CacheMemory {
  const { batch, keyDtype, valueDtype = keyDtype } = setting;
  const [keyBytes, valueBytes] = [elementBytes(keyDtype), elementBytes(valueDtype)];
  const sizes = plan.groups.map((group) => {
    if (group.kind === 'state') {
      // States stay in float32 whatever the cache's type.
      return { group, tokens: 0, bytes: group.layers * group.elements * 4, perToken: 0 };
    }
    const each =
      group.layers *
      perToken(group, setting.runtime, keyBytes, valueBytes) *
      copiesOn(group, setting.ranks ?? 1);
    const tokens = tokensKept(group, plan, setting);
    return { group, tokens, bytes: each * tokens, perToken: each };
  });
  const sum = (kinds: readonly CacheGroup['kind'][]) =>
    sizes
      .filter(({ group }) => kinds.includes(group.kind))
      .reduce((all, { perToken: each }) => all + each, 0);
  const slides = setting.runtime !== 'llama.cpp' || plan.slidesInLlamaCpp;
  return {
    bytesPerToken: sum(['full', 'latent', 'sliding']),
    bytesPerLateToken: sum(slides ? ['full', 'latent'] : ['full', 'latent', 'sliding']),
    bytes: batch * sizes.reduce((all, { bytes }) => all + bytes, 0),
    parts: sizes.map(({ group: { kind, layers }, tokens, bytes }) => ({
      kind,
      layers,
      tokens,
      bytes: bytes * batch,
    })),
  };
}

/** Bytes of one element, with its share of a block's scale. Throws `usage`. */
function elementBytes(dtype: string): number {
  const bytes = Object.hasOwn(bytesOf32, dtype) ? bytesOf32[dtype] : undefined;
  if (bytes === undefined) {
    throw new LoupeError('usage', `A cache has no type "${dtype}". Known: ${cacheDtypes.join(', ')}.`);
  }
  return bytes / 32;
}

/** Bytes of one token in one layer. */
function perToken(
  group: Exclude<CacheGroup, { kind: 'state' }>,
  runtime: Runtime,
  keyBytes: number,
  valueBytes: number,
): number {
  if (group.kind !== 'latent') return group.keyElements * keyBytes + group.valueElements * valueBytes;
  // transformers keeps the heads' keys and values; llama.cpp and vLLM the latent, once, as keys.
  if (runtime === 'transformers') return group.expandedElements * keyBytes;
  return group.latentElements * keyBytes;
}

/**
 * How often ranks that split a model by its heads hold the same: each has at least one head's keys and values, and the latent of
 * MLA, which has no heads, whole (vLLM, ModelConfig.get_num_kv_heads).
 */
function copiesOn(group: Exclude<CacheGroup, { kind: 'state' }>, ranks: number): number {
  if (group.kind === 'latent') return ranks;
  return group.heads === undefined || group.heads === 0 ? 1 : Math.max(1, ranks / group.heads);
}

function tokensKept(
  group: Exclude<CacheGroup, { kind: 'state' }>,
  plan: CachePlan,
  { runtime, context, ubatch = usualUbatch, batchedTokens = usualBatchedTokens }: CacheSetting,
): number {
  const limit = group.kind === 'cross' ? group.tokens : context;
  if (runtime === 'llama.cpp') {
    const all = padded(limit, 256);
    if (group.kind !== 'sliding' || !plan.slidesInLlamaCpp) return all;
    return padded(Math.min(all, group.window + Math.min(ubatch, context)), 256);
  }
  if (runtime === 'vllm') {
    const pages = Math.ceil(limit / pageTokens);
    if (group.kind !== 'sliding') return pages * pageTokens;
    const within = Math.min(group.window - 1 + batchedTokens, limit);
    return (Math.ceil(within / pageTokens) + 1) * pageTokens;
  }
  return group.kind === 'sliding' ? Math.min(group.window - 1, limit) : limit;
}

const padded = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;
