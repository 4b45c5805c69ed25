import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { labelCount } from './heads';

/**
 * BART, mBART and M2M-100 (NLLB): an encoder and a decoder with attention across. Source: modeling_bart.py, modeling_mbart.py and
 * modeling_m2m_100.py of transformers.
 */
export function bart(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const hidden = config.count('d_model');
  const model = list.under('model');
  // The head shares this matrix.
  model.add('embedding', 'shared.weight', config.count('vocab_size'), hidden);
  addStack(model.under('encoder'), config, 'encoder', hidden);
  addStack(model.under('decoder'), config, 'decoder', hidden);
  if (config.className?.endsWith('ForSequenceClassification')) {
    const head = list.under('classification_head');
    head.linear('head', 'dense', hidden, hidden, true);
    head.linear('head', 'out_proj', labelCount(config), hidden, true);
  }
  return list;
}

function addStack(
  stack: ParameterList,
  config: ModelConfig,
  part: 'encoder' | 'decoder',
  hidden: number,
): void {
  const isTranslator = config.modelType === 'm2m_100';
  // Two more places than positions, as in OPT; M2M-100 computes its positions.
  const positions = config.count('max_position_embeddings', 1024) + 2;
  if (!isTranslator) {
    stack.add('position', 'embed_positions.weight', positions, hidden);
    stack.norm('layernorm_embedding', hidden, true);
  }
  const layer = stack.under('layers.*', config.count(`${part}_layers`));
  for (const name of part === 'decoder' ? ['self_attn', 'encoder_attn'] : ['self_attn']) {
    for (const matrix of ['q_proj', 'k_proj', 'v_proj', 'out_proj'])
      layer.linear('attention', `${name}.${matrix}`, hidden, hidden, true);
    layer.norm(`${name}_layer_norm`, hidden, true);
  }
  const width = config.count(`${part}_ffn_dim`);
  layer.linear('mlp', 'fc1', width, hidden, true);
  layer.linear('mlp', 'fc2', hidden, width, true);
  layer.norm('final_layer_norm', hidden, true);
  if (config.modelType === 'mbart' || isTranslator) stack.norm('layer_norm', hidden, true);
}
