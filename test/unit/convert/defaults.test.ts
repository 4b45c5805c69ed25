/** What transformers 5 takes for figures that a config.json leaves out, as llama.cpp's converter (0.5.0) writes it. */
import { expect, it } from 'vitest';
import { convert, type Json, plain } from './madeUp';

const sizes: Json = {
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  vocab_size: 5,
};

it.each([
  ['llama', 'llama', [2048, 1e-6, 10_000, undefined]],
  ['mistral', 'llama', [131_072, 1e-6, 10_000, undefined]],
  ['mixtral', 'llama', [131_072, 1e-5, 1_000_000, 2]],
  ['qwen2', 'qwen2', [32_768, 1e-6, 10_000, undefined]],
  ['qwen2_moe', 'qwen2moe', [32_768, 1e-6, 10_000, 4]],
  ['qwen3', 'qwen3', [32_768, 1e-6, 10_000, undefined]],
  ['qwen3_moe', 'qwen3moe', [32_768, 1e-6, 10_000, 8]],
  ['gemma3_text', 'gemma3', [131_072, 1e-6, 1_000_000, undefined]],
  ['phi3', 'phi3', [4096, 1e-5, 10_000, undefined]],
])('%s has the figures of its class', async (model_type, architecture, expected) => {
  const made = plain(await convert({ config: { ...sizes, model_type } }));
  const keys = ['context_length', 'attention.layer_norm_rms_epsilon', 'rope.freq_base', 'expert_used_count'];
  expect(keys.map((key) => made.get(`${architecture}.${key}`))).toEqual(expected);
});

it.each([
  ['bert', 2],
  ['distilbert', 1],
])('%s has its own', async (model_type, kinds) => {
  const tokenizerJson = { model: { type: 'WordPiece', vocab: { a: 0 } } };
  const tensors = [{ name: 'embeddings.word_embeddings.weight', shape: [5, 8] }];
  const made = plain(await convert({ config: { ...sizes, model_type }, tokenizerJson }, tensors));
  expect(made.get('bert.context_length')).toBe(512);
  expect(made.get('bert.attention.layer_norm_epsilon')).toBe(1e-12);
  expect(made.get('tokenizer.ggml.token_type_count')).toBe(kinds);
});
