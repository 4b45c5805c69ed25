import { describe, expect, it } from 'vitest';
import { type ComputeShape, computeMemory } from '../../../src/estimate/computeBuffers';

const mebi = 2 ** 20;
const llama3: ComputeShape = { hidden: 4096, heads: 32, vocabulary: 128256, feedForward: 14336 };
const mistral: ComputeShape = { ...llama3, vocabulary: 32000 };
const qwen: ComputeShape = { hidden: 3584, heads: 28, vocabulary: 152064, feedForward: 18944 };

describe("llama.cpp's compute buffers", () => {
  // MiB in published logs: the device's, then the host's; the logits' buffer is counted apart there.
  it.each([
    ['Llama-3-8B at 8192', llama3, 8192, false, 560.0, 24.01],
    ['Llama-3.1-8B at 2048', llama3, 2048, false, 258.5, 12.01],
    ['Llama-3.1-8B at 512', llama3, 512, false, 258.5, 9.01],
    ['Mistral-7B at 2048', mistral, 2048, false, 164, 12.01],
    ['Mistral-7B at 32768', mistral, 32768, false, 2144, 72.01],
    ['Qwen2.5-7B at 4096 with flash attention', qwen, 4096, true, 304, 15.01],
  ] as const)('%s', (_, shape, context, flashAttention, device, host) => {
    const setting = { runtime: 'llama.cpp', context, batch: 1, flashAttention, elementBytes: 2 } as const;
    const { activations, buffers } = computeMemory(shape, setting);
    expect(Math.abs(activations / mebi - device)).toBeLessThan(0.02);
    expect(Math.abs((buffers - 4 * shape.vocabulary) / mebi - host)).toBeLessThan(0.02);
  });
});

describe('activations of transformers', () => {
  it('hold the scores of one layer only without flash attention', () => {
    const setting = { runtime: 'transformers', context: 4096, batch: 1, elementBytes: 2 } as const;
    const eager = computeMemory(llama3, { ...setting, flashAttention: false });
    const flash = computeMemory(llama3, { ...setting, flashAttention: true });
    expect(eager.activations - flash.activations / 2).toBe(6 * 32 * 4096 ** 2);
    expect(eager.certainty).toBe('approximate');
  });
});
