/**
 * What transformers takes for figures that a config.json leaves out, where llama.cpp needs them or takes others. Source: the
 * configuration classes of transformers 5. Sizes are not among them: those are in the tensors' shapes, and a config without them is none.
 */
import type { ModelConfig } from '../../formats/modelConfig';

type Defaults = Readonly<Record<string, number | boolean>>;

const llama = { max_position_embeddings: 2048, rms_norm_eps: 1e-6, rope_theta: 10_000 };
const mistral = { ...llama, max_position_embeddings: 131_072 };
const qwen = { ...llama, max_position_embeddings: 32_768, use_sliding_window: false };
const gemma3 = {
  max_position_embeddings: 131_072,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 256,
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  rope_local_base_freq: 10_000,
  sliding_window: 4096,
};

/** By model_type. */
const byType: ReadonlyMap<string, Defaults> = new Map<string, Defaults>([
  ['llama', llama],
  ['mistral', mistral],
  ['mixtral', { ...mistral, rms_norm_eps: 1e-5, rope_theta: 1_000_000, num_experts_per_tok: 2 }],
  ['qwen2', qwen],
  ['qwen2_moe', { ...qwen, num_experts_per_tok: 4 }],
  ['qwen3', qwen],
  ['qwen3_moe', { ...qwen, num_experts_per_tok: 8 }],
  ['gemma2', { max_position_embeddings: 8192, rms_norm_eps: 1e-6 }],
  ['gemma3', gemma3],
  ['gemma3_text', gemma3],
  ['phi3', { max_position_embeddings: 4096, original_max_position_embeddings: 4096, rms_norm_eps: 1e-5 }],
  ['bert', { max_position_embeddings: 512, layer_norm_eps: 1e-12, type_vocab_size: 2 }],
  ['distilbert', { max_position_embeddings: 512, layer_norm_eps: 1e-12 }],
]);

/** The config with its family's figures for what it leaves out. */
export const withFamilyDefaults = (config: ModelConfig): ModelConfig =>
  config.withDefaults(byType.get(config.modelType ?? '') ?? {});
