/** Published figures of memory, where they were published, and what Tensor Loupe says: docs/estimates.md is made of them. */
import { cachePlan } from '../../src/estimate/cachePlan';
import { type ComputeShape, computeMemory } from '../../src/estimate/computeBuffers';
import { footprintOf } from '../../src/estimate/footprint';
import { kvCache } from '../../src/estimate/kvCache';
import { modelParameters } from '../../src/estimate/modelParameters';
import { adapterParameters, trainingMemory } from '../../src/estimate/training';
import { indexCases } from './indexCases';
import { distilbertOfEmotions, gpt2, llama3, mistral, qwen7 } from './modelConfigs';

export interface EstimateCase {
  readonly what: string;
  readonly unit: string;
  readonly published: number;
  readonly ours: number;
  readonly source: string;
}

type Config = Readonly<Record<string, unknown>>;

const mebi = 2 ** 20;
const falcon7: Config = {
  model_type: 'falcon',
  hidden_size: 4544,
  num_hidden_layers: 32,
  num_attention_heads: 71,
  vocab_size: 65024,
};
const bert: Config = {
  model_type: 'bert',
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  max_position_embeddings: 512,
  vocab_size: 28996,
};
const gptOss: Config = {
  model_type: 'gpt_oss',
  hidden_size: 2880,
  num_hidden_layers: 36,
  num_attention_heads: 64,
  num_key_value_heads: 8,
  head_dim: 64,
};

const parameters = (config: Config): number => modelParameters(config).total;

const cacheMebi = (config: Config, context: number): number =>
  kvCache(cachePlan(config), { runtime: 'llama.cpp', context, batch: 1, keyDtype: 'f16' }).bytes / mebi;

const shapeOf = (config: Config): ComputeShape => ({
  hidden: config.hidden_size as number,
  heads: config.num_attention_heads as number,
  vocabulary: config.vocab_size as number,
  feedForward: config.intermediate_size as number,
});

function buffersMebi(
  config: Config,
  context: number,
  flashAttention: boolean,
): { device: number; host: number } {
  const shape = shapeOf(config);
  const setting = { runtime: 'llama.cpp', context, batch: 1, flashAttention, elementBytes: 2 } as const;
  const { activations, buffers } = computeMemory(shape, setting);
  return { device: activations / mebi, host: (buffers - 4 * shape.vocabulary) / mebi };
}

/** A log of llama.cpp tells of the cache, the device's buffer and the host's. */
function logOf(
  name: string,
  config: Config,
  context: number,
  [cache, device, host]: readonly [number, number, number],
  source: string,
  flashAttention = false,
): EstimateCase[] {
  const buffers = buffersMebi(config, context, flashAttention);
  const of = `${name}, ${context} tokens, llama.cpp`;
  return [
    { what: `KV cache of ${of}`, unit: 'MiB', published: cache, ours: cacheMebi(config, context), source },
    { what: `compute buffer of ${of}`, unit: 'MiB', published: device, ours: buffers.device, source },
    { what: `host buffer of ${of}`, unit: 'MiB', published: host, ours: buffers.host, source },
  ];
}

/** [hidden, heads, heads of keys, layers, vocabulary, width of the feed-forward part] */
const llamaOf = ([hidden, heads, kvHeads, layers, vocabulary, feedForward]: readonly number[]): Config => ({
  model_type: 'llama',
  hidden_size: hidden,
  num_attention_heads: heads,
  num_key_value_heads: kvHeads,
  num_hidden_layers: layers,
  vocab_size: vocabulary,
  intermediate_size: feedForward,
});
const demo = llamaOf([256, 8, 4, 4, 288, 768]);
const stories = llamaOf([64, 8, 4, 5, 512, 172]);

