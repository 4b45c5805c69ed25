/** Decoders of the older kinds: LayerNorms with bias, plain feed-forwards, each family in its own way. */
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { attentionShape } from './decoder';
import { addHead, headKind } from './heads';

/** The list and where the body's tensors go: under a prefix, or at the top for a model without a head. */
function begin(config: ModelConfig, prefix: string): { list: ParameterList; body: ParameterList } {
  const list = new ParameterList();
  return { list, body: headKind(config) === 'none' ? list : list.under(prefix) };
}

/** Two matrices with biases or without. */
function addPlain(
  list: ParameterList,
  names: readonly [string, string],
  hidden: number,
  width: number,
  bias: boolean,
): void {
  list.linear('mlp', names[0], width, hidden, bias);
  list.linear('mlp', names[1], hidden, width, bias);
}

/** GPT-2. Its Conv1D modules hold weights as [in, out]. */
export function gpt2(config: ModelConfig): ParameterList {
  const { list, body } = begin(config, 'transformer');
  const hidden = config.count(['n_embd', 'hidden_size']);
  const width = config.optionalCount(['n_inner', 'intermediate_size']) ?? 4 * hidden;
  const vocabulary = config.count('vocab_size');
  body.add('embedding', 'wte.weight', vocabulary, hidden);
  body.add('position', 'wpe.weight', config.count(['n_positions', 'max_position_embeddings']), hidden);
  const layer = body.under('h.*', config.count(['n_layer', 'num_hidden_layers']));
  const conv1d = (role: 'attention' | 'mlp', name: string, input: number, out: number) => {
    layer.add(role, `${name}.weight`, input, out);
    layer.add(role, `${name}.bias`, out);
  };
  layer.norm('ln_1', hidden, true);
  conv1d('attention', 'attn.c_attn', hidden, 3 * hidden);
  conv1d('attention', 'attn.c_proj', hidden, hidden);
  layer.norm('ln_2', hidden, true);
  conv1d('mlp', 'mlp.c_fc', hidden, width);
  conv1d('mlp', 'mlp.c_proj', width, hidden);
  body.norm('ln_f', hidden, true);
  addHead(list, config, { hidden, vocabulary, tied: config.flag('tie_word_embeddings', true) });
  return list;
}

/** StarCoder: GPT-2 with one key and value head for all (multi-query). */
export function gptBigcode(config: ModelConfig): ParameterList {
  const { list, body } = begin(config, 'transformer');
  const hidden = config.count(['n_embd', 'hidden_size']);
  const heads = config.count(['n_head', 'num_attention_heads']);
  const width = config.optionalCount(['n_inner', 'intermediate_size']) ?? 4 * hidden;
  const vocabulary = config.count('vocab_size');
  const headWidth = heads > 0 ? Math.floor(hidden / heads) : 0;
  const keyValue = config.flag('multi_query', true) ? 2 * headWidth : 2 * hidden;
  body.add('embedding', 'wte.weight', vocabulary, hidden);
  body.add('position', 'wpe.weight', config.count(['n_positions', 'max_position_embeddings']), hidden);
  const layer = body.under('h.*', config.count(['n_layer', 'num_hidden_layers']));
  layer.norm('ln_1', hidden, true);
  layer.linear('attention', 'attn.c_attn', hidden + keyValue, hidden, true);
  layer.linear('attention', 'attn.c_proj', hidden, hidden, true);
  layer.norm('ln_2', hidden, true);
  addPlain(layer.under('mlp'), ['c_fc', 'c_proj'], hidden, width, true);
  body.norm('ln_f', hidden, true);
  addHead(list, config, { hidden, vocabulary, tied: config.flag('tie_word_embeddings', true) });
  return list;
}

