/** What one field of a config.json costs: the model is counted again with another value of it. */
import { bytesUnder, loadedBytes } from '../../estimate/loading';
import { type MemorySource, sourceFromConfig } from '../../estimate/memorySource';
import { binarySize } from '../../numeric/sizeText';
import type { FieldCost } from '../../protocol/costApi';
import type { SchemeChoice } from '../../quant/types';
import { cacheAt, type Fields, type Figures, figuresOf, parameterFigures, replaced } from './configFigures';

export interface FieldAnswer {
  readonly costs: readonly FieldCost[];
  readonly notes: readonly string[];
}

/** The object that holds the field, its value there, and the whole. */
interface Place {
  readonly fields: Fields;
  readonly holder: readonly string[];
  readonly object: Fields;
  readonly name: string;
  readonly value: unknown;
  readonly source: MemorySource;
  readonly base: Figures;
}

type Reader = (place: Place) => FieldAnswer;

/** What is known of the field at a path; nothing for others. */
export function fieldCosts(fields: Fields, path: readonly string[], source: MemorySource): FieldAnswer {
  const nothing = { costs: [], notes: [] };
  const quantizationAt = path.indexOf('quantization_config');
  const own = quantizationAt >= 0 ? path.slice(0, quantizationAt + 1) : path;
  const name = own.at(-1);
  if (name === undefined || !Object.hasOwn(readers, name)) return nothing;
  const holder = own.slice(0, -1);
  const object = objectAt(fields, holder);
  if (!object || !Object.hasOwn(object, name)) return nothing;
  const base = parameterFigures(source);
  return readers[name]!({ fields, holder, object, name, value: object[name], source, base });
}

function objectAt(fields: Fields, path: readonly string[]): Fields | undefined {
  let at: unknown = fields;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, name))
      return undefined;
    at = (at as Fields)[name];
  }
  return typeof at === 'object' && at !== null && !Array.isArray(at) ? (at as Fields) : undefined;
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0;

const numberIn = (object: Fields, names: readonly string[]): number | undefined => {
  const name = names.find((each) => Object.hasOwn(object, each) && isCount(object[each]));
  return name === undefined ? undefined : (object[name] as number);
};

/** The difference that other values make; undefined where they do not make a model. */
function difference({ fields, holder, base }: Place, label: string, changes: Fields): FieldCost | undefined {
  const changed = figuresOf(replaced(fields, holder, (object) => ({ ...object, ...changes })));
  return (
    changed && {
      label,
      parameters: changed.parameters - base.parameters,
      bytes: changed.bytes - base.bytes,
      bytesPerToken: changed.bytesPerToken - base.bytesPerToken,
    }
  );
}

function whole({ fields, holder }: Place, label: string, changes: Fields): FieldCost | undefined {
  const changed = figuresOf(replaced(fields, holder, (object) => ({ ...object, ...changes })));
  return changed && { label, ...changed, isWhole: true };
}

const there = <T>(values: readonly (T | undefined)[]): T[] =>
  values.filter((value): value is T => value !== undefined);

/** Lists of one entry a layer grow with the layers. */
const layers: Reader = (place) => {
  const { object, name, value } = place;
  if (!isCount(value)) return { costs: [], notes: [] };
  const lists = Object.entries(object).flatMap(([key, list]) =>
    Array.isArray(list) && list.length === value && list.length > 0 ? [[key, [...list, list.at(-1)]]] : [],
  );
  const changes = { ...Object.fromEntries(lists), [name]: value + 1 };
  return { costs: there([difference(place, 'one more layer', changes)]), notes: [] };
};

/** Differences for some steps, `label` written for each. */
const steps =
  (sizes: readonly number[], label: (step: number) => string): Reader =>
  (place) => {
    const { name, value } = place;
    if (!isCount(value)) return { costs: [], notes: [] };
    const costs = sizes.map((step) => difference(place, label(step), { [name]: value + step }));
    return { costs: there(costs), notes: [] };
  };

