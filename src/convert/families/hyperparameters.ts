/** Keys that nearly every family has, in the order in which llama.cpp's converter writes them. */
import type { ModelConfig } from '../../formats/modelConfig';
import type { MetadataList } from '../metadataList';
import { type PositionAbilities, ropeMetadata } from './positions';
import { headCount, hiddenSize, layerCount } from './sizes';

export function commonHyperparameters(
  list: MetadataList,
  config: ModelConfig,
  abilities: PositionAbilities = {},
): void {
  list.u32('block_count', layerCount(config));
  list.u32(
    'context_length',
    config.optionalCount(['max_position_embeddings', 'n_ctx', 'n_positions', 'max_length']),
  );
  list.u32('embedding_length', hiddenSize(config));
  list.u32('feed_forward_length', config.optionalCount(['intermediate_size', 'n_inner', 'hidden_dim']));
  list.u32('attention.head_count', headCount(config));
  list.u32('attention.head_count_kv', config.optionalCount(['num_key_value_heads', 'n_kv_heads']));
  // Models that were made to look ahead, for vectors of texts.
  if (!config.flag('is_causal', true)) list.flag('attention.causal', false);
  ropeMetadata(list, config, abilities);
  list.f32('attention.layer_norm_rms_epsilon', config.optionalNumber(['rms_norm_eps', 'norm_eps']));
  list.f32('attention.layer_norm_epsilon', config.optionalNumber(['layer_norm_eps', 'layer_norm_epsilon']));
  list.u32('expert_count', config.optionalCount(['num_local_experts', 'num_experts']));
  list.u32('expert_used_count', config.optionalCount(['num_experts_per_tok', 'num_experts_per_token']));
  const width = config.optionalCount('head_dim');
  list.u32('attention.key_length', width);
  list.u32('attention.value_length', width);
}
