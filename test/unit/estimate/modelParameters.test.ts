import { describe, expect, it } from 'vitest';
import { modelParameters } from '../../../src/estimate/modelParameters';

/**
 * Published configurations, shortened to the figures that decide, and published counts. Those with `source` were read
 * in the model's card or in the metadata of its file; the others follow from them by the family's published code.
 */
const llama = (
  hidden: number,
  width: number,
  layers: number,
  heads: number,
  kv: number,
  vocabulary: number,
) => ({
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  hidden_size: hidden,
  intermediate_size: width,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: kv,
  vocab_size: vocabulary,
});

const cases: readonly (readonly [string, Record<string, unknown>, number])[] = [
  ['Llama-3-8B', llama(4096, 14336, 32, 32, 8, 128256), 8_030_261_248],
  ['Llama-2-7B', llama(4096, 11008, 32, 32, 32, 32000), 6_738_415_616],
  ['Llama-3-70B', llama(8192, 28672, 80, 64, 8, 128256), 70_553_706_496],
  [
    'Llama-3.2-1B',
    { ...llama(2048, 8192, 16, 32, 8, 128256), head_dim: 64, tie_word_embeddings: true },
    1_235_814_400,
  ],
  [
    'Mistral-7B',
    { ...llama(4096, 14336, 32, 32, 8, 32000), model_type: 'mistral', architectures: ['MistralForCausalLM'] },
    7_241_732_096,
  ],
  [
    'Mistral-Nemo, whose heads are narrower than hidden / heads',
    { ...llama(5120, 14336, 40, 32, 8, 131072), model_type: 'mistral', head_dim: 128 },
    12_247_782_400,
  ],
  [
    'Mixtral-8x7B',
    { ...llama(4096, 14336, 32, 32, 8, 32000), model_type: 'mixtral', num_local_experts: 8 },
    46_702_792_704,
  ],
  [
    'Qwen2.5-0.5B',
    { ...llama(896, 4864, 24, 14, 2, 151936), model_type: 'qwen2', tie_word_embeddings: true },
    494_032_768,
  ],
  ['Qwen2.5-7B', { ...llama(3584, 18944, 28, 28, 4, 152064), model_type: 'qwen2' }, 7_615_616_512],
  [
    'Qwen1.5-MoE-A2.7B',
    {
      ...llama(2048, 5632, 24, 16, 16, 151936),
      model_type: 'qwen2_moe',
      num_experts: 60,
      moe_intermediate_size: 1408,
      shared_expert_intermediate_size: 5632,
      decoder_sparse_step: 1,
    },
    14_315_784_192,
  ],
  [
    'Qwen3-8B',
    { ...llama(4096, 12288, 36, 32, 8, 151936), model_type: 'qwen3', head_dim: 128 },
    8_190_735_360,
  ],
  [
    'Qwen3-30B-A3B',
    {
      ...llama(2048, 6144, 48, 32, 4, 151936),
      model_type: 'qwen3_moe',
      head_dim: 128,
      num_experts: 128,
      moe_intermediate_size: 768,
      decoder_sparse_step: 1,
      mlp_only_layers: [],
    },
    30_532_122_624,
  ],
  [
    'Gemma-7B',
    { ...llama(3072, 24576, 28, 16, 16, 256000), model_type: 'gemma', head_dim: 256 },
    8_537_680_896,
  ],
  [
    'Gemma-2B',
    { ...llama(2048, 16384, 18, 8, 1, 256000), model_type: 'gemma', head_dim: 256 },
    2_506_172_416,
  ],
  [
    'Gemma-2-9B',
    { ...llama(3584, 14336, 42, 16, 8, 256000), model_type: 'gemma2', head_dim: 256 },
    9_241_705_984,
  ],
  [
    'Gemma-3-1B',
    { ...llama(1152, 6912, 26, 4, 1, 262144), model_type: 'gemma3_text', head_dim: 256 },
    999_885_952,
  ],
  [
    'Gemma-3-4B with its vision tower, whose config leaves out what is usual',
    {
      model_type: 'gemma3',
      architectures: ['Gemma3ForConditionalGeneration'],
      text_config: {
        model_type: 'gemma3_text',
        hidden_size: 2560,
        intermediate_size: 10240,
        num_hidden_layers: 34,
      },
      vision_config: {
        hidden_size: 1152,
        image_size: 896,
        intermediate_size: 4304,
        num_attention_heads: 16,
        num_hidden_layers: 27,
        patch_size: 14,
      },
    },
    4_300_079_472,
  ],
  ['Phi-3-mini', { ...llama(3072, 8192, 32, 32, 32, 32064), model_type: 'phi3' }, 3_821_079_552],
  ['Phi-2', { ...llama(2560, 10240, 32, 32, 32, 51200), model_type: 'phi' }, 2_779_683_840],
  [
    'DeepSeek-V3 without the layer for further tokens',
    {
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
      num_nextn_predict_layers: 1,
    },
    671_026_419_200,
  ],
  [
    'DeepSeek-V2-Lite, without a latent for queries',
    {
      model_type: 'deepseek_v2',
      hidden_size: 2048,
      intermediate_size: 10944,
      moe_intermediate_size: 1408,
      num_hidden_layers: 27,
      num_attention_heads: 16,
      vocab_size: 102400,
      q_lora_rank: null,
      kv_lora_rank: 512,
      qk_nope_head_dim: 128,
      qk_rope_head_dim: 64,
      v_head_dim: 128,
      n_routed_experts: 64,
      n_shared_experts: 2,
      first_k_dense_replace: 1,
    },
    15_706_484_224,
  ],
  [
    'GPT-2',
    {
      model_type: 'gpt2',
      architectures: ['GPT2LMHeadModel'],
      n_embd: 768,
      n_layer: 12,
      n_head: 12,
      n_positions: 1024,
      vocab_size: 50257,
    },
    124_439_808,
  ],
  [
    'GPT-2 XL',
    { model_type: 'gpt2', n_embd: 1600, n_layer: 48, n_head: 25, n_positions: 1024, vocab_size: 50257 },
    1_557_611_200,
  ],
  [
    'Pythia-6.9B',
    {
      model_type: 'gpt_neox',
      hidden_size: 4096,
      intermediate_size: 16384,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      vocab_size: 50432,
    },
    6_857_302_016,
  ],
  [
    'Falcon-7B',
    {
      model_type: 'falcon',
      hidden_size: 4544,
      num_hidden_layers: 32,
      num_attention_heads: 71,
      vocab_size: 65024,
      multi_query: true,
      parallel_attn: true,
    },
    6_921_720_704,
  ],
  [
    'Falcon-40B',
    {
      model_type: 'falcon',
      hidden_size: 8192,
      num_hidden_layers: 60,
      num_attention_heads: 128,
      num_kv_heads: 8,
      new_decoder_architecture: true,
      vocab_size: 65024,
    },
    41_303_293_952,
  ],
  [
    'OPT-125m',
    {
      model_type: 'opt',
      hidden_size: 768,
      ffn_dim: 3072,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      max_position_embeddings: 2048,
      vocab_size: 50272,
      word_embed_proj_dim: 768,
      do_layer_norm_before: true,
    },
    125_239_296,
  ],
  [
    'OPT-350m',
    {
      model_type: 'opt',
      hidden_size: 1024,
      ffn_dim: 4096,
      num_hidden_layers: 24,
      num_attention_heads: 16,
      max_position_embeddings: 2048,
      vocab_size: 50272,
      word_embed_proj_dim: 512,
      do_layer_norm_before: false,
    },
    331_196_416,
  ],
  [
    'BLOOM-560m',
    { model_type: 'bloom', hidden_size: 1024, n_layer: 24, n_head: 16, vocab_size: 250880 },
    559_214_592,
  ],
  [
    'MPT-7B',
    { model_type: 'mpt', d_model: 4096, n_layers: 32, n_heads: 32, vocab_size: 50432 },
    6_649_286_656,
  ],
  [
    'BERT base',
    {
      model_type: 'bert',
      hidden_size: 768,
      intermediate_size: 3072,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      max_position_embeddings: 512,
      type_vocab_size: 2,
      vocab_size: 30522,
    },
    109_482_240,
  ],
  [
    'BERT base with the heads that it was trained with',
    {
      model_type: 'bert',
      architectures: ['BertForPreTraining'],
      hidden_size: 768,
      intermediate_size: 3072,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      max_position_embeddings: 512,
      type_vocab_size: 2,
      vocab_size: 30522,
    },
    110_106_428,
  ],
  [
    'DistilBERT',
    {
      model_type: 'distilbert',
      dim: 768,
      hidden_dim: 3072,
      n_layers: 6,
      n_heads: 12,
      max_position_embeddings: 512,
      vocab_size: 30522,
    },
    66_362_880,
  ],
  [
    'RoBERTa base',
    {
      model_type: 'roberta',
      architectures: ['RobertaModel'],
      hidden_size: 768,
      intermediate_size: 3072,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      max_position_embeddings: 514,
      type_vocab_size: 1,
      vocab_size: 50265,
    },
    124_645_632,
  ],
  [
    'T5 small',
    {
      model_type: 't5',
      architectures: ['T5ForConditionalGeneration'],
      d_model: 512,
      d_kv: 64,
      d_ff: 2048,
      num_layers: 6,
      num_heads: 8,
      vocab_size: 32128,
      relative_attention_num_buckets: 32,
    },
    60_506_624,
  ],
  [
    'Flan-T5 base, gated and with a head of its own',
    {
      model_type: 't5',
      architectures: ['T5ForConditionalGeneration'],
      d_model: 768,
      d_kv: 64,
      d_ff: 2048,
      num_layers: 12,
      num_decoder_layers: 12,
      num_heads: 12,
      vocab_size: 32128,
      feed_forward_proj: 'gated-gelu',
      tie_word_embeddings: false,
    },
    247_577_856,
  ],
  [
    'ViT-B/16',
    {
      model_type: 'vit',
      architectures: ['ViTModel'],
      hidden_size: 768,
      intermediate_size: 3072,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      image_size: 224,
      patch_size: 16,
    },
    86_389_248,
  ],
  [
    'CLIP ViT-B/32',
    {
      model_type: 'clip',
      architectures: ['CLIPModel'],
      projection_dim: 512,
      text_config: {},
      vision_config: {},
    },
    151_277_313,
  ],
  [
    'CLIP ViT-L/14',
    {
      model_type: 'clip',
      architectures: ['CLIPModel'],
      projection_dim: 768,
      text_config: { hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12 },
      vision_config: {
        hidden_size: 1024,
        intermediate_size: 4096,
        num_attention_heads: 16,
        num_hidden_layers: 24,
        patch_size: 14,
      },
    },
    427_616_513,
  ],
  [
    'Whisper tiny',
    {
      model_type: 'whisper',
      d_model: 384,
      encoder_layers: 4,
      decoder_layers: 4,
      encoder_attention_heads: 6,
      encoder_ffn_dim: 1536,
      decoder_ffn_dim: 1536,
      num_mel_bins: 80,
      vocab_size: 51865,
    },
    37_760_640,
  ],
  [
    'Whisper large v3',
    {
      model_type: 'whisper',
      d_model: 1280,
      encoder_layers: 32,
      decoder_layers: 32,
      encoder_attention_heads: 20,
      encoder_ffn_dim: 5120,
      decoder_ffn_dim: 5120,
      num_mel_bins: 128,
      vocab_size: 51866,
    },
    1_543_490_560,
  ],
  [
    'gpt-oss-20b',
    {
      model_type: 'gpt_oss',
      architectures: ['GptOssForCausalLM'],
      hidden_size: 2880,
      intermediate_size: 2880,
      num_hidden_layers: 24,
      num_attention_heads: 64,
      num_key_value_heads: 8,
      head_dim: 64,
      attention_bias: true,
      num_local_experts: 32,
      vocab_size: 201088,
    },
    20_914_757_184,
  ],
];