const keyValueHeads: Reader = (place) => {
  const { object, name, value } = place;
  const heads = numberIn(object, ['num_attention_heads', 'n_head']);
  if (!isCount(value)) return { costs: [], notes: [] };
  const others = [1, value / 2, value * 2, heads ?? value].filter(
    (count) => count >= 1 && Number.isInteger(count) && count !== value && (!heads || heads % count === 0),
  );
  const words = (count: number) =>
    count === 1 ? '1 (MQA)' : count === heads ? `${count} (MHA)` : `${count}`;
  const counts = [...new Set([...others, value])].sort((a, b) => a - b);
  return {
    costs: there([
      difference(place, 'one more KV head', { [name]: value + 1 }),
      ...counts.map((count) => whole(place, `with ${words(count)}`, { [name]: count })),
    ]),
    notes:
      heads && value > 0 && heads % value === 0 ? [`${heads / value} query heads share each KV head.`] : [],
  };
};

const hidden: Reader = (place) => {
  const { object, name, value } = place;
  if (!isCount(value)) return { costs: [], notes: [] };
  const heads = numberIn(object, ['num_attention_heads', 'n_head', 'n_heads', 'num_heads']);
  // A head's width is hidden / heads where nothing else says it.
  const isFree = numberIn(object, ['head_dim']) !== undefined || !heads;
  const step = isFree ? 128 : heads * Math.max(1, Math.round(128 / heads));
  return { costs: there([difference(place, `${step} wider`, { [name]: value + step })]), notes: [] };
};

const positions: Reader = (place) => {
  const { name, value, source } = place;
  if (!isCount(value)) return { costs: [], notes: [] };
  const cost = difference(place, '1,024 more positions', { [name]: value + 1024 });
  const bytes = source.cache && value > 0 ? cacheAt(source, value) : 0;
  const notes =
    bytes > 0
      ? [`The cache of ${value.toLocaleString('en')} tokens takes ${binarySize(bytes)} in F16, a sequence.`]
      : [];
  // Rotary positions have no parameters.
  return { costs: cost && cost.parameters > 0 ? [cost] : [], notes };
};

const window: Reader = ({ fields, holder, source, value }) => {
  const longest = source.longestContext ?? 32_768;
  if (!isCount(value) || !source.cache) return { costs: [], notes: [] };
  const sliding = source.cache.groups
    .filter(({ kind }) => kind === 'sliding')
    .reduce((sum, group) => sum + group.layers, 0);
  if (sliding === 0) return { costs: [], notes: ['No layer of this model uses the window.'] };
  const without = replaced(fields, holder, (object) => ({
    ...object,
    sliding_window: longest + 1,
  }));
  const full = cacheAt(sourceFromConfig(without), longest);
  return {
    costs: [],
    notes: [
      `${sliding} layers look back over ${value.toLocaleString('en')} tokens.`,
      `At ${longest.toLocaleString('en')} tokens the cache takes ${binarySize(cacheAt(source, longest))} in F16; without the window ${binarySize(full)}.`,
    ],
  };
};

const expertsUsed: Reader = ({ source, object, value }) => {
  const all = numberIn(object, ['num_local_experts', 'num_experts', 'n_routed_experts']);
  if (!isCount(value) || all === undefined || source.activeShare === undefined)
    return { costs: [], notes: [] };
  const percent = (100 * source.activeShare).toPrecision(3);
  return {
    costs: [],
    notes: [
      `A token goes through ${value} of ${all} experts: ${percent} % of the weights are read for it, and all are kept in memory.`,
    ],
  };
};

const dtypes: Reader = ({ source, base }) => ({
  costs: [
    ...(['f32', 'bf16'] as const).map((dtype) => ({
      label: dtype === 'f32' ? 'in F32' : 'in BF16 or F16',
      parameters: base.parameters,
      bytes: loadedBytes(source, { dtype }),
      bytesPerToken: base.bytesPerToken,
      isWhole: true,
    })),
    ...(['int8', 'nf4'] as const).map((quantization) => ({
      label: quantization === 'int8' ? 'in 8 bit (LLM.int8)' : 'in 4 bit (NF4)',
      parameters: base.parameters,
      bytes: loadedBytes(source, { quantization }),
      bytesPerToken: base.bytesPerToken,
      isWhole: true,
    })),
  ],
  notes: [],
});

const tying: Reader = (place) => {
  const { name, value } = place;
  if (typeof value !== 'boolean') return { costs: [], notes: [] };
  const label = value ? 'with a head of its own' : 'with the embedding as the head';
  return { costs: there([difference(place, label, { [name]: !value })]), notes: [] };
};

