/** Families whose layers differ, as a search or a scaling rule has made them: OpenELM, DeciLM, and Nemotron's smaller ones. */

import { asRecord } from '../../formats/jsonSidecar';
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { addGated, decoder } from './decoder';
import { addHead } from './heads';

/** What one layer of OpenELM has. */
export interface OpenElmLayer {
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly feedForward: number;
}

/** The layers of an OpenELM with its own lists; throws `malformed` where they are not there. */
export function openElmLayers(config: ModelConfig): readonly OpenElmLayer[] {
  const layers = config.count('num_transformer_layers');
  const hidden = config.count('model_dim');
  const divisor = Math.max(1, config.count('ffn_dim_divisor', 256));
  const [query, kv] = [config.counts('num_query_heads'), config.counts('num_kv_heads')];
  const multipliers = config.numbers('ffn_multipliers');
  if (query?.length !== layers || kv?.length !== layers || multipliers?.length !== layers) {
    // The message of a missing figure, which names it.
    config.count(
      query?.length !== layers
        ? 'num_query_heads'
        : kv?.length !== layers
          ? 'num_kv_heads'
          : 'ffn_multipliers',
    );
  }
  return query!.map((queryHeads, at) => ({
    queryHeads,
    kvHeads: kv![at]!,
    feedForward: divisible(multipliers![at]! * hidden, divisor),
  }));
}

/** Rounded to a multiple of the divisor, not more than a tenth down (configuration_openelm.py, make_divisible). */
function divisible(value: number, divisor: number): number {
  const rounded = Math.max(divisor, Math.floor((value + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * value ? rounded + divisor : rounded;
}

/** Source: modeling_openelm.py in Apple's repositories. */
export function openElm(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const body = list.under('transformer');
  const hidden = config.count('model_dim');
  const vocabulary = config.count('vocab_size');
  const width = config.count('head_dim');
  const hasQueryNorm = config.flag('normalize_qk_projections', true);
  const isGated = config.flag('ffn_with_glu', true);
  body.add('embedding', 'token_embeddings.weight', vocabulary, hidden);
  for (const { queryHeads, kvHeads, feedForward } of openElmLayers(config)) {
    const layer = body.under('layers.*');
    layer.linear('attention', 'attn.qkv_proj', (queryHeads + 2 * kvHeads) * width, hidden);
    layer.linear('attention', 'attn.out_proj', hidden, queryHeads * width);
    if (hasQueryNorm) {
      layer.norm('attn.q_norm', width);
      layer.norm('attn.k_norm', width);
    }
    layer.norm('attn_norm', hidden);
    layer.linear('mlp', 'ffn.proj_1', (isGated ? 2 : 1) * feedForward, hidden);
    layer.linear('mlp', 'ffn.proj_2', hidden, feedForward);
    layer.norm('ffn_norm', hidden);
  }
  body.norm('norm', hidden);
  const tied = config.flag('share_input_output_layers', true);
  addHead(list, config, { hidden, vocabulary, tied });
  return list;
}

/** What one layer of a searched Llama has; 0 heads or width: the layer goes without. */
export interface SearchedLayer {
  readonly kvHeads: number;
  readonly feedForward: number;
  /** A single matrix stands in its place. */
  readonly hasLinearAttention: boolean;
  readonly hasLinearFeedForward: boolean;
}

/** The layers of `block_configs`; undefined where a config has none. Source: block_config.py in NVIDIA's repositories. */
export function searchedLayers(config: ModelConfig): readonly SearchedLayer[] | undefined {
  const blocks = config.records('block_configs');
  if (!blocks) return undefined;
  const heads = config.count('num_attention_heads');
  const hidden = config.count('hidden_size');
  return blocks.map((block) => {
    const attention = asRecord(block.attention) ?? {};
    const feedForward = asRecord(block.ffn) ?? {};
    const group = number(attention.n_heads_in_group);
    const multiplier = number(feedForward.ffn_mult);
    return {
      kvHeads: attention.no_op === true || group < 1 ? 0 : Math.floor(heads / group),
      feedForward:
        feedForward.no_op === true ? 0 : multipleOf(Math.floor((2 * multiplier * hidden) / 3), 256),
      hasLinearAttention: attention.replace_with_linear === true,
      hasLinearFeedForward: feedForward.replace_with_linear === true,
    };
  });
}

const number = (value: unknown): number =>
  typeof value === 'number' && value >= 0 && value < 2 ** 20 ? value : 0;
const multipleOf = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

/** DeciLM (a list of key heads) and Nemotron (blocks): Llama but for what the lists say. */
export function searchedLlama(config: ModelConfig): ParameterList {
  const layers = searchedLayers(config);
  if (!layers) return decoder(config);
  const list = new ParameterList();
  const hidden = config.count('hidden_size');
  const heads = config.count('num_attention_heads');
  const vocabulary = config.count('vocab_size');
  const width = config.count('head_dim', heads > 0 ? Math.floor(hidden / heads) : 0);
  const model = list.under('model');
  model.add('embedding', 'embed_tokens.weight', vocabulary, hidden);
  for (const { kvHeads, feedForward, hasLinearAttention, hasLinearFeedForward } of layers) {
    const layer = model.under('layers.*');
    if (hasLinearAttention) layer.linear('attention', 'self_attn.linear_attn', hidden, hidden);
    else if (kvHeads > 0) {
      layer.linear('attention', 'self_attn.q_proj', heads * width, hidden);
      layer.linear('attention', 'self_attn.k_proj', kvHeads * width, hidden);
      layer.linear('attention', 'self_attn.v_proj', kvHeads * width, hidden);
      layer.linear('attention', 'self_attn.o_proj', hidden, heads * width);
    }
    if (hasLinearAttention || kvHeads > 0) layer.norm('input_layernorm', hidden);
    if (hasLinearFeedForward) layer.linear('mlp', 'mlp.linear_mlp', hidden, hidden);
    else if (feedForward > 0) addGated(layer.under('mlp'), hidden, feedForward, 'mlp');
    if (hasLinearFeedForward || feedForward > 0) layer.norm('post_attention_layernorm', hidden);
  }
  model.norm('norm', hidden);
  addHead(list, config, { hidden, vocabulary, tied: config.flag('tie_word_embeddings', false) });
  return list;
}
