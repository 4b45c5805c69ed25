/** What a config's `quantization_config` makes of the weights that it describes: their bytes as the named method stores them. */
import { asRecord } from '../formats/jsonSidecar';
import type { SchemeChoice } from '../quant/types';
import { elementsOf, type ParameterGroup } from './parameterList';
import { encodedBytes } from './schemeSizes';

export interface ConfigQuantization {
  /** Bytes of one tensor of a group and what they are called; undefined for one that stays as it is. */
  stored(group: ParameterGroup): { readonly bytes: number; readonly dtype: string } | undefined;
  readonly note: string;
}

/**
 * Undefined where nothing is quantized. Methods whose layouts are known: fp8 (by tensors or blocks), gptq, awq, mxfp4, bitsandbytes,
 * compressed-tensors, and MLX's, which has no name; of another one the note says that weights are counted before it.
 */
export function configQuantization(
  fields: Readonly<Record<string, unknown>>,
): ConfigQuantization | undefined {
  const config = asRecord(fields.quantization_config) ?? asRecord(fields.quantization);
  if (!config) return undefined;
  const stated = config.quant_method;
  const isMlx = stated === undefined && count(config.bits) !== undefined && count(config.group_size);
  const method = isMlx ? 'mlx' : stated;
  if (typeof method !== 'string' || method === '') return undefined;
  const bytesOf = layoutOf(method, config);
  const name = isMlx ? `MLX, ${String(config.bits)} bits` : method.slice(0, 40);
  if (!bytesOf)
    return {
      stored: () => undefined,
      note: `quantization_config names "${name}", whose sizes are not known here: weights are counted as they were before.`,
    };
  const isSkipped = skippedBy(
    config.modules_to_not_convert ?? config.ignored_layers ?? config.ignore ?? config.llm_int8_skip_modules,
  );
  const isQuantized = isMlx ? isModuleWeight : isLayerWeight;
  return {
    stored: (group) => (isQuantized(group) && !isSkipped(group) ? bytesOf(group) : undefined),
    note: `Weights are counted as quantization_config says that they are stored: ${name}.`,
  };
}

type Layout = (group: ParameterGroup) => { bytes: number; dtype: string } | undefined;

function layoutOf(method: string, config: Readonly<Record<string, unknown>>): Layout | undefined {
  switch (method) {
    case 'fp8': {
      const block = Array.isArray(config.weight_block_size) ? config.weight_block_size : [];
      return (group) => float8(group, count(block[0]), count(block[1]));
    }
    case 'gptq':
    case 'awq': {
      const bits = count(config.bits ?? config.w_bit);
      const groupSize = count(config.group_size ?? config.q_group_size);
      if (bits === undefined || bits > 8) return undefined;
      return (group) => grouped(group, bits, groupSize, method === 'gptq');
    }
    case 'mxfp4':
      return experts;
    case 'bitsandbytes':
      return bitsAndBytes(config);
    case 'compressed-tensors':
      return compressedTensors(config);
    case 'mlx':
      return mlx(count(config.bits)!, count(config.group_size)!);
    default:
      return undefined;
  }
}

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 2 ** 31 ? value : undefined;

/** A matrix that a Linear module of a layer holds; routers stay, as their files have it. */
const isLayerWeight = ({ name, role }: ParameterGroup): boolean =>
  name.includes('*') && (role === 'attention' || role === 'mlp' || role === 'expert');

/** MLX takes embeddings, heads and routers too. */
const isModuleWeight = ({ name, role, shape }: ParameterGroup): boolean =>
  shape.length > 1 && name.endsWith('.weight') && role !== 'position' && role !== 'convolution';

/** A byte an element, and a float32 scale a tensor or a tile (DeepSeek-V3, README_WEIGHTS.md). */
function float8(
  group: ParameterGroup,
  rows: number | undefined,
  columns: number | undefined,
): { bytes: number; dtype: string } | undefined {
  const [out, input] = group.shape;
  if (group.shape.length !== 2 || out === undefined || input === undefined) return undefined;
  const scales = rows && columns ? Math.ceil(out / rows) * Math.ceil(input / columns) : 1;
  return { bytes: out * input + 4 * scales, dtype: 'F8_E4M3' };
}

/** Codes, a half-precision scale and a zero point a group and row; GPTQ also the group of each column, in 32 bits. */
function grouped(
  group: ParameterGroup,
  bits: number,
  groupSize: number | undefined,
  hasOrder: boolean,
): { bytes: number; dtype: string } | undefined {
  const [out, input] = group.shape;
  if (group.shape.length !== 2 || out === undefined || input === undefined) return undefined;
  const groups = groupSize === undefined ? 1 : Math.ceil(input / groupSize);
  const codes = (out * input * bits) / 8;
  const zeros = (out * groups * bits) / 8;
  return {
    bytes: Math.ceil(codes + zeros) + 2 * out * groups + (hasOrder ? 4 * input : 0),
    dtype: `INT${bits}`,
  };
}

