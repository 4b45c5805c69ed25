/** What stands in the place of attention in some layers of a decoder: gated delta nets, Mamba 2, short convolutions. */
import type { ModelConfig } from '../../formats/modelConfig';
import { stateLayers } from '../cacheStates';
import type { Mixers } from './decoder';

const layersOf = (config: ModelConfig): number =>
  stateLayers(config, config.modelType, config.count('num_hidden_layers'));

/** Gated delta nets of Qwen3-Next and Qwen3.5. Source: modeling_qwen3_next.py, modeling_qwen3_5.py of transformers. */
export function deltaNetMixers(config: ModelConfig): Mixers {
  const valueHeads = config.count('linear_num_value_heads');
  const keys = config.count('linear_num_key_heads') * config.count('linear_key_head_dim');
  const valueWidth = config.count('linear_value_head_dim');
  const values = valueHeads * valueWidth;
  return {
    layers: layersOf(config),
    add(layers, hidden) {
      const mixer = layers.under('linear_attn');
      // Queries, keys, values and their gate; then the two gates of each head.
      mixer.linear('attention', 'in_proj_qkvz', 2 * keys + 2 * values, hidden);
      mixer.linear('attention', 'in_proj_ba', 2 * valueHeads, hidden);
      mixer.add(
        'convolution',
        'conv1d.weight',
        2 * keys + values,
        1,
        config.count('linear_conv_kernel_dim', 4),
      );
      for (const name of ['dt_bias', 'A_log']) mixer.add('other', name, valueHeads);
      mixer.norm('norm', valueWidth);
      mixer.linear('attention', 'out_proj', hidden, values);
    },
  };
}

/** Mamba 2 within Granite 4. Source: modeling_granitemoehybrid.py of transformers. */
export function mamba2Mixers(config: ModelConfig): Mixers {
  const heads = config.count('mamba_n_heads', 128);
  const state = config.count('mamba_d_state', 256);
  return {
    layers: layersOf(config),
    add(layers, hidden) {
      const mixer = layers.under('mamba');
      const inner = config.count('mamba_expand', 2) * hidden;
      const bias = config.flag('mamba_proj_bias', false);
      const convolved = inner + 2 * config.count('mamba_n_groups', 1) * state;
      mixer.linear('other', 'in_proj', inner + convolved + heads, hidden, bias);
      mixer.add('convolution', 'conv1d.weight', convolved, 1, config.count('mamba_d_conv', 4));
      if (config.flag('mamba_conv_bias', true)) mixer.add('convolution', 'conv1d.bias', convolved);
      for (const name of ['dt_bias', 'A_log', 'D']) mixer.add('other', name, heads);
      mixer.norm('norm', inner);
      mixer.linear('other', 'out_proj', hidden, inner, bias);
    },
  };
}

/** Short convolutions between two gates: LFM2. Source: modeling_lfm2.py of transformers. */
export function shortConvolutions(config: ModelConfig): Mixers {
  const bias = config.flag('conv_bias', false);
  return {
    layers: layersOf(config),
    add(layers, hidden) {
      const mixer = layers.under('conv');
      mixer.linear('other', 'in_proj', 3 * hidden, hidden, bias);
      mixer.add('convolution', 'conv.weight', hidden, 1, config.count('conv_L_cache', 3));
      if (bias) mixer.add('convolution', 'conv.bias', hidden);
      mixer.linear('other', 'out_proj', hidden, hidden, bias);
    },
  };
}
