/** DeepSeek V2 and V3: latent attention (MLA), and experts behind the first layers. */
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { addGated } from './decoder';
import { addHead } from './heads';

/** The widths of latent attention. */
export interface LatentShape {
  /** Of the joint latent of keys and values. */
  readonly latent: number;
  /** Of the part of a key that turns with the position; all heads share it. */
  readonly rotary: number;
  /** Of the other part. */
  readonly plain: number;
  readonly value: number;
}

export function latentShape(config: ModelConfig): LatentShape {
  return {
    latent: config.count('kv_lora_rank'),
    rotary: config.count('qk_rope_head_dim'),
    plain: config.count('qk_nope_head_dim'),
    value: config.count('v_head_dim'),
  };
}

/** Source: modeling_deepseek_v2.py and modeling_deepseek_v3.py of transformers. */
export function deepseek(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const hidden = config.count('hidden_size');
  const layers = config.count('num_hidden_layers');
  const model = list.under('model');
  model.add('embedding', 'embed_tokens.weight', config.count('vocab_size'), hidden);
  const layer = model.under('layers.*', layers);
  addLatentAttention(layer.under('self_attn'), config, hidden);
  layer.norm('input_layernorm', hidden);
  layer.norm('post_attention_layernorm', hidden);

  const experts = config.count('n_routed_experts', 0);
  const dense = experts === 0 ? layers : Math.min(layers, config.count('first_k_dense_replace', 0));
  const every = Math.max(1, config.count('moe_layer_freq', 1));
  // Of the layers behind the dense ones, those whose number the frequency divides.
  const sparse = experts === 0 ? 0 : Math.ceil(layers / every) - Math.ceil(dense / every);
  addGated(
    model.under('layers.*', layers - sparse).under('mlp'),
    hidden,
    config.count('intermediate_size'),
    'mlp',
  );
  if (sparse > 0) addExperts(model.under('layers.*', sparse).under('mlp'), config, hidden, experts);
  model.norm('norm', hidden);
  const tied = config.flag('tie_word_embeddings', false);
  addHead(list, config, { hidden, vocabulary: config.count('vocab_size'), tied });
  return list;
}

function addLatentAttention(attention: ParameterList, config: ModelConfig, hidden: number): void {
  const heads = config.count('num_attention_heads');
  const { latent, rotary, plain, value } = latentShape(config);
  const bias = config.flag('attention_bias', false);
  const queryRank = config.optionalCount('q_lora_rank');
  if (queryRank === undefined) {
    attention.linear('attention', 'q_proj', heads * (plain + rotary), hidden);
  } else {
    attention.linear('attention', 'q_a_proj', queryRank, hidden, bias);
    attention.norm('q_a_layernorm', queryRank);
    attention.linear('attention', 'q_b_proj', heads * (plain + rotary), queryRank);
  }
  attention.linear('attention', 'kv_a_proj_with_mqa', latent + rotary, hidden, bias);
  attention.norm('kv_a_layernorm', latent);
  attention.linear('attention', 'kv_b_proj', heads * (plain + value), latent);
  attention.linear('attention', 'o_proj', hidden, heads * value, bias);
}

function addExperts(mlp: ParameterList, config: ModelConfig, hidden: number, experts: number): void {
  const width = config.count('moe_intermediate_size');
  mlp.linear('router', 'gate', experts, hidden);
  // V3 balances its experts by a learned bias; V2 has none.
  const hasBias =
    config.modelType === 'deepseek_v3' ||
    config.modelType === 'kimi_k2' ||
    config.text('topk_method') === 'noaux_tc';
  if (hasBias) mlp.add('router', 'gate.e_score_correction_bias', experts);
  addGated(mlp.under('experts.*', experts), hidden, width, 'expert');
  const shared = config.count('n_shared_experts', 0);
  if (shared > 0) addGated(mlp.under('shared_experts'), hidden, width * shared, 'mlp');
}
