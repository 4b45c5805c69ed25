/** Families that came later, and configs that leave out what their classes fill in. Counts from model cards and file indexes. */
import { describe, expect, it } from 'vitest';
import { modelParameters } from '../../../../src/estimate/modelParameters';
import { type Config, type CountCase, describeCounts, llama } from './counts';

const linear = {
  full_attention_interval: 4,
  head_dim: 256,
  linear_conv_kernel_dim: 4,
  linear_key_head_dim: 128,
  linear_num_key_heads: 16,
  linear_num_value_heads: 32,
  linear_value_head_dim: 128,
};

describeCounts('mixtures of experts of later families', [
  [
    'Granite-3.1-1B-A400M: 5,338,513,408 bytes of float32 in its index',
    llama(1024, 512, 24, 16, 8, 49155, {
      model_type: 'granitemoe',
      num_local_experts: 32,
      tie_word_embeddings: true,
    }),
    1_334_628_352,
  ],
  [
    'Granite-4.0-H-Tiny, most of whose layers are Mamba 2',
    llama(1536, 512, 40, 12, 4, 100352, {
      model_type: 'granitemoehybrid',
      shared_intermediate_size: 1024,
      num_local_experts: 64,
      mamba_d_state: 128,
      mamba_n_heads: 48,
      mamba_d_head: 64,
      mamba_n_groups: 1,
      mamba_expand: 2,
      mamba_d_conv: 4,
      tie_word_embeddings: true,
      layer_types: Array.from({ length: 40 }, (_, at) => (at % 10 === 5 ? 'attention' : 'mamba')),
    }),
    6_939_037_248,
  ],
  [
    'Qwen3-Next-80B-A3B',
    {
      ...llama(2048, 5120, 48, 16, 2, 151936),
      ...linear,
      model_type: 'qwen3_next',
      moe_intermediate_size: 512,
      num_experts: 512,
      shared_expert_intermediate_size: 512,
    },
    79_674_391_296,
  ],
  [
    'Qwen3.5-35B-A3B with half of its experts: 37,087,995,136 bytes of float16 in its index',
    {
      ...linear,
      model_type: 'qwen3_5_moe_text',
      architectures: ['Qwen3_5MoeForCausalLM'],
      hidden_size: 2048,
      num_hidden_layers: 40,
      num_attention_heads: 16,
      num_key_value_heads: 2,
      vocab_size: 248320,
      mlp_only_layers: [],
      moe_intermediate_size: 512,
      num_experts: 128,
      shared_expert_intermediate_size: 512,
      tie_word_embeddings: false,
    },
    37_087_995_136 / 2,
  ],
  [
    'Llama-4-Scout with its vision tower',
    {
      model_type: 'llama4',
      architectures: ['Llama4ForConditionalGeneration'],
      text_config: {
        ...llama(5120, 8192, 48, 40, 8, 202048),
        model_type: 'llama4_text',
        intermediate_size_mlp: 16384,
        head_dim: 128,
        interleave_moe_layer_step: 1,
        num_local_experts: 16,
      },
      vision_config: {
        hidden_size: 1408,
        image_size: 336,
        intermediate_size: 5632,
        num_hidden_layers: 34,
        patch_size: 14,
        projector_input_dim: 4096,
        projector_output_dim: 4096,
        vision_output_dim: 4096,
      },
    },
    108_641_793_536,
  ],
  [
    'GLM-4.5-Air',
    llama(4096, 10944, 46, 96, 8, 151552, {
      model_type: 'glm4_moe',
      attention_bias: true,
      head_dim: 128,
      first_k_dense_replace: 1,
      moe_intermediate_size: 1408,
      n_routed_experts: 128,
      n_shared_experts: 1,
    }),
    106_852_251_264,
  ],
  [
    'MiniMax-M2, with the bias of each layer that balances its experts',
    llama(3072, 1536, 62, 48, 8, 200064, {
      model_type: 'minimax_m2',
      head_dim: 128,
      num_local_experts: 256,
      use_qk_norm: true,
    }),
    228_689_748_992 + 62 * 256,
  ],
  [
    'ERNIE-4.5-21B-A3B',
    llama(2560, 12288, 28, 20, 4, 103424, {
      model_type: 'ernie4_5_moe',
      moe_intermediate_size: 1536,
      moe_num_experts: 64,
      moe_num_shared_experts: 2,
      moe_layer_start_index: 1,
      tie_word_embeddings: true,
    }),
    21_825_437_888,
  ],
  [
    'DBRX, whose figures stand in objects of their own',
    {
      model_type: 'dbrx',
      architectures: ['DbrxForCausalLM'],
      d_model: 6144,
      n_heads: 48,
      n_layers: 40,
      vocab_size: 100352,
      attn_config: { kv_n_heads: 8 },
      ffn_config: { ffn_hidden_size: 10752, moe_num_experts: 16, moe_top_k: 4 },
    },
    131_596_523_520,
  ],
]);