/** GPT-J: one norm a layer, attention without biases, a head with one. */
export function gptj(config: ModelConfig): ParameterList {
  const { list, body } = begin(config, 'transformer');
  const hidden = config.count('n_embd');
  const vocabulary = config.count('vocab_size');
  body.add('embedding', 'wte.weight', vocabulary, hidden);
  const layer = body.under('h.*', config.count('n_layer'));
  layer.norm('ln_1', hidden, true);
  for (const name of ['q_proj', 'k_proj', 'v_proj', 'out_proj'])
    layer.linear('attention', `attn.${name}`, hidden, hidden);
  addPlain(
    layer.under('mlp'),
    ['fc_in', 'fc_out'],
    hidden,
    config.optionalCount('n_inner') ?? 4 * hidden,
    true,
  );
  body.norm('ln_f', hidden, true);
  const tied = config.flag('tie_word_embeddings', false);
  addHead(list, config, { hidden, vocabulary, tied, bias: true });
  return list;
}

/** GPT-Neo: queries, keys and values without biases. Half of the layers look back over a window, of which no runtime's cache knows. */
export function gptNeo(config: ModelConfig): ParameterList {
  const { list, body } = begin(config, 'transformer');
  const hidden = config.count('hidden_size');
  const vocabulary = config.count('vocab_size');
  body.add('embedding', 'wte.weight', vocabulary, hidden);
  body.add('position', 'wpe.weight', config.count('max_position_embeddings'), hidden);
  const layer = body.under('h.*', config.count(['num_layers', 'num_hidden_layers']));
  layer.norm('ln_1', hidden, true);
  for (const name of ['q_proj', 'k_proj', 'v_proj'])
    layer.linear('attention', `attn.attention.${name}`, hidden, hidden);
  layer.linear('attention', 'attn.attention.out_proj', hidden, hidden, true);
  layer.norm('ln_2', hidden, true);
  const width = config.optionalCount('intermediate_size') ?? 4 * hidden;
  addPlain(layer.under('mlp'), ['c_fc', 'c_proj'], hidden, width, true);
  body.norm('ln_f', hidden, true);
  addHead(list, config, { hidden, vocabulary, tied: config.flag('tie_word_embeddings', true) });
  return list;
}

/** GPT-NeoX and Pythia. */
export function gptNeox(config: ModelConfig): ParameterList {
  const { list, body } = begin(config, 'gpt_neox');
  const hidden = config.count('hidden_size');
  const bias = config.flag('attention_bias', true);
  const vocabulary = config.count('vocab_size');
  body.add('embedding', 'embed_in.weight', vocabulary, hidden);
  const layer = body.under('layers.*', config.count('num_hidden_layers'));
  layer.norm('input_layernorm', hidden, true);
  layer.norm('post_attention_layernorm', hidden, true);
  layer.linear('attention', 'attention.query_key_value', 3 * hidden, hidden, bias);
  layer.linear('attention', 'attention.dense', hidden, hidden, bias);
  const names = ['dense_h_to_4h', 'dense_4h_to_h'] as const;
  addPlain(layer.under('mlp'), names, hidden, config.count('intermediate_size'), true);
  body.norm('final_layer_norm', hidden, true);
  const tied = config.flag('tie_word_embeddings', false);
  addHead(list, config, { hidden, vocabulary, tied, name: 'embed_out' });
  return list;
}

/** Phi-3 small: grouped heads in one matrix, a gated feed-forward, biases everywhere. Source: modeling_phi3_small.py. */
export function phi3Small(config: ModelConfig): ParameterList {
  const { list, body } = begin(config, 'model');
  const { hidden, heads, kvHeads, headWidth } = attentionShape(config);
  const vocabulary = config.count('vocab_size');
  const width = config.count(['ff_intermediate_size', 'intermediate_size']);
  body.add('embedding', 'embed_tokens.weight', vocabulary, hidden);
  const layer = body.under('layers.*', config.count('num_hidden_layers'));
  const qkv = (heads + 2 * kvHeads) * headWidth;
  layer.linear('attention', 'self_attn.query_key_value', qkv, hidden, true);
  layer.linear('attention', 'self_attn.dense', hidden, heads * headWidth, true);
  layer.linear('mlp', 'mlp.up_proj', 2 * width, hidden, true);
  layer.linear('mlp', 'mlp.down_proj', hidden, width, true);
  layer.norm('input_layernorm', hidden, true);
  layer.norm('post_attention_layernorm', hidden, true);
  body.norm('final_layernorm', hidden, true);
  addHead(list, config, { hidden, vocabulary, tied: config.flag('tie_word_embeddings', true) });
  return list;
}

