/** Decoders built like Llama: RMS norms, rotary positions, gated feed-forward, perhaps experts. */
import { LoupeError } from '../../errors';
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { addHead, headKind } from './heads';

/** Where a family differs from Llama. Sources: the modeling files of transformers, by the family's name. */
export interface DecoderTraits {
  /** The family's default of tie_word_embeddings. */
  readonly tied?: boolean;
  /** Biases of q, k and v, unless `attention_bias` says otherwise. */
  readonly qkvBias?: boolean;
  readonly outBias?: boolean;
  readonly mlpBias?: boolean;
  /** RMS norms of queries and keys: of a head's width, or of all heads'. */
  readonly qkNorm?: 'head' | 'width';
  /** Norms in a layer. */
  readonly norms?: readonly string[];
  readonly normBias?: boolean;
  /** Norms without parameters. */
  readonly hasNoNorms?: boolean;
  /** Plain feed-forward of two matrices instead of the gated one of three. */
  readonly plainMlp?: boolean;
  readonly headBias?: boolean;
  /** Width of a head where the config does not say. */
  readonly headWidth?: number;
  /** One matrix for q, k and v, and one for gate and up. */
  readonly isFused?: boolean;
  /** What stands in the place of the feed-forward in some layers or all. */
  readonly experts?: (config: ModelConfig) => Experts | undefined;
  /** Learned sinks of attention, one a head. */
  readonly sinks?: boolean;
  /** Queries come with a gate of the same width. */
  readonly gatedQuery?: boolean;
  /** What stands in the place of attention in some layers. */
  readonly mixers?: (config: ModelConfig) => Mixers;
  /** The feed-forward's width, where it is not `intermediate_size`. */
  readonly width?: (config: ModelConfig) => number;
}

/** A mixture of experts: which layers have it, and what is in one. */
export interface Experts {
  readonly sparseLayers: number;
  /** Width of the dense layers' feed-forward; undefined: intermediate_size. */
  readonly denseWidth?: number;
  add(layers: ParameterList, hidden: number): void;
}

/** Layers without attention, and what is in one. */
export interface Mixers {
  readonly layers: number;
  add(layers: ParameterList, hidden: number): void;
}

export interface AttentionShape {
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headWidth: number;
}

/** Heads and widths of Llama-like attention; head_dim counts before hidden / heads, which is wrong for Gemma and others. */
export function attentionShape(config: ModelConfig, headWidth?: number): AttentionShape {
  const hidden = config.count(['hidden_size', 'n_embd', 'n_embed', 'd_model']);
  const heads =
    sameCount(config, headLists) ?? config.count(['num_attention_heads', 'n_head', 'n_heads', 'num_heads']);
  const kvHeads =
    sameCount(config, kvHeadLists) ?? config.count(['num_key_value_heads', 'num_kv_heads'], heads);
  const width = config.count('head_dim', headWidth ?? (heads > 0 ? Math.floor(hidden / heads) : 0));
  return { hidden, heads, kvHeads, headWidth: width };
}

/** Layers that are built alike, of models whose configs list figures layer by layer. */
export interface LayerGroup {
  readonly layers: number;
  readonly heads: number;
  /** 0: without attention. */
  readonly kvHeads: number;
  /** undefined: what the config says for all. */
  readonly feedForward: number | undefined;
}

const headLists = ['num_attention_heads', 'num_attention_heads_per_layer', 'num_query_heads'];
const kvHeadLists = ['num_key_value_heads', 'num_key_value_heads_per_layer', 'num_kv_heads'];
const feedForwardLists = ['intermediate_size', 'intermediate_sizes', 'intermediate_size_per_layer'];

/**
 * The groups of a config with lists, as pruned and searched models have them; undefined where every layer is like the next.
 * Throws `malformed` for a list that is not of all layers, or holds no counts.
 */
