import { describe, expect, it } from 'vitest';
import { type LoadMode, modelBuffers, parameterFootprint } from '../../../src/estimate/footprint';
import { modelParameters } from '../../../src/estimate/modelParameters';

const mebi = 2 ** 20;
const gpt2 = {
  model_type: 'gpt2',
  architectures: ['GPT2LMHeadModel'],
  n_embd: 768,
  n_layer: 12,
  n_head: 12,
  n_positions: 1024,
  vocab_size: 50257,
};
/** DistilBERT that tells six emotions apart. */
const distilbert = {
  model_type: 'distilbert',
  architectures: ['DistilBertForSequenceClassification'],
  dim: 768,
  hidden_dim: 3072,
  n_layers: 6,
  n_heads: 12,
  max_position_embeddings: 512,
  vocab_size: 30522,
  id2label: { 0: 'sadness', 1: 'joy', 2: 'love', 3: 'anger', 4: 'fear', 5: 'surprise' },
};

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
    expect(footprint(distilbert, mode) / mebi).toBe(expected);
  });
});