describeCounts('decoders of later families', [
  [
    'Granite-3B-Code, with biases everywhere: 6,965,007,360 bytes in its index',
    llama(2560, 10240, 32, 32, 32, 49152, {
      attention_bias: true,
      mlp_bias: true,
      tie_word_embeddings: true,
    }),
    6_965_007_360 / 2,
  ],
  [
    'Qwen3.5-2B without its tower: 1,881,825,088 in the metadata of its index',
    {
      ...linear,
      model_type: 'qwen3_5_text',
      architectures: ['Qwen3_5ForCausalLM'],
      hidden_size: 2048,
      intermediate_size: 6144,
      num_hidden_layers: 24,
      num_attention_heads: 8,
      num_key_value_heads: 2,
      linear_num_value_heads: 16,
      vocab_size: 248320,
      tie_word_embeddings: true,
    },
    1_881_825_088,
  ],
  [
    'LFM2-1.2B, most of whose layers are short convolutions',
    {
      ...llama(2048, 12288, 16, 32, 8, 65536),
      model_type: 'lfm2',
      block_ff_dim: 12288,
      block_multiple_of: 256,
      conv_L_cache: 3,
      tie_word_embeddings: true,
      layer_types: Array.from({ length: 16 }, (_, at) =>
        [2, 5, 8, 10, 12, 14].includes(at) ? 'full_attention' : 'conv',
      ),
    },
    1_170_340_608,
  ],
  [
    'GLM-4-9B',
    llama(4096, 13696, 40, 32, 2, 151552, { model_type: 'glm4', head_dim: 128, attention_bias: true }),
    9_400_279_040,
  ],
  [
    'Seed-OSS-36B',
    llama(5120, 27648, 64, 80, 8, 155136, {
      model_type: 'seed_oss',
      head_dim: 128,
      attention_bias: true,
      attention_out_bias: false,
    }),
    36_151_104_512,
  ],
  [
    'EXAONE-3.5-7.8B',
    {
      model_type: 'exaone',
      architectures: ['ExaoneForCausalLM'],
      hidden_size: 4096,
      intermediate_size: 14336,
      num_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      vocab_size: 102400,
    },
    7_818_448_896,
  ],
  ['Baichuan2-7B', llama(4096, 11008, 32, 32, 32, 125696, { model_type: 'baichuan' }), 7_505_973_248],
  [
    'ChatGLM3-6B',
    {
      model_type: 'chatglm',
      architectures: ['ChatGLMModel'],
      hidden_size: 4096,
      ffn_hidden_size: 13696,
      num_layers: 28,
      num_attention_heads: 32,
      multi_query_attention: true,
      multi_query_group_num: 2,
      padded_vocab_size: 65024,
      kv_channels: 128,
      add_qkv_bias: true,
      add_bias_linear: false,
    },
    // Its class is called a model and has the head nevertheless.
    6_243_584_000,
  ],
  ['Qwen-7B', llama(4096, 22016, 32, 32, 32, 151936, { model_type: 'qwen' }), 7_721_324_544],
  ['Falcon-7B of defaults alone', { model_type: 'falcon' }, 6_921_720_704],
]);

const vision = { depth: 32, in_chans: 3, patch_size: 14, spatial_merge_size: 2, temporal_patch_size: 2 };
describeCounts('language models that see', [
  [
    'Qwen2-VL-7B',
    {
      ...llama(3584, 18944, 28, 28, 4, 152064),
      model_type: 'qwen2_vl',
      architectures: ['Qwen2VLForConditionalGeneration'],
      vision_config: { ...vision, embed_dim: 1280, mlp_ratio: 4, hidden_size: 3584 },
    },
    8_291_375_616,
  ],
  [
    'Qwen2.5-VL-7B',
    {
      ...llama(3584, 18944, 28, 28, 4, 152064),
      model_type: 'qwen2_5_vl',
      architectures: ['Qwen2_5_VLForConditionalGeneration'],
      vision_config: { ...vision, hidden_size: 1280, intermediate_size: 3420, out_hidden_size: 3584 },
    },
    8_292_166_656,
  ],
  [
    'Qwen3-VL-8B',
    {
      model_type: 'qwen3_vl',
      architectures: ['Qwen3VLForConditionalGeneration'],
      text_config: {
        model_type: 'qwen3_vl_text',
        hidden_size: 4096,
        intermediate_size: 12288,
        num_hidden_layers: 36,
        num_attention_heads: 32,
        num_key_value_heads: 8,
        head_dim: 128,
        vocab_size: 151936,
      },
      vision_config: {
        depth: 27,
        hidden_size: 1152,
        intermediate_size: 4304,
        out_hidden_size: 4096,
        patch_size: 16,
        num_position_embeddings: 2304,
        deepstack_visual_indexes: [8, 16, 24],
      },
    },
    8_767_123_696,
  ],
  [
    'LLaVA-1.5-7B, whose config leaves the language model to the defaults of Llama',
    {
      model_type: 'llava',
      architectures: ['LlavaForConditionalGeneration'],
      text_config: { model_type: 'llama', max_position_embeddings: 4096, vocab_size: 32064 },
      vision_config: {
        model_type: 'clip_vision_model',
        hidden_size: 1024,
        image_size: 336,
        intermediate_size: 4096,
        num_attention_heads: 16,
        num_hidden_layers: 24,
        patch_size: 14,
        projection_dim: 768,
        vocab_size: 32000,
      },
    },
    7_063_427_072,
  ],
]);

