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