/** What llama.cpp's log tells on a processor: the cache, and the buffer for computing. */
function onProcessor(
  name: string,
  config: Config,
  [context, ubatch]: readonly [number, number],
  [cache, compute]: readonly [number, number],
  { flashAttention = false, keyDtype = 'f16' } = {},
): EstimateCase[] {
  const common = { runtime: 'llama.cpp', context, batch: 1, ubatch } as const;
  const shape = { ...shapeOf(config), keyWidth: (config.hidden_size as number) / 2 };
  const setting = { ...common, flashAttention, elementBytes: 2, onProcessor: true };
  const of = `${name}, ${context} tokens, ${ubatch} at once, ${flashAttention ? 'flash attention, ' : ''}${keyDtype} cache, processor`;
  const kv = kvCache(cachePlan(config), { ...common, keyDtype }).bytes;
  const told = { unit: 'MiB', source: 'log of node-llama-cpp 3.22.1' };
  return [
    { ...told, what: `KV cache of ${of}`, published: cache, ours: kv / mebi },
    {
      ...told,
      what: `compute buffer of ${of}`,
      published: compute,
      ours: computeMemory(shape, setting).activations / mebi,
    },
  ];
}

const log = 'a log that was published';
const labonne = 'M. Labonne, Introduction to Weight Quantization';
const malireddi = 'S. R. Malireddi, Optimizing LLMs through Quantization';
const zero = 'Rajbhandari et al., arXiv:1910.02054, figure 1';
const zeroOn64 = (zeroStage: 0 | 1 | 2 | 3): number =>
  trainingMemory({
    parameters: 7.5e9,
    trained: 7.5e9,
    optimizer: 'adamw',
    mixedPrecision: true,
    weightBytes: 2,
    ranks: 64,
    zeroStage,
  }).total / 1e9;

const across = (width: number, layers: number): number => {
  const config = { model_type: 'whisper', d_model: width, decoder_layers: layers };
  const { parts } = kvCache(cachePlan(config), {
    runtime: 'llama.cpp',
    context: 448,
    batch: 1,
    keyDtype: 'f16',
  });
  return parts.find(({ kind }) => kind === 'cross')!.bytes / 1e6;
};

