/** Configs that call the usual figures by other names. */
import type { ModelConfig } from '../../formats/modelConfig';

/** The usual name, and where else it may stand, `a.b` in a nested object. */
const names: readonly (readonly [usual: string, ...others: string[]])[] = [
  ['hidden_size', 'd_model', 'n_embd', 'n_embed'],
  ['num_hidden_layers', 'num_layers', 'n_layers', 'n_layer'],
  ['num_attention_heads', 'n_heads', 'n_head', 'num_heads'],
  ['num_key_value_heads', 'multi_query_group_num', 'attn_config.kv_n_heads', 'num_kv_heads'],
  ['intermediate_size', 'ffn_hidden_size', 'ffn_config.ffn_hidden_size', 'n_inner', 'ffn_dim'],
  ['vocab_size', 'padded_vocab_size', 'embedding_size'],
  ['head_dim', 'kv_channels'],
  ['num_experts', 'ffn_config.moe_num_experts'],
  ['num_experts_per_tok', 'ffn_config.moe_top_k'],
  ['max_position_embeddings', 'seq_length', 'max_seq_len', 'n_positions'],
];

/** The config with the usual names for what it calls otherwise; what has its usual name stays. */
export function usuallyNamed(config: ModelConfig): ModelConfig {
  const found: Record<string, number> = {};
  for (const [usual, ...others] of names) {
    for (const other of others) {
      const [object, name] = other.includes('.') ? other.split('.') : [undefined, other];
      const value = (object === undefined ? config : config.nested(object)).countOf(name!);
      if (value === undefined || config.states(usual)) continue;
      found[usual] = value;
      break;
    }
  }
  return config.withDefaults(found);
}
