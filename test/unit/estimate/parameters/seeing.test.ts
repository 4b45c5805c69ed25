/** Language models that see, towers, and later kin of BERT. Counts from model cards and file indexes. */
import { expect, it } from 'vitest';
import { modelParameters } from '../../../../src/estimate/modelParameters';
import { type Config, describeCounts, llama } from './counts';

const vision = { depth: 32, in_chans: 3, patch_size: 14, spatial_merge_size: 2, temporal_patch_size: 2 };
/** Gemma 3n's language model, whose towers are the same in both sizes. */
const gemma3n = (layers: number, width: number): Config => ({
  model_type: 'gemma3n_text',
  architectures: ['Gemma3nForCausalLM'],
  hidden_size: 2048,
  intermediate_size: Array.from({ length: layers }, () => width),
  num_hidden_layers: layers,
  num_attention_heads: 8,
  num_key_value_heads: 2,
  head_dim: 256,
  vocab_size: 262400,
});

it('counts the two of Gemma 3n as far apart as their files are, 7,849,978,192 and 5,439,438,272', () => {
  const [large, small] = [gemma3n(35, 16384), gemma3n(30, 8192)].map((config) => modelParameters(config));
  expect(large!.total - small!.total).toBe(7_849_978_192 - 5_439_438_272);
  // The card of the language model alone.
  expect((large!.total / 1e9).toFixed(2)).toBe('6.87');
  expect(large!.certainty).toBe('exact');
});

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
    'Mistral-Small-3.1-24B',
    {
      model_type: 'mistral3',
      architectures: ['Mistral3ForConditionalGeneration'],
      multimodal_projector_bias: false,
      spatial_merge_size: 2,
      text_config: {
        model_type: 'mistral',
        hidden_size: 5120,
        intermediate_size: 32768,
        num_hidden_layers: 40,
        head_dim: 128,
        vocab_size: 131072,
      },
      vision_config: {
        model_type: 'pixtral',
        hidden_size: 1024,
        intermediate_size: 4096,
        num_hidden_layers: 24,
        num_attention_heads: 16,
        patch_size: 14,
        image_size: 1540,
      },
    },
    24_011_361_280,
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
