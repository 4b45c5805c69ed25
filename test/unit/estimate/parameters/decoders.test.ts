import { type Config, describeCounts, llama } from './counts';

const gemma3 = (text: Config): Config => ({
  model_type: 'gemma3',
  architectures: ['Gemma3ForConditionalGeneration'],
  text_config: { model_type: 'gemma3_text', ...text },
  vision_config: {
    hidden_size: 1152,
    image_size: 896,
    intermediate_size: 4304,
    num_attention_heads: 16,
    num_hidden_layers: 27,
    patch_size: 14,
  },
});

describeCounts('decoders built like Llama', [
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
    'Qwen2.5-0.5B',
    { ...llama(896, 4864, 24, 14, 2, 151936), model_type: 'qwen2', tie_word_embeddings: true },
    494_032_768,
  ],
  ['Qwen2.5-7B', { ...llama(3584, 18944, 28, 28, 4, 152064), model_type: 'qwen2' }, 7_615_616_512],
  [
    'Qwen3-8B',
    { ...llama(4096, 12288, 36, 32, 8, 151936), model_type: 'qwen3', head_dim: 128 },
    8_190_735_360,
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
    gemma3({ hidden_size: 2560, intermediate_size: 10240, num_hidden_layers: 34 }),
    4_300_079_472,
  ],
  ['Phi-3-mini', { ...llama(3072, 8192, 32, 32, 32, 32064), model_type: 'phi3' }, 3_821_079_552],

  ['Llama-2-13B', llama(5120, 13824, 40, 40, 40, 32000), 13_015_864_320],
  ['Llama-2-70B', llama(8192, 28672, 80, 64, 8, 32000), 68_976_648_192],
  ['Llama-3.1-405B', llama(16384, 53248, 126, 128, 8, 128256), 405_853_388_800],
  [
    'Llama-3.2-3B',
    llama(3072, 8192, 28, 24, 8, 128256, { head_dim: 128, tie_word_embeddings: true }),
    3_212_749_824,
  ],
  ['TinyLlama-1.1B', llama(2048, 5632, 22, 32, 4, 32000), 1_100_048_384],
  ['SmolLM2-135M', llama(576, 1536, 30, 9, 3, 49152, { tie_word_embeddings: true }), 134_515_008],
  ['Yi-6B', llama(4096, 11008, 32, 32, 4, 64000), 6_061_035_520],
  ['Yi-34B', llama(7168, 20480, 60, 56, 8, 64000), 34_388_917_248],
  ['CodeLlama-34B', llama(8192, 22016, 48, 64, 8, 32000), 33_743_970_304],
  ['Mistral-7B-v0.3', llama(4096, 14336, 32, 32, 8, 32768, { model_type: 'mistral' }), 7_248_023_552],
  [
    'Mistral-Small-24B',
    llama(5120, 32768, 40, 32, 8, 131072, { model_type: 'mistral', head_dim: 128 }),
    23_572_403_200,
  ],
  [
    'Mistral-Large',
    llama(12288, 28672, 88, 96, 8, 32768, { model_type: 'mistral', head_dim: 128 }),
    122_610_069_504,
  ],
  [
    'Qwen2.5-1.5B',
    llama(1536, 8960, 28, 12, 2, 151936, { model_type: 'qwen2', tie_word_embeddings: true }),
    1_543_714_304,
  ],
  [
    'Qwen2.5-3B',
    llama(2048, 11008, 36, 16, 2, 151936, { model_type: 'qwen2', tie_word_embeddings: true }),
    3_085_938_688,
  ],
  ['Qwen2.5-14B', llama(5120, 13824, 48, 40, 8, 152064, { model_type: 'qwen2' }), 14_770_033_664],
  ['Qwen2.5-32B', llama(5120, 27648, 64, 40, 8, 152064, { model_type: 'qwen2' }), 32_763_876_352],
  ['Qwen2.5-72B', llama(8192, 29568, 80, 64, 8, 152064, { model_type: 'qwen2' }), 72_706_203_648],
  [
    'Qwen3-0.6B',
    llama(1024, 3072, 28, 16, 8, 151936, { model_type: 'qwen3', head_dim: 128, tie_word_embeddings: true }),
    596_049_920,
  ],
  [
    'Qwen3-1.7B',
    llama(2048, 6144, 28, 16, 8, 151936, { model_type: 'qwen3', head_dim: 128, tie_word_embeddings: true }),
    1_720_574_976,
  ],
  [
    'Qwen3-4B',
    llama(2560, 9728, 36, 32, 8, 151936, { model_type: 'qwen3', head_dim: 128, tie_word_embeddings: true }),
    4_022_468_096,
  ],
  [
    'Qwen3-14B',
    llama(5120, 17408, 40, 40, 8, 151936, { model_type: 'qwen3', head_dim: 128 }),
    14_768_307_200,
  ],
  [
    'Qwen3-32B',
    llama(5120, 25600, 64, 64, 8, 151936, { model_type: 'qwen3', head_dim: 128 }),
    32_762_123_264,
  ],
  ['Gemma-2-2B', llama(2304, 9216, 26, 8, 4, 256000, { model_type: 'gemma2', head_dim: 256 }), 2_614_341_888],
  [
    'Gemma-2-27B',
    llama(4608, 36864, 46, 32, 16, 256000, { model_type: 'gemma2', head_dim: 128 }),
    27_227_128_320,
  ],
  [
    'Gemma-3-270M',
    llama(640, 2048, 18, 4, 1, 262144, { model_type: 'gemma3_text', head_dim: 256 }),
    268_098_176,
  ],
  [
    'Gemma-3-12B',
    gemma3({
      hidden_size: 3840,
      intermediate_size: 15360,
      num_attention_heads: 16,
      num_hidden_layers: 48,
      num_key_value_heads: 8,
    }),
    12_187_325_040,
  ],
  [
    'Gemma-3-27B',
    gemma3({
      hidden_size: 5376,
      intermediate_size: 21504,
      num_attention_heads: 32,
      num_hidden_layers: 62,
      num_key_value_heads: 16,
      head_dim: 128,
    }),
    27_432_406_640,
  ],
  ['Phi-3-medium', llama(5120, 17920, 40, 40, 10, 32064, { model_type: 'phi3' }), 13_960_238_080],
  ['Phi-4', llama(5120, 17920, 40, 40, 10, 100352, { model_type: 'phi3' }), 14_659_507_200],
  [
    'Phi-4-mini',
    llama(3072, 8192, 32, 24, 8, 200064, { model_type: 'phi3', tie_word_embeddings: true }),
    3_836_021_760,
  ],
  ['OLMo-7B', llama(4096, 11008, 32, 32, 32, 50304, { model_type: 'olmo' }), 6_888_095_744],
  ['OLMo-2-7B', llama(4096, 11008, 32, 32, 32, 100352, { model_type: 'olmo2' }), 7_298_617_344],
  ['StableLM-3B', llama(2560, 6912, 32, 32, 32, 50304, { model_type: 'stablelm' }), 2_795_443_200],
  [
    'StarCoder2-3B',
    llama(3072, 12288, 30, 24, 2, 49152, { model_type: 'starcoder2', use_bias: true }),
    3_030_371_328,
  ],
  [
    'Command R',
    llama(8192, 22528, 40, 64, 64, 256000, { model_type: 'cohere', tie_word_embeddings: true }),
    34_980_831_232,
  ],
]);
