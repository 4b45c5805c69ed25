/** Gemma 3n's language model: inputs for each layer, several streams (AltUp), and low-rank residuals (LAuReL). */
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { addGated, attentionShape } from './decoder';

/** Source: modeling_gemma3n.py of transformers. The head is the embedding's matrix. */
export function gemma3nText(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const model = list.under('model');
  const shape = attentionShape(config.withDefaults({ head_dim: 256 }));
  const { hidden, heads, kvHeads, headWidth } = shape;
  const layers = config.count('num_hidden_layers', 35);
  const own = config.count('hidden_size_per_layer_input', 256);
  const streams = config.count('altup_num_inputs', 4);
  const rank = config.count('laurel_rank', 64);
  // A width for each layer, which is the same in all published models.
  const width = config.counts('intermediate_size')?.[0] ?? config.count('intermediate_size', 16384);
  model.add('embedding', 'embed_tokens.weight', config.count('vocab_size', 262400), hidden);
  const ownVocabulary = config.count('vocab_size_per_layer_input', 262144);
  model.add('embedding', 'embed_tokens_per_layer.weight', ownVocabulary, layers * own);
  model.linear('other', 'per_layer_model_projection', layers * own, hidden);
  model.norm('per_layer_projection_norm', own);
  for (const name of ['altup_projections', 'altup_unembed_projections'])
    model.under(`${name}.*`, Math.max(0, streams - 1)).add('other', 'weight', hidden, hidden);
  const layer = model.under('layers.*', layers);
  const attention = layer.under('self_attn');
  attention.linear('attention', 'q_proj', heads * headWidth, hidden);
  attention.linear('attention', 'k_proj', kvHeads * headWidth, hidden);
  attention.linear('attention', 'v_proj', kvHeads * headWidth, hidden);
  attention.linear('attention', 'o_proj', hidden, heads * headWidth);
  attention.norm('q_norm', headWidth);
  attention.norm('k_norm', headWidth);
  addGated(layer.under('mlp'), hidden, width, 'mlp');
  const laurel = layer.under('laurel');
  laurel.linear('other', 'linear_left', rank, hidden);
  laurel.linear('other', 'linear_right', hidden, rank);
  laurel.norm('post_laurel_norm', hidden);
  const altup = layer.under('altup');
  altup.add('other', 'correct_output_scale', hidden);
  altup.linear('other', 'correction_coefs', streams, streams);
  altup.linear('other', 'prediction_coefs', streams ** 2, streams);
  altup.linear('router', 'modality_router', streams, hidden);
  altup.norm('router_norm', hidden);
  layer.linear('other', 'per_layer_input_gate', own, hidden);
  layer.linear('other', 'per_layer_projection', hidden, own);
  for (const name of [
    'input_layernorm',
    'post_attention_layernorm',
    'pre_feedforward_layernorm',
    'post_feedforward_layernorm',
    'post_per_layer_input_norm',
  ])
    layer.norm(name, hidden);
  model.norm('norm', hidden);
  return list;
}
