/** Decoders built like Llama: RMS norms, rotary positions, gated feed-forward, perhaps experts. */
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
}

/** A mixture of experts: which layers have it, and what is in one. */
export interface Experts {
  readonly sparseLayers: number;
  /** Width of the dense layers' feed-forward; undefined: intermediate_size. */
  readonly denseWidth?: number;
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
  const hidden = config.count(['hidden_size', 'n_embd']);
  const heads = config.count(['num_attention_heads', 'n_head']);
  const kvHeads = config.count(['num_key_value_heads', 'num_kv_heads'], heads);
  const width = config.count('head_dim', headWidth ?? (heads > 0 ? Math.floor(hidden / heads) : 0));
  return { hidden, heads, kvHeads, headWidth: width };
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
  const shape = attentionShape(config, traits.headWidth);
  const layers = config.count('num_hidden_layers');
  const model = headKind(config) === 'none' ? list : list.under(prefix);
  model.add('embedding', 'embed_tokens.weight', config.count('vocab_size'), shape.hidden);
  const layer = model.under('layers.*', layers);
  addAttention(layer.under('self_attn'), config, shape, traits);
  if (!traits.hasNoNorms) {
    for (const name of traits.norms ?? usualNorms) layer.norm(name, shape.hidden, traits.normBias);
    model.norm('norm', shape.hidden, traits.normBias);
  }
  const experts = traits.experts?.(config);
  const sparse = Math.min(experts?.sparseLayers ?? 0, layers);
  if (layers > sparse) {
    const dense = model.under('layers.*', layers - sparse).under('mlp');
    addMlp(dense, shape.hidden, experts?.denseWidth ?? config.count('intermediate_size'), config, traits);
  }
  if (experts && sparse > 0) experts.add(model.under('layers.*', sparse), shape.hidden);
}

function addAttention(
  attention: ParameterList,
  config: ModelConfig,
  { hidden, heads, kvHeads, headWidth }: AttentionShape,
  traits: DecoderTraits,
): void {
  const stated = config.has('attention_bias') ? config.flag('attention_bias', false) : undefined;
  const qkvBias = stated ?? traits.qkvBias ?? false;
  const outBias = traits.outBias ?? (traits.qkvBias === undefined && (stated ?? false));
  if (traits.isFused) {
    attention.linear('attention', 'qkv_proj', (heads + 2 * kvHeads) * headWidth, hidden, qkvBias);
  } else {
    attention.linear('attention', 'q_proj', heads * headWidth, hidden, qkvBias);
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
