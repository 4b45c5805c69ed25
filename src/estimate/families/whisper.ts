import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';

/** Whisper: convolutions over a spectrogram, an encoder, and a decoder. Source: modeling_whisper.py of transformers. */
export function whisper(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const hidden = config.count('d_model');
  const encoder = list.under('model.encoder');
  const convolution = (name: string, input: number) => {
    encoder.add('convolution', `${name}.weight`, hidden, input, 3);
    encoder.add('convolution', `${name}.bias`, hidden);
  };
  convolution('conv1', config.count('num_mel_bins', 80));
  convolution('conv2', hidden);
  encoder.add('position', 'embed_positions.weight', config.count('max_source_positions', 1500), hidden);
  addLayers(encoder, hidden, config.count('encoder_layers'), config.count('encoder_ffn_dim'), false);

  const decoder = list.under('model.decoder');
  // The head shares this matrix.
  decoder.add('embedding', 'embed_tokens.weight', config.count('vocab_size'), hidden);
  decoder.add('position', 'embed_positions.weight', config.count('max_target_positions', 448), hidden);
  addLayers(decoder, hidden, config.count('decoder_layers'), config.count('decoder_ffn_dim'), true);
  return list;
}

function addLayers(
  stack: ParameterList,
  hidden: number,
  layers: number,
  width: number,
  isDecoder: boolean,
): void {
  const layer = stack.under('layers.*', layers);
  const attention = (name: string) => {
    // Keys have no bias: it would be the same for all positions and drop out of the softmax.
    for (const part of ['q_proj', 'k_proj', 'v_proj', 'out_proj'])
      layer.linear('attention', `${name}.${part}`, hidden, hidden, part !== 'k_proj');
    layer.norm(`${name}_layer_norm`, hidden, true);
  };
  attention('self_attn');
  if (isDecoder) attention('encoder_attn');
  layer.linear('mlp', 'fc1', width, hidden, true);
  layer.linear('mlp', 'fc2', hidden, width, true);
  layer.norm('final_layer_norm', hidden, true);
  stack.norm('layer_norm', hidden, true);
}
