/** Figures that configs leave out, as the classes of transformers fill them in. */
import type { ModelConfig } from '../../formats/modelConfig';

type Defaults = Readonly<Record<string, number | boolean | string>>;

/** Vocabulary, hidden and intermediate width, layers, heads, and heads of keys and values where they are not all. */
const sizes = (
  vocabulary: number,
  hidden: number,
  width: number,
  layers: number,
  heads: number,
  kvHeads?: number,
  more: Defaults = {},
): Defaults => ({
  vocab_size: vocabulary,
  hidden_size: hidden,
  intermediate_size: width,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  ...(kvHeads === undefined ? {} : { num_key_value_heads: kvHeads }),
  ...more,
});

const encoder = (vocabulary: number, typeVocabulary = 2): Defaults =>
  sizes(vocabulary, 768, 3072, 12, 12, undefined, {
    max_position_embeddings: 512,
    type_vocab_size: typeVocabulary,
  });

const t5 = { vocab_size: 32128, d_model: 512, d_kv: 64, d_ff: 2048, num_layers: 6, num_heads: 8 };
const bart = {
  vocab_size: 50265,
  d_model: 1024,
  max_position_embeddings: 1024,
  encoder_layers: 12,
  decoder_layers: 12,
  encoder_ffn_dim: 4096,
  decoder_ffn_dim: 4096,
};
const delta = {
  linear_conv_kernel_dim: 4,
  linear_key_head_dim: 128,
  linear_value_head_dim: 128,
  linear_num_key_heads: 16,
  linear_num_value_heads: 32,
};

/** By `model_type`. Sources: the configuration files of transformers, by the family's name. */
const defaults: ReadonlyMap<string, Defaults> = new Map<string, Defaults>([
  ['llama', sizes(32000, 4096, 11008, 32, 32)],
  ['mistral', sizes(32000, 4096, 14336, 32, 32, 8)],
  ['mixtral', sizes(32000, 4096, 14336, 32, 32, 8, { num_local_experts: 8 })],
  ['granite', sizes(32000, 4096, 11008, 32, 32)],
  ['smollm3', sizes(128256, 2048, 11008, 36, 16, 4)],
  ['qwen2', sizes(151936, 4096, 22016, 32, 32, 32)],
  [
    'qwen2_moe',
    sizes(151936, 2048, 5632, 24, 16, 16, {
      moe_intermediate_size: 1408,
      shared_expert_intermediate_size: 5632,
      num_experts: 60,
    }),
  ],
  ['qwen3', sizes(151936, 4096, 22016, 32, 32, 32, { head_dim: 128 })],
  ['qwen3_moe', sizes(151936, 2048, 6144, 24, 32, 4, { moe_intermediate_size: 768, num_experts: 128 })],
  [
    'qwen3_next',
    sizes(151936, 2048, 5632, 48, 16, 2, {
      ...delta,
      head_dim: 256,
      moe_intermediate_size: 512,
      shared_expert_intermediate_size: 512,
      num_experts: 512,
    }),
  ],
  ['gemma', sizes(256000, 3072, 24576, 28, 16, 16)],
  ['gemma2', sizes(256000, 2304, 9216, 26, 8, 4)],
  ['phi', sizes(51200, 2048, 8192, 24, 32)],
  ['phi3', sizes(32064, 3072, 8192, 32, 32)],
  ['phimoe', sizes(32064, 4096, 6400, 32, 32, 8, { num_local_experts: 16 })],
  ['gpt_oss', sizes(201088, 2880, 2880, 36, 64, 8, { head_dim: 64, num_local_experts: 128 })],
  ['olmo', sizes(50304, 4096, 11008, 32, 32)],
  ['olmo2', sizes(50304, 4096, 11008, 32, 32)],
  ['olmoe', sizes(50304, 2048, 2048, 16, 16, undefined, { num_experts: 64 })],
  ['cohere', sizes(256000, 8192, 22528, 40, 64)],
  ['cohere2', sizes(256000, 8192, 22528, 40, 64)],
  ['stablelm', sizes(50304, 2560, 6912, 32, 32, 32)],
  ['starcoder2', sizes(49152, 3072, 12288, 30, 24, 2)],
  [
    'deepseek_v3',
    sizes(129280, 7168, 18432, 61, 128, 128, {
      moe_intermediate_size: 2048,
      n_shared_experts: 1,
      n_routed_experts: 256,
      kv_lora_rank: 512,
      q_lora_rank: 1536,
      qk_rope_head_dim: 64,
      qk_nope_head_dim: 128,
      v_head_dim: 128,
      first_k_dense_replace: 3,
    }),
  ],
  ['gpt2', { vocab_size: 50257, n_positions: 1024, n_embd: 768, n_layer: 12, n_head: 12 }],
  ['gpt_bigcode', { vocab_size: 50257, n_positions: 1024, n_embd: 768, n_layer: 12, n_head: 12 }],
  ['gptj', { vocab_size: 50400, n_embd: 4096, n_layer: 28, n_head: 16 }],
  [
    'gpt_neo',
    { vocab_size: 50257, hidden_size: 2048, max_position_embeddings: 2048, num_layers: 24, num_heads: 16 },
  ],
  ['gpt_neox', sizes(50432, 6144, 24576, 44, 64)],
  ['falcon', { vocab_size: 65024, hidden_size: 4544, num_hidden_layers: 32, num_attention_heads: 71 }],
  [
    'opt',
    {
      vocab_size: 50272,
      hidden_size: 768,
      num_hidden_layers: 12,
      ffn_dim: 3072,
      max_position_embeddings: 2048,
      num_attention_heads: 12,
    },
  ],
  ['bloom', { vocab_size: 250880, hidden_size: 64, n_layer: 2, n_head: 8 }],
  ['mpt', { vocab_size: 50368, d_model: 2048, n_heads: 16, n_layers: 24 }],
  ['bert', encoder(30522)],
  ['roberta', encoder(50265)],
  ['xlm-roberta', encoder(30522)],
  ['camembert', encoder(30522)],
  [
    'distilbert',
    { vocab_size: 30522, max_position_embeddings: 512, n_layers: 6, dim: 768, hidden_dim: 3072, n_heads: 12 },
  ],
  ['t5', t5],
  [
    'mt5',
    { ...t5, vocab_size: 250112, d_ff: 1024, num_layers: 8, num_heads: 6, feed_forward_proj: 'gated-gelu' },
  ],
  ['bart', bart],
  ['mbart', bart],
  ['vit', { hidden_size: 768, num_hidden_layers: 12, num_attention_heads: 12, intermediate_size: 3072 }],
  [
    'whisper',
    {
      vocab_size: 51865,
      d_model: 384,
      encoder_layers: 4,
      decoder_layers: 4,
      encoder_ffn_dim: 1536,
      decoder_ffn_dim: 1536,
    },
  ],
]);

