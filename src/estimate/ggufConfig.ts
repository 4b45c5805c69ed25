/** GGUF's hyperparameters in the words of config.json, so that one set of formulas serves both. */
import type { MetadataEntry } from '../formats/checkpoint';

/** Where GGUF's name of an architecture is not config.json's model_type. */
const modelTypes: Readonly<Record<string, string>> = {
  gptneox: 'gpt_neox',
  gemma3: 'gemma3_text',
  qwen2moe: 'qwen2_moe',
  qwen3moe: 'qwen3_moe',
  deepseek2: 'deepseek_v2',
  'gpt-oss': 'gpt_oss',
  'command-r': 'cohere',
};

/** config.json's field by the key behind "<architecture>.". */
const fieldsByKey: Readonly<Record<string, string>> = {
  block_count: 'num_hidden_layers',
  embedding_length: 'hidden_size',
  feed_forward_length: 'intermediate_size',
  context_length: 'max_position_embeddings',
  vocab_size: 'vocab_size',
  'attention.head_count': 'num_attention_heads',
  'attention.head_count_kv': 'num_key_value_heads',
  'attention.key_length': 'head_dim',
  'attention.value_length': 'v_head_dim',
  'attention.sliding_window': 'sliding_window',
  'attention.kv_lora_rank': 'kv_lora_rank',
  expert_count: 'num_experts',
  expert_used_count: 'num_experts_per_tok',
  'ssm.state_size': 'state_size',
  'ssm.conv_kernel': 'conv_kernel',
  'ssm.inner_size': 'd_inner',
  'ssm.group_count': 'n_groups',
  'ssm.time_step_rank': 'time_step_rank',
};

/** Undefined where the metadata names no architecture. */
export function configFromGguf(
  metadata: readonly MetadataEntry[],
): Readonly<Record<string, unknown>> | undefined {
  const values = new Map(metadata.map(({ key, value }) => [key, value]));
  const name = values.get('general.architecture');
  if (typeof name !== 'string' || name === '') return undefined;
  const config: Record<string, unknown> = { model_type: modelTypes[name] ?? name };
  for (const [key, field] of Object.entries(fieldsByKey)) {
    const value = plain(values.get(`${name}.${key}`));
    if (value !== undefined) config[field] = value;
  }
  const tokens = values.get('tokenizer.ggml.tokens');
  if (config.vocab_size === undefined && typeof tokens === 'object') config.vocab_size = tokens.length;
  if (config.kv_lora_rank !== undefined) addLatent(config, name, values);
  return config;
}

/** DeepSeek's heads: a part that turns with the position and one that does not, told by their sum. */
function addLatent(
  config: Record<string, unknown>,
  name: string,
  values: ReadonlyMap<string, MetadataEntry['value']>,
): void {
  const rotary = plain(values.get(`${name}.rope.dimension_count`));
  const key = plain(values.get(`${name}.attention.key_length_mla`)) ?? config.head_dim;
  const value = plain(values.get(`${name}.attention.value_length_mla`)) ?? config.v_head_dim;
  config.qk_rope_head_dim = rotary;
  if (typeof key === 'number' && typeof rotary === 'number') config.qk_nope_head_dim = key - rotary;
  config.v_head_dim = value;
}

/** Numbers, and short arrays of them whole; arrays of which only the head is here tell nothing. */
function plain(value: MetadataEntry['value'] | undefined): unknown {
  if (typeof value === 'number') return value;
  if (typeof value === 'object' && value.head.length === value.length) return value.head;
  return undefined;
}