const quantization: Reader = ({ value, source, base }) => {
  const config =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
  const found = quantizationOf(config);
  if (!found) return { costs: [], notes: ['How this method stores weights is not known here.'] };
  try {
    const bytes = bytesUnder(source, found.choice);
    return {
      costs: [{ label: found.label, ...base, bytes, isWhole: true }],
      notes: ['Embeddings, norms and the head are counted as they are without it.'],
    };
  } catch {
    return { costs: [], notes: [] };
  }
};

/** Sizes as the nearest scheme of ours has them; which values are stored matters nothing here. */
function quantizationOf(config: Fields): { label: string; choice: SchemeChoice } | undefined {
  const method = typeof config.quant_method === 'string' ? config.quant_method.toLowerCase() : '';
  if (config.load_in_8bit === true)
    return { label: 'in 8 bit (LLM.int8)', choice: { scheme: 'bnb-int8', granularity: 'row' } };
  if (config.load_in_4bit === true) {
    const scheme = config.bnb_4bit_quant_type === 'nf4' ? 'nf4' : 'fp4';
    const doubleQuant = config.bnb_4bit_use_double_quant === true;
    const label = `in 4 bit (${scheme.toUpperCase()}${doubleQuant ? ', double quantization' : ''})`;
    return {
      label,
      choice: { scheme, granularity: 'block', blockSize: 64, ...(doubleQuant ? { doubleQuant } : {}) },
    };
  }
  if (method === 'fp8' || method === 'fbgemm_fp8')
    return { label: 'in FP8', choice: { scheme: 'f8-e4m3', granularity: 'row' } };
  if (method === 'mxfp4') return { label: 'in MXFP4', choice: { scheme: 'mxfp4', granularity: 'block' } };
  const bits = config.bits ?? config.w_bit;
  const group = config.group_size ?? config.q_group_size;
  const isKnown =
    (method === 'gptq' || method === 'awq') && (bits === 4 || bits === 8 || bits === 3 || bits === 2);
  if (!isKnown) return undefined;
  const isGrouped = typeof group === 'number' && group > 0;
  return {
    label: `in ${bits} bit (${method.toUpperCase()}${isGrouped ? `, groups of ${group}` : ''})`,
    choice: {
      scheme: `int${bits}-zeropoint`,
      granularity: isGrouped ? 'block' : 'row',
      ...(isGrouped ? { blockSize: group } : {}),
    },
  };
}

const named = (names: readonly string[], reader: Reader) => names.map((name) => [name, reader] as const);

const readers: Readonly<Record<string, Reader>> = Object.fromEntries([
  ...named(
    [
      'num_hidden_layers',
      'n_layer',
      'n_layers',
      'num_layers',
      'num_decoder_layers',
      'decoder_layers',
      'encoder_layers',
    ],
    layers,
  ),
  ...named(
    [
      'intermediate_size',
      'ffn_dim',
      'n_inner',
      'ffn_hidden_size',
      'moe_intermediate_size',
      'shared_expert_intermediate_size',
      'd_ff',
      'encoder_ffn_dim',
      'decoder_ffn_dim',
    ],
    steps([128, 1024], (step) => `${step.toLocaleString('en')} wider`),
  ),
  ...named(['num_key_value_heads', 'num_kv_heads', 'n_head_kv'], keyValueHeads),
  ...named(['hidden_size', 'n_embd', 'd_model'], hidden),
  ...named(
    ['vocab_size'],
    steps([1000], () => '1,000 more tokens'),
  ),
  ...named(['max_position_embeddings', 'n_positions', 'n_ctx', 'max_seq_len'], positions),
  ...named(['sliding_window'], window),
  ...named(
    ['num_local_experts', 'num_experts', 'n_routed_experts'],
    steps([1], () => 'one more expert'),
  ),
  ...named(['num_experts_per_tok', 'num_experts_per_token'], expertsUsed),
  ...named(['torch_dtype', 'dtype'], dtypes),
  ...named(['tie_word_embeddings'], tying),
  ...named(['quantization_config'], quantization),
]);

/** Fields that `fieldCosts` knows. */
export const knownFields: readonly string[] = Object.keys(readers);
