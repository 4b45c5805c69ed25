import { describe, expect, it } from 'vitest';
import { bandwidthOf } from '../../../src/estimate/gpuBandwidths';
import { estimateMemory } from '../../../src/estimate/memoryEstimate';
import { sourceFromConfig } from '../../../src/estimate/memorySource';
import type { MemoryRequest } from '../../../src/estimate/types';
import { llama3 } from '../../support/modelConfigs';

const gibi = 2 ** 30;
/** Without a limit of the context of its own. */
const longReading = { ...llama3, max_position_embeddings: 2 ** 24 };
const gpu = (memory: number, bytesPerSecond?: number) => ({
  name: `${memory} GiB`,
  memoryBytes: memory * gibi,
  bytesPerSecond,
});
const fitted = (request: MemoryRequest, config: Readonly<Record<string, unknown>> = longReading) =>
  estimateMemory(sourceFromConfig(config), { runtime: 'llama.cpp', ...request }).fit!;

describe('whether a model fits', () => {
  it('says so by the memory that can be used', () => {
    expect(fitted({ gpus: [gpu(24)] }).verdict).toBe('fits');
    expect(fitted({ gpus: [gpu(16)] }).verdict).toBe('no');
    // 16 GB of weights, half a gigabyte of cache, and as much for the process itself.
    expect(fitted({ gpus: [gpu(17)] }).verdict).toBe('tight');
  });

  it('finds the largest context and batch: one more does not fit', () => {
    const gpus = [gpu(24)];
    const { largestContext, largestBatch } = fitted({ gpus });
    expect(fitted({ gpus, context: largestContext }).verdict).not.toBe('no');
    expect(fitted({ gpus, context: largestContext! + 256 }).verdict).toBe('no');
    expect(fitted({ gpus, batch: largestBatch }).verdict).not.toBe('no');
    expect(fitted({ gpus, batch: largestBatch! + 1 }).verdict).toBe('no');
    expect(fitted({ gpus: [gpu(8)] }).largestContext).toBe(0);
  });

  it("gives llama.cpp's layers where not all fit, fewer on a smaller GPU", () => {
    const [twelve, eight] = [fitted({ gpus: [gpu(12)] }).offload!, fitted({ gpus: [gpu(8)] }).offload!];
    expect(twelve.of).toBe(32);
    expect(twelve.layers).toBeGreaterThan(eight.layers);
    expect(eight.layers).toBeGreaterThan(0);
    expect(twelve.layers).toBeLessThan(32);
  });

  it('adds GPUs up, and takes the smallest where all do the same', () => {
    expect(fitted({ gpus: [gpu(12), gpu(12)] }).verdict).toBe('fits');
    const vllm = fitted({ gpus: [gpu(24), gpu(8)], runtime: 'vllm' });
    expect(vllm.roomBytes).toBe(2 * Math.floor(8 * gibi * 0.92));
    expect(vllm.verdict).toBe('no');
  });

  it('bounds the speed by the bytes that a token reads', () => {
    const { tokensPerSecondBound } = fitted({ gpus: [gpu(24, 1008e9)], context: 256 });
    // 16.06 GB of weights and 256 tokens of cache at 1,008 GB/s.
    expect(tokensPerSecondBound).toBeCloseTo(1008e9 / (2 * 8_030_261_248 + 256 * 131_072), 6);
    expect(fitted({ gpus: [gpu(24)] }).tokensPerSecondBound).toBeUndefined();
  });

  it('counts the experts that a token is sent to', () => {
    const mixtral = {
      ...longReading,
      model_type: 'mixtral',
      vocab_size: 32000,
      num_local_experts: 8,
      num_experts_per_tok: 2,
    };
    const { activeShare } = sourceFromConfig(mixtral);
    // Mixtral 8x7B: 12.9 of 46.7 billion parameters are active (Jiang et al., arXiv:2401.04088).
    expect(activeShare! * 46.7).toBeCloseTo(12.9, 1);
  });
});

it('knows bandwidths by the words of a name', () => {
  expect(bandwidthOf('NVIDIA GeForce RTX 4090')).toBe(1008e9);
  expect(bandwidthOf('NVIDIA GeForce RTX 4060 Ti')).toBe(288e9);
  expect(bandwidthOf('NVIDIA GeForce RTX 4060')).toBe(272e9);
  expect(bandwidthOf('Voodoo 2')).toBeUndefined();
});
