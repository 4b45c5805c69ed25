/** Configs and shapes that claim more than there is: nothing is made of their size. */
import { describe, expect, it } from 'vitest';
import { config, convert, embedding } from './madeUp';

const text = {
  ...config,
  model_type: 'gemma2',
  max_position_embeddings: 8192,
};

describe('what a model only claims', () => {
  it.each([513, 2 ** 31])('refuses %i layers, whose list of kinds would be made', async (layers) => {
    await expect(convert({ config: { ...text, num_hidden_layers: layers } })).rejects.toThrow(
      `The config states ${layers} layers, and llama.cpp loads up to 512.`,
    );
  });

  it('refuses heads of a gigabyte, whose factors would be computed', async () => {
    const rope = { rope_type: 'llama3', factor: 8 };
    const wide = { ...config, head_dim: 2 ** 30, rope_parameters: rope };
    await expect(convert({ config: wide })).rejects.toThrow('By the config a head is 1073741824 wide');
  });

  it.each([
    ['an embedding', { ...embedding, shape: [2 ** 40, 0] }],
    ['a classifier', { name: 'classifier.weight', shape: [2 ** 40, 0] }],
  ])('refuses %s of rows without values', async (_, tensor) => {
    const bert = { model_type: 'bert', architectures: ['BertForSequenceClassification'], hidden_size: 8 };
    const ofBert = tensor.name === 'classifier.weight';
    const files = ofBert ? { config: bert } : {};
    await expect(convert(files, [tensor])).rejects.toThrow(
      `${tensor.name} is [1099511627776, 0] and holds no values`,
    );
  });
});