const encoder = (type: string, className: string, vocabulary: number, more: Config): Config => ({
  model_type: type,
  architectures: [className],
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  vocab_size: vocabulary,
  ...more,
});

describeCounts('the kin of BERT, and towers', [
  [
    'ALBERT base v2, whose layers are one',
    encoder('albert', 'AlbertForMaskedLM', 30000, { embedding_size: 128, max_position_embeddings: 512 }),
    11_221_680,
  ],
  [
    'ELECTRA base: BERT base without its pooler, and what tells words that were replaced',
    encoder('electra', 'ElectraForPreTraining', 30522, { embedding_size: 768 }),
    109_482_240 - 590_592 + 590_592 + 769,
  ],
  [
    'MPNet base',
    encoder('mpnet', 'MPNetModel', 30527, {
      max_position_embeddings: 514,
      relative_attention_num_buckets: 32,
    }),
    109_486_464,
  ],
  [
    'DeBERTa v3 base',
    encoder('deberta-v2', 'DebertaV2Model', 128100, {
      type_vocab_size: 0,
      position_buckets: 256,
      relative_attention: true,
      pos_att_type: 'p2c|c2p',
      norm_rel_ebd: 'layer_norm',
      share_att_key: true,
      position_biased_input: false,
    }),
    183_831_552,
  ],
  [
    'ModernBERT base',
    encoder('modernbert', 'ModernBertForMaskedLM', 50368, { intermediate_size: 1152, num_hidden_layers: 22 }),
    149_655_232,
  ],
  [
    'NLLB-200, 600M',
    {
      model_type: 'm2m_100',
      architectures: ['M2M100ForConditionalGeneration'],
      d_model: 1024,
      encoder_layers: 12,
      decoder_layers: 12,
      encoder_ffn_dim: 4096,
      decoder_ffn_dim: 4096,
      vocab_size: 256206,
    },
    615_073_792,
  ],
  [
    'SigLIP base, whose config leaves out everything',
    { model_type: 'siglip', architectures: ['SiglipModel'], text_config: {}, vision_config: {} },
    203_155_970,
  ],
  [
    'DINOv2 base',
    encoder('dinov2', 'Dinov2Model', 0, { mlp_ratio: 4, patch_size: 14, image_size: 518 }),
    86_580_480,
  ],
]);

/** A family's defaults are those of the model after which it was made. */
const bare: readonly CountCase[] = [
  ['bert', { architectures: ['BertModel'] }, 109_482_240],
  ['distilbert', {}, 66_362_880],
  ['t5', {}, 60_506_624],
  ['whisper', {}, 37_760_640],
  ['mistral', {}, 7_241_732_096],
  ['mixtral', {}, 46_702_792_704],
  ['opt', {}, 125_239_296],
  ['gpt_neox', {}, 20_554_567_680],
  ['llama', {}, 6_738_415_616],
  ['bloom', { hidden_size: 4096, n_layer: 30, n_head: 32 }, 7_069_016_064],
];

describe('configs of nothing but their family', () => {
  it.each(bare)('%s', (family, rest, count) => {
    expect(modelParameters({ model_type: family, ...rest }).total).toBe(count);
  });

  it('takes null for what the class makes of it', () => {
    const config = llama(4096, 14336, 32, 32, 8, 32000, { model_type: 'mistral' });
    const { num_key_value_heads: _, ...without } = config;
    expect(modelParameters(without).total).toBe(7_241_732_096);
    const all = modelParameters({ ...config, num_key_value_heads: null });
    expect(all.total).toBe(7_241_732_096 + 32 * 2 * 4096 * (4096 - 1024));
  });
});
