import { describe, expect, it } from 'vitest';
import { estimateMemory } from '../../../src/estimate/memoryEstimate';
import { sourceFromConfig } from '../../../src/estimate/memorySource';
import type { DeviceSet, MemoryRequest } from '../../../src/estimate/types';
import { llama3 } from '../../support/modelConfigs';

const gibi = 2 ** 30;
const set = (count: number, memory: number, kind: DeviceSet['kind'] = 'gpu'): DeviceSet => ({
  label: `${count} of ${memory}`,
  kind,
  gpus: Array.from({ length: count }, () => ({
    name: 'A',
    memoryBytes: memory * gibi,
    bytesPerSecond: 1e12,
  })),
});
const estimated = (request: MemoryRequest, config: Readonly<Record<string, unknown>> = llama3) =>
  estimateMemory(sourceFromConfig(config), { context: 4096, ...request });
const partOf = (request: MemoryRequest, kind: string, config = llama3) =>
  estimated(request, config).fits[0]!.parts.find((part) => part.kind === kind)!.bytes;

describe('sets of devices', () => {
  it('are looked at one by one, each with parts that sum up to its need', () => {
    const devices = [set(1, 24), set(2, 8), set(1, 32, 'ram')];
    const { fits, kvCache, weights } = estimated({ runtime: 'llama.cpp', devices });
    expect(fits.map(({ verdict }) => verdict)).toEqual(['fits', 'no', 'fits']);
    for (const { parts, neededBytes, memoryBytes, roomBytes } of fits)
      expect(parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(neededBytes + memoryBytes - roomBytes);
    expect(fits[0]!.parts.slice(0, 2)).toEqual([
      { kind: 'weights', bytes: weights.bytes },
      { kind: 'kvCache', bytes: kvCache.bytes },
    ]);
    // Inputs and logits lie in the host's memory, which a GPU does not need and the processor does.
    const buffers = fits.map(({ parts }) => parts.find(({ kind }) => kind === 'buffers')!.bytes);
    expect(buffers[0]).toBe(0);
    expect(buffers[2]).toBeGreaterThan(0);
    expect(fits.map(({ offload }) => offload !== undefined)).toEqual([false, true, false]);
  });

  it('say nothing of lengths where nothing tells what a token keeps', () => {
    const source = { ...sourceFromConfig(llama3), cache: undefined };
    const { fits, table } = estimateMemory(source, { context: 4096, devices: [set(1, 24)] });
    expect(fits[0]).toMatchObject({ verdict: 'fits', largestContext: undefined, largestBatch: undefined });
    expect(table[0]!.fits![0]!.largestContext).toBeUndefined();
    expect(fits[0]!.notes).toContain('Without the cache, of which nothing is known.');
  });

  it('mark every scheme as asking for that scheme does', () => {
    const devices = [set(1, 12), set(1, 8)];
    const { table } = estimated({ runtime: 'llama.cpp', devices });
    for (const scheme of ['f16', 'int8-absmax', 'nf4']) {
      const row = table.find((each) => each.scheme === scheme)!;
      const { fits, total } = estimated({ runtime: 'llama.cpp', devices, dtype: scheme });
      expect(row.totalBytes).toBe(total.bytes);
      for (const [at, mark] of row.fits!.entries()) expect(fits[at]).toMatchObject(mark);
    }
    const marks = table.map(({ fits }) => fits!.map(({ verdict }) => verdict).join());
    expect(new Set(marks).size).toBeGreaterThan(2);
  });
});

describe('tensor parallel ranks', () => {
  it('share the heads of the cache, and copy them where there are not enough', () => {
    const cache = (ranks: number) => partOf({ runtime: 'vllm', devices: [set(ranks, 80)] }, 'kvCache');
    // Llama-3-8B has 8 heads of keys and values.
    expect(cache(8)).toBe(cache(1));
    expect(cache(16)).toBe(2 * cache(1));
    expect(cache(32)).toBe(4 * cache(1));
  });

  it('each keep the whole latent of MLA', () => {
    const deepseek = {
      ...llama3,
      model_type: 'deepseek_v3',
      num_attention_heads: 128,
      num_key_value_heads: 128,
      kv_lora_rank: 512,
      qk_nope_head_dim: 128,
      qk_rope_head_dim: 64,
      v_head_dim: 128,
    };
    const cache = (ranks: number) =>
      partOf({ runtime: 'vllm', devices: [set(ranks, 80)] }, 'kvCache', deepseek);
    expect(cache(8)).toBe(8 * cache(1));
  });

  it('say so, and what cannot be split', () => {
    const notes = (ranks: number) =>
      estimated({ runtime: 'vllm', devices: [set(ranks, 80)] }).fits[0]!.notes.join(' ');
    expect(notes(8)).not.toContain('keeps a copy');
    expect(notes(16)).toContain('each keeps a copy');
    expect(notes(3)).toContain('vLLM does not split 32 heads over 3 GPUs.');
  });
});
