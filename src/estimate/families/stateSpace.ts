import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { addHead } from './heads';

/** Widths of a Mamba mixer. */
export function mambaShape(config: ModelConfig): {
  hidden: number;
  inner: number;
  state: number;
  convolution: number;
  timeRank: number;
} {
  const hidden = config.count(['hidden_size', 'd_model']);
  const inner = config.count(['intermediate_size', 'd_inner'], config.count('expand', 2) * hidden);
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