/** Phi-1, Phi-1.5 and Phi-2: one norm a layer, biases everywhere. */
export function phi(config: ModelConfig): ParameterList {
  const { list, body } = begin(config, 'model');
  const { hidden, heads, kvHeads, headWidth } = attentionShape(config);
  const vocabulary = config.count('vocab_size');
  body.add('embedding', 'embed_tokens.weight', vocabulary, hidden);
  const layer = body.under('layers.*', config.count('num_hidden_layers'));
  layer.norm('input_layernorm', hidden, true);
  const attention = layer.under('self_attn');
  attention.linear('attention', 'q_proj', heads * headWidth, hidden, true);
  attention.linear('attention', 'k_proj', kvHeads * headWidth, hidden, true);
  attention.linear('attention', 'v_proj', kvHeads * headWidth, hidden, true);
  attention.linear('attention', 'dense', hidden, heads * headWidth, true);
  if (config.flag('qk_layernorm', false)) {
    attention.norm('q_layernorm', headWidth, true);
    attention.norm('k_layernorm', headWidth, true);
  }
  addPlain(layer.under('mlp'), ['fc1', 'fc2'], hidden, config.count('intermediate_size', 4 * hidden), true);
  body.norm('final_layernorm', hidden, true);
  const tied = config.flag('tie_word_embeddings', false);
  addHead(list, config, { hidden, vocabulary, tied, bias: true });
  return list;
}

/** Heads of Falcon, and whether it is of the later shape. 40B was published as "RefinedWeb" before configs said so. */
export function falconShape(config: ModelConfig): {
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headWidth: number;
  readonly isNew: boolean;
} {
  const hidden = config.count(['hidden_size', 'n_embed']);
  const heads = config.count(['num_attention_heads', 'n_head']);
  const isNew = config.flag('new_decoder_architecture', config.modelType === 'RefinedWeb');
  const kvHeads = isNew
    ? config.count(['num_kv_heads', 'n_head_kv'], heads)
    : config.flag('multi_query', true)
      ? 1
      : heads;
  return { hidden, heads, kvHeads, headWidth: heads > 0 ? Math.floor(hidden / heads) : 0, isNew };
}

/** Falcon in its three shapes: 7B (multi-query), 40B and later (grouped), and the RefinedWeb models (every head). */
export function falcon(config: ModelConfig): ParameterList {
  const { list, body } = begin(config, 'transformer');
  const { hidden, heads, kvHeads, headWidth, isNew } = falconShape(config);
  const bias = config.flag('bias', false);
  const vocabulary = config.count('vocab_size');
  body.add('embedding', 'word_embeddings.weight', vocabulary, hidden);
  const layer = body.under('h.*', config.count(['num_hidden_layers', 'n_layer']));
  const qkv = (heads + 2 * kvHeads) * headWidth;
  layer.linear('attention', 'self_attention.query_key_value', qkv, hidden, bias);
  layer.linear('attention', 'self_attention.dense', hidden, heads * headWidth, bias);
  const width = config.optionalCount('ffn_hidden_size') ?? 4 * hidden;
  addPlain(layer.under('mlp'), ['dense_h_to_4h', 'dense_4h_to_h'], hidden, width, bias);
  const isParallel = config.flag('parallel_attn', true);
  if (isParallel && config.count('num_ln_in_parallel_attn', isNew ? 2 : 1) === 2) {
    layer.norm('ln_attn', hidden, true);
    layer.norm('ln_mlp', hidden, true);
  } else {
    layer.norm('input_layernorm', hidden, true);
    if (!isParallel) layer.norm('post_attention_layernorm', hidden, true);
  }
  body.norm('ln_f', hidden, true);
  addHead(list, config, { hidden, vocabulary, tied: config.flag('tie_word_embeddings', true) });
  return list;
}

