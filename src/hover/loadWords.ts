/** What the words by which a program is told how to load a model mean, whoever wrote them: arguments, keys or flags. Pure. */
import type { LoadDtype, LoadQuantization, LoadSetting } from '../estimate/loadSetting';
import type { Runtime } from '../estimate/types';

/** A value as it is written: the text of a string, a name such as torch.float16, or a number. */
export type WordValue = string;

/** What was found in one call or command, written down step by step. */
export interface LoadWords {
  setting: { -readonly [Key in keyof LoadSetting]: LoadSetting[Key] };
  /** A file within the model's repository or folder. */
  file?: string | undefined;
  revision?: string | undefined;
  /** The caller loads F32 where it is told no type. */
  isFloat32ByDefault?: boolean | undefined;
  /** Names of arguments that say something of the weights which is not understood here. */
  readonly unread: string[];
}

/** Of a call or command that says nothing yet. */
export const noWords = (): LoadWords => ({ setting: {}, unread: [] });

const dtypes: Readonly<Record<string, LoadDtype | 'auto'>> = {
  float32: 'f32',
  float: 'f32',
  fp32: 'f32',
  f32: 'f32',
  float16: 'f16',
  half: 'f16',
  fp16: 'f16',
  f16: 'f16',
  bfloat16: 'bf16',
  bf16: 'bf16',
  auto: 'auto',
};

