/** What `memory` is asked: by options, checked by the engine but for what numbers are. */
import { LoupeError } from '../errors';
import type { MemoryParams, MemoryRequest, TrainingRequest } from '../protocol/memoryApi';
import { memoryOptimizers, memoryRuntimes, trainingMethods } from '../protocol/memoryCommandLine';

/** For the parser of arguments. */
export const memoryOptionSpecifications = {
  config: { type: 'string' },
  context: { type: 'string' },
  batch: { type: 'string' },
  runtime: { type: 'string' },
  'kv-dtype': { type: 'string' },
  'value-dtype': { type: 'string' },
  dtype: { type: 'string' },
  'no-flash-attention': { type: 'boolean' },
  fit: { type: 'string', multiple: true },
  on: { type: 'string', multiple: true },
  train: { type: 'string' },
  optimizer: { type: 'string' },
  precision: { type: 'string' },
  gpus: { type: 'string' },
  zero: { type: 'string' },
  checkpointing: { type: 'boolean' },
  'lora-rank': { type: 'string' },
} as const;

export const memoryOptionNames: readonly string[] = Object.keys(memoryOptionSpecifications);

export const memoryUsage = `  memory PATH | --config FILE      memory of weights, KV cache and buffers, of files or of a config.json alone
      --context N, --batch N       tokens of a sequence (default: 4096 at most), sequences at once
      --runtime NAME               transformers (default), llama.cpp, vllm
      --kv-dtype T, --value-dtype T, --no-flash-attention
                                   type of the cache: f32, f16, bf16, fp8, q8_0, q5_1, q5_0, q4_1, q4_0, iq4_nl
      --dtype T                    load the weights as f32, under a scheme, or under a mix (q4_k_m, gguf:q8_0)
      --fit GPU                    does it fit? 24GB, a model's name, 2x NAME, NAME=24GB, or here (may be repeated: together)
      --on GPUS                    the same for each by itself, and for every scheme; GPU+GPU together, ram for the memory
      --train full|lora|qlora      training instead of use: the batch is that of one GPU
      --optimizer NAME             adamw (default), adamw-8bit, adafactor, sgd; --precision mixed (default), f32
      --gpus N, --zero 0|1|2|3     GPUs that train together, and what ZeRO divides among them
      --checkpointing              compute activations again instead of keeping them; --lora-rank N (default: 16)`;

type Values = {
  readonly [Name in keyof typeof memoryOptionSpecifications]?:
    | ((typeof memoryOptionSpecifications)[Name] extends { multiple: true }
        ? readonly string[]
        : (typeof memoryOptionSpecifications)[Name] extends { type: 'boolean' }
          ? boolean
          : string)
    | undefined;
};

/** The parameters of the engine's call but for what it is about. */
export type MemoryOptions = Omit<MemoryRequest, 'gpus' | 'devices'> & Pick<MemoryParams, 'gpus' | 'devices'>;

/** Throws `usage` for what is no number or no runtime, and for options of training without `--train`. */
export function memoryOptions(values: Values): MemoryOptions {
  const runtime = oneOf('runtime', values.runtime, memoryRuntimes);
  return {
    runtime,
    context: count('context', values.context),
    batch: count('batch', values.batch),
    kvDtype: values['kv-dtype']?.toLowerCase(),
    valueDtype: values['value-dtype']?.toLowerCase(),
    dtype: values.dtype,
    gpus: values.fit,
    devices: values.on,
    flashAttention: values['no-flash-attention'] === true ? false : undefined,
    training: trainingOptions(values),
  };
}

const trainingOnly = ['optimizer', 'precision', 'gpus', 'zero', 'checkpointing', 'lora-rank'] as const;

function trainingOptions(values: Values): TrainingRequest | undefined {
  const method = oneOf('train', values.train, trainingMethods);
  if (method === undefined) {
    const stray = trainingOnly.find((name) => values[name] !== undefined);
    if (stray) throw new LoupeError('usage', `--${stray} goes with --train.`);
    return undefined;
  }
  const stage = oneOf('zero', values.zero, ['0', '1', '2', '3'] as const);
  return {
    method,
    optimizer: oneOf('optimizer', values.optimizer, memoryOptimizers),
    precision: oneOf('precision', values.precision, ['mixed', 'f32'] as const),
    ranks: count('gpus', values.gpus),
    zeroStage: stage === undefined ? undefined : (Number(stage) as 0 | 1 | 2 | 3),
    checkpointing: values.checkpointing,
    loraRank: count('lora-rank', values['lora-rank']),
  };
}

function oneOf<T extends string>(
  option: string,
  value: string | undefined,
  known: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = known.find((name) => name === value.toLowerCase());
  if (found !== undefined) return found;
  throw new LoupeError('usage', `--${option} takes ${known.join(', ')}; "${value}" is none of them.`);
}

function count(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  // "8k" is how people say it.
  const match = /^(\d{1,9})(k?)$/i.exec(text);
  if (!match)
    throw new LoupeError('usage', `--${option} takes a whole number, such as 8192; "${text}" is none.`);
  return Number(match[1]) * (match[2] === '' ? 1 : 1024);
}
