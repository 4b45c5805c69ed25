/** Bytes that the indexes of published models state, and those of a quantized one that llama.cpp told of. */
import { configMixSizes } from '../../src/engine/memory/mixSizes';
import { estimateMemory } from '../../src/estimate/memoryEstimate';
import { sourceFromConfig } from '../../src/estimate/memorySource';
import type { EstimateCase } from './estimateCases';
import { gptOss20b, qwen7 } from './modelConfigs';

type Config = Readonly<Record<string, unknown>>;

const weightsOf = (config: Config): number => estimateMemory(sourceFromConfig(config), {}).weights.bytes;
const mixOf = (config: Config, mix: string): number =>
  configMixSizes({
    max_position_embeddings: 32768,
    rms_norm_eps: 1e-6,
    rope_theta: 1e6,
    ...config,
  }).sizes.find(({ label }) => label === mix)!.bytes;

const granite: Config = {
  model_type: 'granitemoe',
  torch_dtype: 'float32',
  hidden_size: 1024,
  intermediate_size: 512,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  num_key_value_heads: 8,
  num_local_experts: 32,
  tie_word_embeddings: true,
  vocab_size: 49155,
};
const qwen14: Config = {
  model_type: 'qwen2',
  torch_dtype: 'bfloat16',
  hidden_size: 5120,
  intermediate_size: 13824,
  num_hidden_layers: 48,
  num_attention_heads: 40,
  num_key_value_heads: 8,
  vocab_size: 152064,
};

const index = 'index of its files';

export const indexCases: readonly EstimateCase[] = [
  {
    what: 'files of Granite-3.1-1B-A400M in float32',
    unit: 'bytes',
    published: 5_338_513_408,
    ours: weightsOf(granite),
    source: index,
  },
  {
    what: 'files of gpt-oss-20b, experts in MXFP4',
    unit: 'bytes',
    published: 13_761_264_768,
    ours: weightsOf({
      ...gptOss20b,
      torch_dtype: 'bfloat16',
      quantization_config: { quant_method: 'mxfp4' },
    }),
    source: index,
  },
  {
    what: 'files of Qwen2.5-14B in 3 bits, MLX',
    unit: 'bytes',
    published: 6_463_203_328,
    ours: weightsOf({ ...qwen14, quantization: { group_size: 64, bits: 3 } }),
    source: index,
  },
  {
    what: 'weights of Qwen2.5-7B as Q4_K_M, llama.cpp, on the GPU and the processor',
    unit: 'MiB',
    published: 4168.09 + 292.36,
    ours: mixOf({ ...qwen7, architectures: ['Qwen2ForCausalLM'] }, 'Q4_K_M') / 2 ** 20,
    source: 'a log that was published',
  },
];
