import { describe, expect, it } from 'vitest';
import { footprintOf } from '../../../src/estimate/footprint';
import { loadedBytes } from '../../../src/estimate/loading';
import { sourceFromConfig } from '../../../src/estimate/memorySource';
import { distilbertOfEmotions, gpt2 } from '../../support/modelConfigs';

const mebi = 2 ** 20;

describe('the footprint that transformers reports', () => {
  // Labonne, "Introduction to Weight Quantization".
  it('of GPT-2 in float32 and under LLM.int8()', () => {
    expect(footprintOf(gpt2)?.f32).toBe(510_342_192);
    expect(footprintOf(gpt2)?.int8).toBe(176_527_896);
  });

  // Malireddi, "Optimizing LLMs through Quantization: A Hands-On Tutorial".
  it.each([
    ['f32', 255.4287338256836],
    ['f16', 127.7163200378418],
    ['int8', 86.6538200378418],
    ['int4', 66.1225700378418],
  ] as const)('of DistilBERT in %s', (mode, expected) => {
    expect(footprintOf(distilbertOfEmotions)![mode] / mebi).toBe(expected);
  });

  it('is told of no model that is not known exactly', () => {
    expect(footprintOf({ ...gpt2, model_type: 'newest' })).toBeUndefined();
    expect(footprintOf({ model_type: 'llama', hidden_size: 8 })).toBeUndefined();
  });
});

it("loads GPT-2's Conv1D modules in 8 bits as linear layers, a scale a row", () => {
  const linear = 12 * 12 * 768 * 768;
  const rows = 12 * (3 * 768 + 768 + 4 * 768 + 768);
  // Half precision for the rest, and a byte a matrix that names the format.
  const rest = 2 * (124_439_808 - linear) + 48;
  expect(loadedBytes(sourceFromConfig(gpt2), { quantization: 'int8' })).toBe(linear + 4 * rows + rest);
});