export function layerGroups(config: ModelConfig, layers: number): readonly LayerGroup[] | undefined {
  const [heads, kvHeads, feedForward] = [headLists, kvHeadLists, feedForwardLists].map((names) =>
    listOf(config, names, layers),
  );
  if (!heads && !kvHeads && !feedForward) return undefined;
  const groups = new Map<string, { -readonly [Key in keyof LayerGroup]: LayerGroup[Key] }>();
  const allHeads = heads ? 0 : config.count('num_attention_heads');
  for (let layer = 0; layer < layers; layer++) {
    const own = heads?.[layer] ?? allHeads;
    const key = kvHeads?.[layer] ?? config.count('num_key_value_heads', own);
    const width = feedForward?.[layer];
    const known = groups.get(`${own} ${key} ${width}`);
    if (known) known.layers++;
    else groups.set(`${own} ${key} ${width}`, { layers: 1, heads: own, kvHeads: key, feedForward: width });
  }
  return [...groups.values()];
}

function listOf(
  config: ModelConfig,
  names: readonly string[],
  layers: number,
): readonly number[] | undefined {
  for (const name of names) {
    const list = config.counts(name);
    if (!list) continue;
    if (list.length === layers && list.every((value) => value >= 0 && value < 2 ** 31)) return list;
    throw new LoupeError(
      'malformed',
      `"${name}" should list a count for each of ${layers} layers, and has ${list.length} entries.`,
    );
  }
  return undefined;
}

/** The count of a list in which all are the same, as GGUF files have them; undefined without one. */
function sameCount(config: ModelConfig, names: readonly string[]): number | undefined {
  const list = names.map((name) => config.counts(name)).find((found) => found !== undefined);
  return list?.every((value) => value === list[0]) ? list[0] : undefined;
}

const usualNorms = ['input_layernorm', 'post_attention_layernorm'];

export function decoder(config: ModelConfig, traits: DecoderTraits = {}): ParameterList {
  const list = new ParameterList();
  addDecoder(list, config, traits, 'model');
  const tied = config.flag('tie_word_embeddings', traits.tied ?? false);
  const hidden = config.count('hidden_size');
  addHead(list, config, { hidden, vocabulary: config.count('vocab_size'), tied, bias: traits.headBias });
  return list;
}

/** Everything but the head. */
export function addDecoder(
  list: ParameterList,
  config: ModelConfig,
  traits: DecoderTraits,
  prefix: string,
): void {
  const groups = layerGroups(config, config.countOf('num_hidden_layers') ?? 0);
  if (groups) {
    addUneven(list, config, traits, prefix, groups);
    return;
  }
  const shape = attentionShape(config, traits.headWidth);
  const layers = config.count('num_hidden_layers');
  const model = headKind(config) === 'none' ? list : list.under(prefix);
  model.add('embedding', 'embed_tokens.weight', config.count('vocab_size'), shape.hidden);
  const layer = model.under('layers.*', layers);
  const mixers = traits.mixers?.(config);
  const mixing = Math.min(mixers?.layers ?? 0, layers);
  addAttention(model.under('layers.*', layers - mixing).under('self_attn'), config, shape, traits);
  mixers?.add(model.under('layers.*', mixing), shape.hidden);
  if (!traits.hasNoNorms) {
    for (const name of traits.norms ?? usualNorms) layer.norm(name, shape.hidden, traits.normBias);
    model.norm('norm', shape.hidden, traits.normBias);
  }
  const experts = traits.experts?.(config);
  const sparse = Math.min(experts?.sparseLayers ?? 0, layers);
  if (layers > sparse) {
    const dense = model.under('layers.*', layers - sparse).under('mlp');
    const width = experts?.denseWidth ?? traits.width?.(config) ?? config.count('intermediate_size');
    addMlp(dense, shape.hidden, width, config, traits);
  }
  if (experts && sparse > 0) experts.add(model.under('layers.*', sparse), shape.hidden);
}

