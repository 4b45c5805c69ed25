/** State-space models, and Jamba, which mixes their layers with attention and experts. */
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { addGated, attentionShape } from './decoder';
import { addHead } from './heads';

/** Widths of a Mamba mixer. */
export interface MambaShape {
  readonly hidden: number;
  readonly inner: number;
  readonly state: number;
  readonly convolution: number;
  readonly timeRank: number;
}

export function mambaShape(config: ModelConfig): MambaShape {
  const hidden = config.count(['hidden_size', 'd_model']);
  const inner = config.count(['d_inner', 'intermediate_size'], config.count('expand', 2) * hidden);
  const stated = config.text('time_step_rank');
  return {
    hidden,
    inner,
    state: config.count('state_size', 16),
    convolution: config.count('conv_kernel', 4),
    timeRank:
      stated === 'auto' ? Math.ceil(hidden / 16) : config.count('time_step_rank', Math.ceil(hidden / 16)),
  };
}

/** Mamba 1. Source: modeling_mamba.py of transformers. */
export function mamba(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const body = list.under('backbone');
  const { hidden, inner, state, convolution, timeRank } = mambaShape(config);
  const vocabulary = config.count('vocab_size');
  body.add('embedding', 'embeddings.weight', vocabulary, hidden);
  const layer = body.under('layers.*', config.count(['num_hidden_layers', 'n_layer']));
  layer.norm('norm', hidden);
  const mixer = layer.under('mixer');
  const bias = config.flag('use_bias', false);
  mixer.linear('other', 'in_proj', 2 * inner, hidden, bias);
  mixer.add('convolution', 'conv1d.weight', inner, 1, convolution);
  if (config.flag('use_conv_bias', true)) mixer.add('convolution', 'conv1d.bias', inner);
  mixer.linear('other', 'x_proj', timeRank + 2 * state, inner);
  mixer.linear('other', 'dt_proj', inner, timeRank, true);
  mixer.add('other', 'A_log', inner, state);
  mixer.add('other', 'D', inner);
  mixer.linear('other', 'out_proj', hidden, inner, bias);
  body.norm('norm_f', hidden);
  addHead(list, config, { hidden, vocabulary, tied: config.flag('tie_word_embeddings', true) });
  return list;
}

/** Widths of a Mamba 2 mixer. */
export interface Mamba2Shape {
  readonly hidden: number;
  readonly inner: number;
  readonly heads: number;
  readonly headWidth: number;
  readonly groups: number;
  readonly state: number;
  readonly convolution: number;
}

export function mamba2Shape(config: ModelConfig): Mamba2Shape {
  const hidden = config.count(['hidden_size', 'd_model'], 4096);
  const inner = config.count('d_inner', config.count('expand', 2) * hidden);
  const headWidth = config.count('head_dim', 64);
  return {
    hidden,
    inner,
    headWidth,
    heads: config.count('num_heads', headWidth > 0 ? Math.floor(inner / headWidth) : 0),
    groups: config.count('n_groups', 8),
    state: config.count('state_size', 128),
    convolution: config.count('conv_kernel', 4),
  };
}

/** Mamba 2. Source: modeling_mamba2.py of transformers. */
export function mamba2(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const body = list.under('backbone');
  const { hidden, inner, heads, groups, state, convolution } = mamba2Shape(config);
  const vocabulary = config.count('vocab_size', 32768);
  body.add('embedding', 'embeddings.weight', vocabulary, hidden);
  const layer = body.under('layers.*', config.count(['num_hidden_layers', 'n_layer'], 64));
  layer.norm('norm', hidden);
  const mixer = layer.under('mixer');
  const bias = config.flag('use_bias', false);
  const convolved = inner + 2 * groups * state;
  mixer.linear('other', 'in_proj', inner + convolved + heads, hidden, bias);
  mixer.add('convolution', 'conv1d.weight', convolved, 1, convolution);
  if (config.flag('use_conv_bias', true)) mixer.add('convolution', 'conv1d.bias', convolved);
  for (const name of ['dt_bias', 'A_log', 'D']) mixer.add('other', name, heads);
  mixer.norm('norm', inner);
  mixer.linear('other', 'out_proj', hidden, inner, bias);
  body.norm('norm_f', hidden);
  addHead(list, config, { hidden, vocabulary, tied: config.flag('tie_word_embeddings', false) });
  return list;
}

