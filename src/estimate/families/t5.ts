/** T5, v1.0 and v1.1, mT5 and Flan: an encoder and a decoder with attention across. */
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { headKind } from './heads';

/** Source: modeling_t5.py of transformers. */
export function t5(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const hidden = config.count('d_model');
  const vocabulary = config.count('vocab_size');
  list.add('embedding', 'shared.weight', vocabulary, hidden);
  const encoderLayers = config.count('num_layers');
  addStack(list.under('encoder'), config, encoderLayers, false);
  if (config.className !== 'T5EncoderModel' && config.className !== 'MT5EncoderModel') {
    addStack(list.under('decoder'), config, config.count('num_decoder_layers', encoderLayers), true);
    const tied = config.flag('tie_word_embeddings', true);
    if (headKind(config) === 'causal' && !tied) list.linear('head', 'lm_head', vocabulary, hidden);
  }
  return list;
}

function addStack(stack: ParameterList, config: ModelConfig, layers: number, isDecoder: boolean): void {
  const hidden = config.count('d_model');
  const heads = config.count('num_heads');
  const inner = heads * config.count('d_kv');
  const block = stack.under('block.*', layers);
  const attention = (place: string, name: string) => {
    for (const letter of ['q', 'k', 'v'])
      block.linear('attention', `${place}.${name}.${letter}`, inner, hidden);
    block.linear('attention', `${place}.${name}.o`, hidden, inner);
    block.norm(`${place}.layer_norm`, hidden);
  };
  attention('layer.0', 'SelfAttention');
  // The table of relative positions is the first block's, and serves all.
  const buckets = config.count('relative_attention_num_buckets', 32);
  const first = stack.under('block.0.layer.0.SelfAttention');
  first.add('position', 'relative_attention_bias.weight', buckets, heads);
  if (isDecoder) attention('layer.1', 'EncDecAttention');
  const place = `layer.${isDecoder ? 2 : 1}`;
  const feedForward = block.under(`${place}.DenseReluDense`);
  const width = config.count('d_ff');
  const isGated = config.flag(
    'is_gated_act',
    config.text('feed_forward_proj')?.startsWith('gated-') ?? false,
  );
  for (const name of isGated ? ['wi_0', 'wi_1'] : ['wi']) feedForward.linear('mlp', name, width, hidden);
  feedForward.linear('mlp', 'wo', hidden, width);
  block.norm(`${place}.layer_norm`, hidden);
  stack.norm('final_layer_norm', hidden);
}
