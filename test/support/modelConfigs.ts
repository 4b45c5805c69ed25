/** Published configurations, shortened to the figures that memory depends on. */
type Config = Readonly<Record<string, unknown>>;

export const llama3: Config = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  torch_dtype: 'bfloat16',
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128256,
  max_position_embeddings: 8192,
};

export const mistral: Config = { ...llama3, model_type: 'mistral', vocab_size: 32000 };

export const qwen7: Config = {
  model_type: 'qwen2',
  hidden_size: 3584,
  intermediate_size: 18944,
  num_hidden_layers: 28,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  vocab_size: 152064,
};

export const gpt2: Config = {
  model_type: 'gpt2',
  architectures: ['GPT2LMHeadModel'],
  n_embd: 768,
  n_layer: 12,
  n_head: 12,
  n_positions: 1024,
  vocab_size: 50257,
};

/** DistilBERT that tells six emotions apart. */
export const distilbertOfEmotions: Config = {
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

export const gptOss20b: Config = {
  model_type: 'gpt_oss',
  hidden_size: 2880,
  intermediate_size: 2880,
  num_hidden_layers: 24,
  num_attention_heads: 64,
  num_key_value_heads: 8,
  head_dim: 64,
  attention_bias: true,
  num_local_experts: 32,
  vocab_size: 201088,
};

/** Queries, keys and values come from latents; the first layers are dense. */
export const deepSeekV3: Config = {
  model_type: 'deepseek_v3',
  hidden_size: 7168,
  intermediate_size: 18432,
  moe_intermediate_size: 2048,
  num_hidden_layers: 61,
  num_attention_heads: 128,
  vocab_size: 129280,
  q_lora_rank: 1536,
  kv_lora_rank: 512,
  qk_nope_head_dim: 128,
  qk_rope_head_dim: 64,
  v_head_dim: 128,
  n_routed_experts: 256,
  n_shared_experts: 1,
  first_k_dense_replace: 3,
};
