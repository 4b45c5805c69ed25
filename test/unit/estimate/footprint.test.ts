import { describe, expect, it } from 'vitest';
import { type LoadMode, modelBuffers, parameterFootprint } from '../../../src/estimate/footprint';
import { modelParameters } from '../../../src/estimate/modelParameters';
import { distilbertOfEmotions, gpt2 } from '../../support/modelConfigs';

const mebi = 2 ** 20;

function footprint(config: Record<string, unknown>, mode: LoadMode): number {
  const buffers = modelBuffers(config, mode === 'f32' ? 4 : 2).reduce((sum, { bytes }) => sum + bytes, 0);
  return parameterFootprint(modelParameters(config).groups, mode) + buffers;
}

describe('the footprint that transformers reports', () => {
  // Labonne, "Introduction to Weight Quantization".
  it('of GPT-2 in float32 and under LLM.int8()', () => {
    expect(footprint(gpt2, 'f32')).toBe(510_342_192);
    expect(footprint(gpt2, 'int8')).toBe(176_527_896);
  });

  // Malireddi, "Optimizing LLMs through Quantization: A Hands-On Tutorial".
  it.each([
    ['f32', 255.4287338256836],
    ['f16', 127.7163200378418],
    ['int8', 86.6538200378418],
    ['int4', 66.1225700378418],
  ] as const)('of DistilBERT in %s', (mode, expected) => {
    expect(footprint(distilbertOfEmotions, mode) / mebi).toBe(expected);
  });
});