/** gpt-oss: the experts' matrices in blocks of 32 with a byte as scale; their biases and all else stay. */
function experts(group: ParameterGroup): { bytes: number; dtype: string } | undefined {
  if (group.role !== 'expert' || group.shape.length < 3) return undefined;
  return { bytes: (elementsOf(group) * 17) / 32, dtype: 'MXFP4' };
}

/** Codes, and a half-precision scale and bias a group of a row (mlx, quantize). */
function mlx(bits: number, groupSize: number): Layout | undefined {
  if (bits > 8) return undefined;
  return (group) => {
    const input = group.shape.at(-1)!;
    if (input % groupSize !== 0) return undefined;
    const elements = elementsOf(group);
    return { bytes: (elements * bits) / 8 + (4 * elements) / groupSize, dtype: `INT${bits}` };
  };
}

/** As bitsandbytes writes linear layers: rows of 8 bits, or blocks of 64 in 4 bits whose scales may be quantized again. */
function bitsAndBytes(config: Readonly<Record<string, unknown>>): Layout | undefined {
  const isInt8 = config.load_in_8bit === true;
  if (!isInt8 && config.load_in_4bit !== true) return undefined;
  const type = config.bnb_4bit_quant_type === 'nf4' ? 'nf4' : 'fp4';
  const doubleQuant = config.bnb_4bit_use_double_quant === true;
  const choice: SchemeChoice = isInt8
    ? { scheme: 'bnb-int8', granularity: 'row' }
    : { scheme: type, granularity: 'block', blockSize: 64, ...(doubleQuant ? { doubleQuant } : {}) };
  return ({ name, shape, copies }) => {
    const tensor = { name: name.replaceAll('*', '0'), shape, copies, dtype: 'BF16' };
    const bytes = shape.length === 2 ? encodedBytes(choice, tensor) : undefined;
    return typeof bytes === 'number' ? { bytes, dtype: isInt8 ? 'INT8' : type.toUpperCase() } : undefined;
  };
}

/**
 * Codes with a 16-bit scale a tensor, row or group, perhaps a zero point, and the shape where codes are packed
 * (compressed-tensors, compressors). NVFP4 has scales of a byte, and one float32 more.
 */
function compressedTensors(config: Readonly<Record<string, unknown>>): Layout | undefined {
  const groups = asRecord(config.config_groups) ?? {};
  const first = asRecord(Object.values(groups)[0]);
  const weights = asRecord(first?.weights);
  const bits = count(weights?.num_bits);
  if (!weights || bits === undefined || bits > 8) return undefined;
  const groupSize = count(weights.group_size);
  const format = typeof first?.format === 'string' ? first.format : String(config.format);
  const isPacked = format.startsWith('pack');
  const isNvfp4 = format.startsWith('nvfp4');
  return (group) => {
    const [out, input] = group.shape;
    if (group.shape.length !== 2 || out === undefined || input === undefined) return undefined;
    const scales = weights.strategy === 'tensor' ? 1 : groupSize ? out * Math.ceil(input / groupSize) : out;
    const zeros = weights.symmetric === false ? (isPacked ? Math.ceil((scales * bits) / 8) : scales) : 0;
    const extra = isNvfp4 ? scales + 4 : 2 * scales + (isPacked ? 16 : 0);
    const kind = weights.type === 'float' ? 'FP' : 'INT';
    return { bytes: Math.ceil((out * input * bits) / 8) + extra + zeros, dtype: `${kind}${bits}` };
  };
}

/** Whether a group is left out: by a part of its name, or by the names of all its layers one by one. */
function skippedBy(value: unknown): (group: ParameterGroup) => boolean {
  if (!Array.isArray(value)) return () => false;
  const names = value
    .filter((name): name is string => typeof name === 'string' && name !== '' && name.length < 200)
    .slice(0, 10_000);
  const patterns = names
    .filter((name) => !/\d/.test(name) && !name.startsWith('re:'))
    .slice(0, 1000)
    .map((name) => new RegExp(`(^|\\.)${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(\\.|$)`));
  const layers = new Map<string, number>();
  for (const name of names) {
    const within = /\.\d+\.(\D+)$/.exec(name)?.[1];
    if (within !== undefined) layers.set(within, (layers.get(within) ?? 0) + 1);
  }
  return ({ name, copies }) => {
    if (patterns.some((pattern) => pattern.test(name))) return true;
    const within = /\*\.([^*]+)$/.exec(name)?.[1];
    return [...layers].some(([part, times]) => times >= copies && within?.startsWith(`${part}.`));
  };
}
