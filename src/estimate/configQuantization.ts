/** What a config's `quantization_config` makes of the weights that it describes: their bytes as the named method stores them. */
import { asRecord } from '../formats/jsonSidecar';
import { elementsOf, type ParameterGroup } from './parameterList';

export interface ConfigQuantization {
  /** Bytes of one tensor of a group and what they are called; undefined for one that stays as it is. */
  stored(group: ParameterGroup): { readonly bytes: number; readonly dtype: string } | undefined;
  readonly note: string;
}

/**
 * Undefined where nothing is quantized. Methods whose layouts are known: fp8 (by tensors or blocks), gptq, awq, mxfp4; of another
 * one the note says that weights are counted before it.
 */
export function configQuantization(
  fields: Readonly<Record<string, unknown>>,
): ConfigQuantization | undefined {
  const config = asRecord(fields.quantization_config);
  const method = config?.quant_method;
  if (!config || typeof method !== 'string' || method === '') return undefined;
  const bytesOf = layoutOf(method, config);
  const name = method.slice(0, 40);
  if (!bytesOf)
    return {
      stored: () => undefined,
      note: `quantization_config names "${name}", whose sizes are not known here: weights are counted as they were before.`,
    };
  const skipped = namesOf(config.modules_to_not_convert ?? config.ignored_layers);
  return {
    stored: (group) => {
      if (!isLayerWeight(group) || skipped.some((pattern) => pattern.test(group.name))) return undefined;
      return bytesOf(group);
    },
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
    default:
      return undefined;
  }
}

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 2 ** 31 ? value : undefined;

/** A matrix that a Linear module of a layer holds; routers stay, as their files have it. */
const isLayerWeight = ({ name, role }: ParameterGroup): boolean =>
  name.includes('*') && (role === 'attention' || role === 'mlp' || role === 'expert');

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

/** Parts of names, in which `*` stands for a layer's number in ours. */
function namesOf(value: unknown): readonly RegExp[] {
  if (!Array.isArray(value)) return [];
  return value
    .filter((name): name is string => typeof name === 'string' && name !== '' && name.length < 200)
    .slice(0, 1000)
    .filter((name) => !/\d/.test(name))
    .map((name) => new RegExp(`(^|\\.)${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(\\.|$)`));
}