export const estimateCases: readonly EstimateCase[] = [
  {
    what: 'GPT-2 loaded in float32',
    unit: 'bytes',
    published: 510_342_192,
    ours: footprintOf(gpt2)!.f32,
    source: labonne,
  },
  {
    what: 'GPT-2 under LLM.int8()',
    unit: 'bytes',
    published: 176_527_896,
    ours: footprintOf(gpt2)!.int8,
    source: labonne,
  },
  ...(
    [
      ['float32', 'f32', 255.4287338256836],
      ['float16', 'f16', 127.7163200378418],
      ['8 bits (bitsandbytes)', 'int8', 86.6538200378418],
      ['4 bits (bitsandbytes)', 'int4', 66.1225700378418],
    ] as const
  ).map(([name, mode, published]) => ({
    what: `DistilBERT for six emotions loaded in ${name}`,
    unit: 'MiB',
    published,
    ours: footprintOf(distilbertOfEmotions)![mode] / mebi,
    source: malireddi,
  })),
  {
    what: 'Falcon-7B in float32 by the rule of thumb, 4 bytes x 7 billion',
    unit: 'GB',
    published: 28,
    ours: (4 * parameters(falcon7)) / 1e9,
    source: 'J. Shapira, Hands-on LLM quantization',
  },
  {
    what: 'parameters of Llama-3-8B',
    unit: '',
    published: 8_030_261_248,
    ours: parameters(llama3),
    source: 'model card',
  },
  {
    what: 'parameters of Mistral-7B',
    unit: '',
    published: 7_241_732_096,
    ours: parameters(mistral),
    source: 'model card',
  },
  {
    what: 'parameters of GPT-2',
    unit: '',
    published: 124_439_808,
    ours: parameters(gpt2),
    source: 'model card',
  },
  {
    what: 'parameters of LoRA adapters of rank 16 on all matrices of Llama-3-8B',
    unit: '',
    published: 41_943_040,
    ours: adapterParameters(
      modelParameters(llama3).groups.filter(({ name, shape }) => name.includes('*') && shape.length === 2),
      16,
    ),
    source: 'what peft prints',
  },
  {
    what: 'BERT base (cased) loaded in float32',
    unit: 'MiB',
    published: 413.68,
    ours: (4 * parameters(bert)) / mebi,
    source: 'accelerate, model_size_estimator.md, measured',
  },
  {
    what: 'weights of Llama-3-8B in bfloat16, vLLM',
    unit: 'GiB',
    published: 14.96,
    ours: (2 * parameters(llama3)) / 2 ** 30,
    source: 'vllm-project/vllm#10511',
  },
  {
    what: 'KV cache of a token of gpt-oss-120b, vLLM',
    unit: 'bytes',
    published: 73_728,
    ours: kvCache(cachePlan(gptOss), { runtime: 'vllm', context: 16, batch: 1, keyDtype: 'bf16' })
      .bytesPerToken,
    source: 'alvarobartt/hf-mem#60',
  },
  ...logOf('Llama-3-8B', llama3, 8192, [1024, 560, 24.01], log),
  ...logOf('Llama-3.1-8B', llama3, 2048, [256, 258.5, 12.01], log),
  ...logOf('Llama-3.1-8B', llama3, 512, [64, 258.5, 9.01], log),
  ...logOf('Mistral-7B', mistral, 2048, [256, 164, 12.01], 'fedora-copr/logdetective#106'),
  ...logOf('Mistral-7B', mistral, 32768, [4096, 2144, 72.01], 'fedora-copr/logdetective#106'),
  ...logOf('Qwen2.5-7B', qwen7, 4096, [224, 304, 15.01], log, true),
  ...onProcessor('demo-llama-3m', demo, [1024, 512], [2, 21.0098]),
  ...onProcessor('demo-llama-3m', demo, [4096, 512], [8, 75.0098]),
  ...onProcessor('demo-llama-3m', demo, [4096, 512], [8, 10.5137], { flashAttention: true }),
  ...onProcessor('demo-llama-3m', demo, [4096, 512], [4.25, 10.5137], {
    flashAttention: true,
    keyDtype: 'q8_0',
  }),
  ...onProcessor('stories260K', stories, [4096, 512], [2.5, 72.7598]),
  ...onProcessor('stories260K', stories, [4096, 256], [2.5, 2.7607], { flashAttention: true }),
  {
    what: 'attention across of Whisper base, whisper.cpp',
    unit: 'MB',
    published: 18.87,
    ours: across(512, 6),
    source: log,
  },
  {
    what: 'attention across of Whisper medium, whisper.cpp',
    unit: 'MB',
    published: 150.99,
    ours: across(1024, 24),
    source: log,
  },
  ...([0, 1, 2, 3] as const).map((stage) => ({
    what: `7.5 billion parameters on 64 GPUs, ${stage === 0 ? 'plain' : `ZeRO stage ${stage}`}`,
    unit: 'GB',
    published: [120, 31.4, 16.6, 1.9][stage]!,
    ours: zeroOn64(stage),
    source: zero,
  })),
  ...indexCases,
];

const difference = ({ published, ours }: EstimateCase): number => ours / published - 1;

/** As many digits as were published, within reason. */
function figure(value: number, { published, unit }: EstimateCase): string {
  const digits =
    unit === 'bytes' || unit === '' ? 0 : Math.min(4, String(published).split('.')[1]?.length ?? 0);
  return `${value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: Math.max(digits, unit === 'bytes' || unit === '' ? 0 : 2) })}${unit === '' ? '' : ` ${unit}`}`;
}

/** The table of docs/estimates.md, the worst first. */
export function estimateTable(): string {
  const rows = [...estimateCases]
    .sort((a, b) => Math.abs(difference(b)) - Math.abs(difference(a)) || (a.what < b.what ? -1 : 1))
    .map((row) => {
      const off = 100 * difference(row);
      const sign = off > 0 ? '+' : off < 0 ? '-' : '';
      const percent =
        off === 0 ? 'exact' : `${sign}${Math.abs(off) < 0.001 ? '< 0.001' : Math.abs(off).toFixed(3)} %`;
      return `| ${row.what} | ${figure(row.published, row)} | ${figure(row.ours, row)} | ${percent} | ${row.source} |`;
    });
  return ['| what | published | Tensor Loupe | difference | source |', '|:--|--:|--:|--:|:--|', ...rows].join(
    '\n',
  );
}