/** Names that stand for the same: a default counts only where none of them is there. */
const synonyms: readonly (readonly string[])[] = [
  ['hidden_size', 'n_embd', 'n_embed', 'd_model', 'dim', 'model_dim'],
  ['num_hidden_layers', 'n_layer', 'n_layers', 'num_layers'],
  ['num_attention_heads', 'n_head', 'n_heads', 'num_heads'],
  ['num_attention_heads', 'num_attention_heads_per_layer', 'num_query_heads'],
  ['num_key_value_heads', 'num_key_value_heads_per_layer', 'num_kv_heads', 'n_head_kv'],
  ['intermediate_size', 'intermediate_sizes', 'intermediate_size_per_layer', 'hidden_dim', 'ffn_dim'],
  ['max_position_embeddings', 'n_positions', 'n_ctx'],
];

/** Those without which a model has no size. */
const decisive: ReadonlySet<string> = new Set(synonyms.flat());

/**
 * The config with its family's defaults for what it leaves out. A figure that is null stays so: the class gives it a meaning of its
 * own, such as as many heads of keys as of queries.
 */
export function withFamilyDefaults(config: ModelConfig): ModelConfig {
  return config.withDefaults(missing(config));
}

/** Names of sizes that the config leaves out and its family's class fills in. */
export const filledIn = (config: ModelConfig): readonly string[] =>
  Object.keys(missing(config)).filter((name) => decisive.has(name) && name !== keyHeads);

function missing(config: ModelConfig): Defaults {
  const own = defaults.get(config.modelType ?? '') ?? {};
  // Sizes go together: a config that states some of its own and leaves out others is broken, unless it is a part of another one,
  // which is written as what differs from the defaults.
  const statesSizes = synonyms.slice(0, 2).some((names) => names.some((name) => config.states(name)));
  return Object.fromEntries(
    Object.entries(own).filter(([name, value]) => {
      if (config.states(name)) return false;
      const others = synonyms.find((names) => names.includes(name));
      if (others?.some((each) => config.states(each))) return false;
      if (name === keyHeads) return dividesHeads(config, Number(value));
      return others === undefined || !statesSizes || config.isNested;
    }),
  );
}

const keyHeads = 'num_key_value_heads';

/** Heads of keys that a class assumes fit its own heads, and perhaps not the stated ones. */
function dividesHeads(config: ModelConfig, kvHeads: number): boolean {
  const heads = config.countOf('num_attention_heads');
  return heads === undefined || heads % kvHeads === 0;
}
