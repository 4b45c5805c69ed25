import type { GgufFamily } from './family';

const outside: Readonly<Record<string, string>> = {
  wte: 'token_embd',
  wpe: 'position_embd',
  ln_f: 'output_norm',
};
const inLayer: Readonly<Record<string, string>> = {
  ln_1: 'attn_norm',
  'attn.c_attn': 'attn_qkv',
  'attn.c_proj': 'attn_output',
  ln_2: 'ffn_norm',
  'mlp.c_fc': 'ffn_up',
  'mlp.c_proj': 'ffn_down',
};

/** GPT-2. Its projections are stored as [in, out], and turn round. */
export const gpt2: GgufFamily = {
  architecture: 'gpt2',
  target(name) {
    const plain = name.replace(/^transformer\./, '');
    // Masks, and the head that is the embedding.
    if (/\.attn\.(?:bias|masked_bias)$/.test(plain) || plain === 'lm_head.weight') return 'skip';
    const [, module = '', ending = ''] = /^(.+)\.(weight|bias)$/.exec(plain) ?? [];
    if (Object.hasOwn(outside, module))
      return { name: `${outside[module]}.${ending}`, isEmbedding: module === 'wte' };
    const [, layer, inner = ''] = /^h\.(\d{1,6})\.(.+)$/.exec(module) ?? [];
    if (layer === undefined || !Object.hasOwn(inLayer, inner)) return undefined;
    const isTransposed = ending === 'weight' && /\.c_\w+$/.test(inner);
    return { name: `blk.${layer}.${inLayer[inner]}.${ending}`, isTransposed };
  },
  hyperparameters(list, config) {
    const hidden = config.count(['n_embd', 'hidden_size']);
    list.u32('block_count', config.count(['n_layer', 'num_hidden_layers']));
    list.u32('context_length', config.count(['n_ctx', 'n_positions', 'max_position_embeddings']));
    list.u32('embedding_length', hidden);
    list.u32('feed_forward_length', config.optionalCount('n_inner') ?? 4 * hidden);
    list.u32('attention.head_count', config.count(['n_head', 'num_attention_heads']));
    list.f32('attention.layer_norm_epsilon', config.number('layer_norm_epsilon', 1e-5));
  },
};