/** Jamba's mixers, under names of their own. */
export function jambaShape(config: ModelConfig): MambaShape {
  const hidden = config.count('hidden_size', 4096);
  const stated = config.text('mamba_dt_rank');
  const usual = Math.ceil(hidden / 16);
  return {
    hidden,
    inner: config.count('mamba_expand', 2) * hidden,
    state: config.count('mamba_d_state', 16),
    convolution: config.count('mamba_d_conv', 4),
    timeRank: stated === 'auto' ? usual : config.count('mamba_dt_rank', usual),
  };
}

/** How many of the layers 0 .. layers - 1 are at `offset` of their period. */
export function periodic(
  config: ModelConfig,
  name: string,
  layers: number,
  usual: readonly [number, number],
): number {
  const period = Math.max(1, config.count(`${name}_layer_period`, usual[0]));
  const offset = config.count(`${name}_layer_offset`, usual[1]);
  return layers > offset ? Math.ceil((layers - offset) / period) : 0;
}

/** Source: modeling_jamba.py of transformers. */
export function jamba(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const model = list.under('model');
  const { inner, state, convolution, timeRank } = jambaShape(config);
  const { hidden, heads, kvHeads, headWidth } = attentionShape(config);
  const layers = config.count('num_hidden_layers');
  const vocabulary = config.count('vocab_size');
  const attending = periodic(config, 'attn', layers, [8, 4]);
  const experts = config.count('num_experts', 16);
  const sparse = experts > 1 ? periodic(config, 'expert', layers, [2, 1]) : 0;
  const width = config.count('intermediate_size');
  model.add('embedding', 'embed_tokens.weight', vocabulary, hidden);
  const attention = model.under('layers.*', attending).under('self_attn');
  attention.linear('attention', 'q_proj', heads * headWidth, hidden);
  attention.linear('attention', 'k_proj', kvHeads * headWidth, hidden);
  attention.linear('attention', 'v_proj', kvHeads * headWidth, hidden);
  attention.linear('attention', 'o_proj', hidden, heads * headWidth);
  const mixer = model.under('layers.*', layers - attending).under('mamba');
  const bias = config.flag('mamba_proj_bias', false);
  mixer.linear('other', 'in_proj', 2 * inner, hidden, bias);
  mixer.add('convolution', 'conv1d.weight', inner, 1, convolution);
  if (config.flag('mamba_conv_bias', true)) mixer.add('convolution', 'conv1d.bias', inner);
  mixer.linear('other', 'x_proj', timeRank + 2 * state, inner);
  mixer.linear('other', 'dt_proj', inner, timeRank, true);
  mixer.add('other', 'A_log', inner, state);
  mixer.add('other', 'D', inner);
  mixer.linear('other', 'out_proj', hidden, inner, bias);
  mixer.norm('dt_layernorm', timeRank);
  mixer.norm('b_layernorm', state);
  mixer.norm('c_layernorm', state);
  addGated(model.under('layers.*', layers - sparse).under('feed_forward'), hidden, width, 'mlp');
  const moe = model.under('layers.*', sparse).under('feed_forward');
  moe.linear('router', 'router', experts, hidden);
  addGated(moe.under('experts.*', experts), hidden, width, 'expert');
  const layer = model.under('layers.*', layers);
  layer.norm('input_layernorm', hidden);
  layer.norm('pre_ff_layernorm', hidden);
  model.norm('final_layernorm', hidden);
  addHead(list, config, { hidden, vocabulary, tied: config.flag('tie_word_embeddings', false) });
  return list;
}