/** `--kv-cache-dtype` and `-ctk` to the estimator's types; `auto` says nothing. */
const cacheTypes: Readonly<Record<string, string>> = {
  fp8: 'fp8',
  fp8_e4m3: 'fp8',
  fp8_e5m2: 'fp8',
  fp8_inc: 'fp8',
  bfloat16: 'bf16',
  float16: 'f16',
  ...Object.fromEntries(
    ['f32', 'f16', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl'].map((name) => [name, name]),
  ),
};

const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** "torch.bfloat16", "tf.float16", "jnp.float32": the last part counts. */
export const dtypeWord = (value: WordValue): LoadDtype | 'auto' | undefined =>
  own(dtypes, value.split('.').at(-1)!.toLowerCase());

const isTrue = (value: WordValue): boolean => /^(true|1|yes|on|)$/i.test(value);

/** "8192", "8k" (thousands) and "8K" (of 1,024), as vLLM reads them. */
function countWord(value: WordValue): number | undefined {
  const found = /^(-?\d{1,9}(?:_\d+)*)([kK]?)$/.exec(value.trim());
  if (!found) return undefined;
  const unit = found[2] === 'k' ? 1000 : found[2] === 'K' ? 1024 : 1;
  return Number(found[1]!.replaceAll('_', '')) * unit;
}

const contextOf = (value: WordValue): number | undefined => {
  const count = countWord(value);
  // 0 stands for the model's own in llama.cpp.
  return count !== undefined && count > 0 && count <= 2 ** 31 ? count : undefined;
};

type Reader = (words: LoadWords, value: WordValue, name: string) => void;

const readDtype: Reader = (words, value, name) => {
  const dtype = dtypeWord(value);
  if (dtype === undefined) words.unread.push(`${name}=${value}`);
  else words.setting.dtype = dtype;
};
const readContext: Reader = (words, value) => {
  words.setting.context = contextOf(value) ?? words.setting.context;
};
const readLayers: Reader = (words, value) => {
  words.setting.gpuLayers = value === 'all' || value === 'auto' ? -1 : countWord(value);
  words.setting.runtime ??= 'llama.cpp';
};
const bits =
  (quantization: LoadQuantization): Reader =>
  (words, value) => {
    if (isTrue(value)) words.setting.quantization ??= quantization;
  };
const cacheType =
  (...keys: ('kvDtype' | 'valueDtype')[]): Reader =>
  (words, value) => {
    const type = own(cacheTypes, value.toLowerCase());
    if (type !== undefined) for (const key of keys) words.setting[key] = type;
  };

/** `--quantization` of vLLM, `--quantize` of text-generation-inference. Other methods read what is stored quantized. */
const quantizations: Readonly<Record<string, LoadQuantization>> = {
  fp8: 'fp8',
  bitsandbytes: 'nf4',
  'bitsandbytes-nf4': 'nf4',
  'bitsandbytes-fp4': 'fp4',
  eetq: 'int8',
};
const readQuantization: Reader = (words, value) => {
  words.setting.quantization = own(quantizations, value.toLowerCase()) ?? words.setting.quantization;
};

/** By names with `_` for `-` and without leading dashes. */
const readers: Readonly<Record<string, Reader>> = {
  torch_dtype: readDtype,
  dtype: readDtype,
  load_in_8bit: bits('int8'),
  // BitsAndBytesConfig's own default of bnb_4bit_quant_type is fp4.
  load_in_4bit: bits('fp4'),
  bnb_4bit_quant_type: (words, value) => {
    const type = value.toLowerCase();
    if (words.setting.quantization !== 'int8' && (type === 'nf4' || type === 'fp4'))
      words.setting.quantization = type;
  },
  bnb_4bit_use_double_quant: (words, value) => {
    words.setting.doubleQuant = isTrue(value);
  },
  quantization: readQuantization,
  quantize: readQuantization,
  device_map: readDevice,
  device: readDevice,
  // transformers reads GGUF files into floats.
  gguf_file: (words, value) => {
    words.file = value;
    words.setting.dequantized = true;
  },
  revision: (words, value) => {
    words.revision = value;
  },
  n_ctx: readContext,
  num_ctx: readContext,
  ctx_size: readContext,
  max_model_len: readContext,
  max_seq_length: readContext,
  max_seq_len: readContext,
  context_length: readContext,
  contextSize: readContext,
  sequence_len: readContext,
  cutoff_len: readContext,
  tensor_parallel_size: (words, value) => {
    const count = countWord(value);
    if (count !== undefined && count >= 1 && count <= 1024) words.setting.tensorParallel = count;
  },
  kv_cache_dtype: cacheType('kvDtype', 'valueDtype'),
  // The other of the two stays in F16.
  cache_type_k: (words, value, name) => {
    cacheType('kvDtype')(words, value, name);
    words.setting.valueDtype ??= 'f16';
  },
  cache_type_v: cacheType('valueDtype'),
  n_gpu_layers: readLayers,
  gpu_layers: readLayers,
  gpuLayers: readLayers,
};

function readDevice(words: LoadWords, value: WordValue): void {
  const device = value.toLowerCase();
  if (device === 'cpu' || device === 'auto' || device === 'cuda') words.setting.device = device;
  else if (/^(balanced|balanced_low_0|sequential)$/.test(device)) words.setting.device = 'auto';
  else if (device === '-1') words.setting.device = 'cpu';
  else if (/^(cuda:)?\d{1,2}$/.test(device)) words.setting.device = Number(device.replace('cuda:', ''));
}

/** Whether a name says how to load. */
export const isLoadWord = (name: string): boolean => Object.hasOwn(readers, name);

/** Takes in one name with its value; others than those that are known are passed over. */
export function readWord(words: LoadWords, name: string, value: WordValue): void {
  own(readers, name)?.(words, value, name);
}

/** What only flags mean, by how they are written. */
const shortFlags: Readonly<Record<string, string>> = {
  c: 'ctx_size',
  ngl: 'n_gpu_layers',
  ctk: 'cache_type_k',
  ctv: 'cache_type_v',
  tp: 'tensor_parallel_size',
  q: 'quantization',
};
/** Flags without which no other runtime is meant. */
const llamaFlags: ReadonlySet<string> = new Set(['ctx_size', 'n_gpu_layers', 'cache_type_k', 'cache_type_v']);
const vllmFlags: ReadonlySet<string> = new Set(['max_model_len', 'tensor_parallel_size', 'kv_cache_dtype']);

/** A flag's name as an argument's: "--max-model-len" to max_model_len, "-c" to ctx_size. */
export function flagName(flag: string): string {
  const plain = flag.replace(/^--?/, '').replaceAll('-', '_');
  return own(shortFlags, plain) ?? plain;
}

/** The runtime that alone has a flag, by the flag's name as `flagName` gives it; undefined for what several have. */
export function runtimeOfFlag(name: string): Runtime | undefined {
  return llamaFlags.has(name) ? 'llama.cpp' : vllmFlags.has(name) ? 'vllm' : undefined;
}