/** OPT. The 350M model embeds in a smaller width and has no norm at the end. */
export function opt(config: ModelConfig): ParameterList {
  const { list, body } = begin(config, 'model');
  const decoder = body.under('decoder');
  const hidden = config.count('hidden_size');
  const embedded = config.count('word_embed_proj_dim', hidden);
  const bias = config.flag('enable_bias', true);
  const vocabulary = config.count('vocab_size');
  decoder.add('embedding', 'embed_tokens.weight', vocabulary, embedded);
  // Two more places than positions: the offset that the family inherits from fairseq.
  decoder.add('position', 'embed_positions.weight', config.count('max_position_embeddings') + 2, hidden);
  if (embedded !== hidden) {
    decoder.linear('other', 'project_in', hidden, embedded);
    decoder.linear('other', 'project_out', embedded, hidden);
  }
  const layer = decoder.under('layers.*', config.count('num_hidden_layers'));
  for (const name of ['q_proj', 'k_proj', 'v_proj', 'out_proj'])
    layer.linear('attention', `self_attn.${name}`, hidden, hidden, bias);
  addPlain(layer, ['fc1', 'fc2'], hidden, config.count('ffn_dim'), bias);
  const hasNorms = config.flag('layer_norm_elementwise_affine', true);
  if (hasNorms) {
    layer.norm('self_attn_layer_norm', hidden, true);
    layer.norm('final_layer_norm', hidden, true);
    const normsFirst = config.flag('do_layer_norm_before', true);
    if (normsFirst && !config.flag('_remove_final_layer_norm', false))
      decoder.norm('final_layer_norm', hidden, true);
  }
  const tied = config.flag('tie_word_embeddings', true);
  addHead(list, config, { hidden: embedded, vocabulary, tied });
  return list;
}

/** BLOOM: ALiBi, so no positions; a norm behind the embedding. */
export function bloom(config: ModelConfig): ParameterList {
  const { list, body } = begin(config, 'transformer');
  const hidden = config.count(['hidden_size', 'n_embed']);
  const vocabulary = config.count('vocab_size');
  body.add('embedding', 'word_embeddings.weight', vocabulary, hidden);
  body.norm('word_embeddings_layernorm', hidden, true);
  const layer = body.under('h.*', config.count(['n_layer', 'num_hidden_layers']));
  layer.norm('input_layernorm', hidden, true);
  layer.linear('attention', 'self_attention.query_key_value', 3 * hidden, hidden, true);
  layer.linear('attention', 'self_attention.dense', hidden, hidden, true);
  layer.norm('post_attention_layernorm', hidden, true);
  addPlain(layer.under('mlp'), ['dense_h_to_4h', 'dense_4h_to_h'], hidden, 4 * hidden, true);
  body.norm('ln_f', hidden, true);
  addHead(list, config, { hidden, vocabulary, tied: config.flag('tie_word_embeddings', true) });
  return list;
}

/** MPT: no biases anywhere, the norms included. */
export function mpt(config: ModelConfig): ParameterList {
  const { list, body } = begin(config, 'transformer');
  const hidden = config.count('d_model');
  const vocabulary = config.count('vocab_size');
  const width = hidden * config.count('expansion_ratio', 4);
  const bias = !config.flag('no_bias', true);
  body.add('embedding', 'wte.weight', vocabulary, hidden);
  const layer = body.under('blocks.*', config.count('n_layers'));
  layer.norm('norm_1', hidden, bias);
  layer.linear('attention', 'attn.Wqkv', 3 * hidden, hidden, bias);
  layer.linear('attention', 'attn.out_proj', hidden, hidden, bias);
  layer.norm('norm_2', hidden, bias);
  addPlain(layer.under('ffn'), ['up_proj', 'down_proj'], hidden, width, bias);
  body.norm('norm_f', hidden, bias);
  addHead(list, config, { hidden, vocabulary, tied: config.flag('tie_word_embeddings', true) });
  return list;
}