/** Layer by layer as the lists say; without experts. */
function addUneven(
  list: ParameterList,
  config: ModelConfig,
  traits: DecoderTraits,
  prefix: string,
  groups: readonly LayerGroup[],
): void {
  const hidden = config.count('hidden_size');
  const most = groups.reduce((largest, { heads }) => Math.max(largest, heads), 1);
  const headWidth = config.count('head_dim', traits.headWidth ?? Math.floor(hidden / most));
  const model = headKind(config) === 'none' ? list : list.under(prefix);
  model.add('embedding', 'embed_tokens.weight', config.count('vocab_size'), hidden);
  const [first = 'input_layernorm', ...others] = traits.norms ?? usualNorms;
  for (const { layers, heads, kvHeads, feedForward } of groups) {
    const layer = model.under('layers.*', layers);
    if (kvHeads > 0) {
      if (!traits.hasNoNorms) layer.norm(first, hidden, traits.normBias);
      addAttention(layer.under('self_attn'), config, { hidden, heads, kvHeads, headWidth }, traits);
    }
    const width = feedForward ?? config.count('intermediate_size');
    if (width === 0) continue;
    if (!traits.hasNoNorms) for (const name of others) layer.norm(name, hidden, traits.normBias);
    addMlp(layer.under('mlp'), hidden, width, config, traits);
  }
  if (!traits.hasNoNorms) model.norm('norm', hidden, traits.normBias);
}

function addAttention(
  attention: ParameterList,
  config: ModelConfig,
  { hidden, heads, kvHeads, headWidth }: AttentionShape,
  traits: DecoderTraits,
): void {
  const stated = config.has('attention_bias') ? config.flag('attention_bias', false) : undefined;
  const qkvBias = stated ?? traits.qkvBias ?? false;
  const outBias = config.flag(
    'attention_out_bias',
    traits.outBias ?? (traits.qkvBias === undefined && (stated ?? false)),
  );
  if (traits.isFused) {
    attention.linear('attention', 'qkv_proj', (heads + 2 * kvHeads) * headWidth, hidden, qkvBias);
  } else {
    attention.linear('attention', 'q_proj', (traits.gatedQuery ? 2 : 1) * heads * headWidth, hidden, qkvBias);
    attention.linear('attention', 'k_proj', kvHeads * headWidth, hidden, qkvBias);
    attention.linear('attention', 'v_proj', kvHeads * headWidth, hidden, qkvBias);
  }
  attention.linear('attention', 'o_proj', hidden, heads * headWidth, outBias);
  if (traits.qkNorm) {
    const isHead = traits.qkNorm === 'head';
    attention.norm('q_norm', isHead ? headWidth : heads * headWidth);
    attention.norm('k_norm', isHead ? headWidth : kvHeads * headWidth);
  }
  if (traits.sinks) attention.add('attention', 'sinks', heads);
}

function addMlp(
  mlp: ParameterList,
  hidden: number,
  width: number,
  config: ModelConfig,
  { mlpBias, plainMlp, isFused }: DecoderTraits,
): void {
  const bias = config.flag('mlp_bias', mlpBias ?? false);
  if (plainMlp) mlp.linear('mlp', 'c_fc', width, hidden, bias);
  else if (isFused) mlp.linear('mlp', 'gate_up_proj', 2 * width, hidden, bias);
  else {
    mlp.linear('mlp', 'gate_proj', width, hidden, bias);
    mlp.linear('mlp', 'up_proj', width, hidden, bias);
  }
  mlp.linear('mlp', plainMlp ? 'c_proj' : 'down_proj', hidden, width, bias);
}

/** A gated feed-forward, as one expert. */
export function addGated(list: ParameterList, hidden: number, width: number, role: 'mlp' | 'expert'): void {
  list.linear(role, 'gate_proj', width, hidden);
  list.linear(role, 'up_proj', width, hidden);
  list.linear(role, 'down_proj', hidden, width);
}
