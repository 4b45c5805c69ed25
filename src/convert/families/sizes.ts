/** Sizes of a model by the names that configs give them. */
import type { ModelConfig } from '../../formats/modelConfig';

export const layerCount = (config: ModelConfig): number =>
  config.count(['num_hidden_layers', 'n_layers', 'n_layer', 'num_layers']);
export const headCount = (config: ModelConfig): number =>
  config.count(['num_attention_heads', 'n_head', 'n_heads']);
export const hiddenSize = (config: ModelConfig): number => config.count(['hidden_size', 'n_embd', 'dim']);
export const kvHeadCount = (config: ModelConfig): number =>
  config.count(['num_key_value_heads', 'n_kv_heads'], headCount(config));
/** Of one head: stated, or the width divided by the heads. */
export const headWidth = (config: ModelConfig): number =>
  config.count('head_dim', Math.floor(hiddenSize(config) / Math.max(1, headCount(config))));