describe('the parameters of a config', () => {
  it.each(cases)('%s', (_, config, total) => {
    const counted = modelParameters(config);
    expect(counted.total).toBe(total);
    expect(counted.certainty).toBe('exact');
  });

  it('counts an unknown family as one like Llama, and says so', () => {
    const { total, certainty, notes } = modelParameters({
      ...llama(4096, 14336, 32, 32, 8, 128256),
      model_type: 'newest',
    });
    expect(total).toBe(8_030_261_248);
    expect(certainty).toBe('approximate');
    expect(notes).toEqual(['model_type "newest" is not known: counted as if it were built like Llama.']);
  });

  it('names the figure that is missing or is none', () => {
    expect(() => modelParameters({ model_type: 'llama', hidden_size: 8 })).toThrow(
      'The config says nothing of "num_attention_heads".',
    );
    const config = { ...llama(4096, 14336, 32, 32, 8, 128256), vocab_size: '128k' };
    expect(() => modelParameters(config)).toThrow(
      '"vocab_size" should be a whole number from 0 to 2^31, and is "128k".',
    );
    expect(() => modelParameters({ model_type: 'unheard-of' })).toThrow('says nothing of');
  });

  it('does not loop by what a config claims', () => {
    const huge = llama(2 ** 31, 2 ** 31, 2 ** 31, 1, 1, 2 ** 31);
    expect(() => modelParameters(huge)).toThrow('more than 2^53');
  });
});
