/**
 * What a module does, told from its name alone: `self_attn.q_proj`, `attn_q` and `attention.self.query` are all a
 * query projection. The names are those of Hugging Face transformers and diffusers, llama.cpp's GGUF
 * (gguf-py's tensor_mapping), timm, and the original releases of LLaMA, GPT-2, Stable Diffusion and Mamba.
 */

/** Sections in the order in which their columns stand. */
export const sections = [
  'attention',
  'cross attention',
  'MLP',
  'experts',
  'state space',
  'convolution',
  'embedding',
  'head',
  'norm',
  'other',
  'bias',
] as const;

export type Section = (typeof sections)[number];

export interface ModuleKind {
  readonly section: Section;
  /** Short: "q", "gate", "cross k", "experts up", "attn norm"; a path where nothing is known. */
  readonly label: string;
  /** Place among its section's kinds; unknown ones come last. */
  readonly rank: number;
}

/** Kinds of one section with the ends of module paths that mean them. Earlier ones are tried first. */
type Rules = readonly (readonly [label: string, pattern: RegExp])[];

/** Ends at a segment: the words may stand behind a dot or an underscore, as in `attn.q_proj` and `attn_q`. */
const ending = (words: string) => new RegExp(`(?:^|[._])(?:${words})$`);

const attentionRules: Rules = [
  ['q a', ending('q_a(?:_proj)?')],
  ['q b', ending('q_b(?:_proj)?')],
  ['kv a', ending('kv_a(?:_proj)?(?:_with)?(?:_mqa)?')],
  ['kv b', ending('kv_b(?:_proj)?')],
  ['qkv', ending('qkv|qkv_proj|query_key_value|c_attn|wqkv|to_qkv|in_proj|qkv_lin|to_added_qkv')],
  ['kv', ending('kv|kv_proj|to_kv|key_value|wkv|c_kv')],
  ['add q', ending('add_q_proj')],
  ['add k', ending('add_k_proj')],
  ['add v', ending('add_v_proj')],
  ['add o', ending('to_add_out|add_out_proj')],
  ['q', ending('q|q_proj|query|query_proj|wq|to_q|q_lin|linear_q')],
  ['k', ending('k|k_proj|key|key_proj|wk|to_k|k_lin|linear_k')],
  ['v', ending('v|v_proj|value|value_proj|wv|to_v|v_lin|linear_v')],
  [
    'o',
    ending(
      'o|o_proj|out_proj|wo|to_out|to_out\\.0|out_lin|attn_output|attn_out|proj_out|c_proj|dense|proj|out|output',
    ),
  ],
];

const attentionOrder = [
  'q',
  'q a',
  'q b',
  'k',
  'v',
  'kv',
  'kv a',
  'kv b',
  'qkv',
  'o',
  'add q',
  'add k',
  'add v',
  'add o',
];

const mlpRules: Rules = [
  ['gate up', ending('gate_up(?:_proj)?|gate_up_exps|w13')],
  ['gate', ending('gate_proj|ffn_gate|ffn_gate_exps|ffn_gate_shexp|w1|wi_0')],
  [
    'up',
    ending(
      'up_proj|ffn_up|ffn_up_exps|ffn_up_shexp|w3|wi_1|wi|fc1|fc_in|c_fc|dense_h_to_4h|intermediate\\.dense|lin1|linear1|linear_1|net\\.0\\.proj|net\\.0|mlp\\.0|proj_mlp|ffn\\.key|intermediate|fc_1|up',
    ),
  ],
  [
    'down',
    ending(
      'down_proj|ffn_down|ffn_down_exps|ffn_down_shexp|w2|wo|fc2|fc_out|c_proj|dense_4h_to_h|output\\.dense|lin2|linear2|linear_2|net\\.2|mlp\\.2|ffn\\.value|fc_2|down',
    ),
  ],
];

const mlpOrder = ['gate', 'up', 'gate up', 'down'];

const stateSpaceRules: Rules = [
  ['ssm in', ending('in_proj|ssm_in')],
  ['ssm conv', ending('conv1d|ssm_conv1d')],
  ['ssm x', ending('x_proj|ssm_x')],
  ['ssm dt', ending('dt_proj|ssm_dt|dt_bias')],
  ['ssm A', ending('a_log|ssm_a')],
  ['ssm D', ending('d|ssm_d')],
  ['ssm out', ending('out_proj|ssm_out')],
];

const stateSpaceOrder = stateSpaceRules.map(([label]) => label);

const normRules: Rules = [
  ['q norm', ending('q_norm|q_layernorm|attn_q_norm|norm_q|query_norm|q_ln')],
  ['k norm', ending('k_norm|k_layernorm|attn_k_norm|norm_k|key_norm|k_ln')],
  ['q a norm', ending('q_a_layernorm|attn_q_a_norm|q_a_norm')],
  ['kv a norm', ending('kv_a_layernorm|attn_kv_a_norm|kv_a_norm')],
  ['cross norm', ending('encoder_attn_layer_norm|cross_attn_norm|layer\\.1\\.layer_norm')],
  [
    'post-attn norm',
    ending('post_attention_layernorm|post_attention_norm|attn_post_norm|post_attn_norm|attn_output_norm'),
  ],
  ['post-ffn norm', ending('post_feedforward_layernorm|post_ffw_norm|post_ffn_norm|layer_output_norm')],
  [
    'attn norm',
    ending(
      'input_layernorm|attention_norm|attn_norm|ln_1|ln1|ln_attn|self_attn_layer_norm|layernorm_before|attention\\.output\\.layernorm|sa_layer_norm|layer_norm1|layer\\.0\\.layer_norm|pre_attention_layernorm',
    ),
  ],
  [
    'ffn norm',
    ending(
      'pre_feedforward_layernorm|ffn_norm|ln_2|ln2|ln_mlp|layernorm_after|output\\.layernorm|output_layer_norm|layer_norm2|layer\\.2\\.layer_norm|final_layer_norm',
    ),
  ],
];

const normOrder = [
  'attn norm',
  'post-attn norm',
  'cross norm',
  'ffn norm',
  'post-ffn norm',
  'q norm',
  'k norm',
  'q a norm',
  'kv a norm',
];

const crossPattern =
  /(?:^|[._])(?:encoder_attn|encdecattention|crossattention|cross_attn|cross_attention|attn2)(?:[._]|$)/;
const attentionPattern = /attn|attention|(?:^|\.)att(?:\.|$)/;
const mlpPattern =
  /mlp|ffn|ffw|feed_?forward|(?:^|\.)ff(?:_context)?\.|densereludense|expert|moe|intermediate|\.fc|^fc/;
const stateSpacePattern = /mixer|mamba|ssm/;
const normPattern = /norm|(?:^|\.)ln(?:_|\d|$)|(?:^|\.)bn\d*$/;
const routerPattern =
  /(?:^|\.)(?:(?:mlp|block_sparse_moe|moe|feed_forward|ffn|mixer)\.gate|router(?:\.\w+)?|ffn_gate_inp|gate\.wg)$/;
const sharedRouterPattern = /(?:shared_expert_gate|ffn_gate_inp_shexp)$/;
const sharedPattern = /shared_experts?(?:\.|$)|shared_mlp|_shexp$/;
const expertsPattern = /(?:^|[._])(?:experts|exps)(?:\.|$)/;
const embeddingPattern = /embed|embd|(?:^|\.)(?:wte|wpe)$|class_token|cls_token|pos_emb/;
const headPattern =
  /(?:^|\.)(?:lm_head|head|classifier|score|output|embed_out|cls\.predictions\.decoder|fc_out|qa_outputs)$/;

function ruled(
  rules: Rules,
  order: readonly string[],
  path: string,
): { label: string; rank: number } | undefined {
  const rule = rules.find(([, pattern]) => pattern.test(path));
  return rule && { label: rule[0], rank: order.indexOf(rule[0]) };
}

/** The last words of a path that still tell it from others nearby. */
function shortPath(path: string): string {
  const parts = path.split('.');
  const last = parts.at(-1) ?? '';
  return /^\d+$/.test(last) || last === 'dense' || last.length < 3 ? parts.slice(-2).join('.') : last;
}

/**
 * The kind of a module below its layer.
 * @param module Path without the layer, an expert's number and the parameter: `mlp.experts.gate_proj`. Any case.
 * @param isInLayer Outside of layers there are embeddings and heads; inside `output` is a part of something.
 * @param isExpert Its name has an expert's number.
 */
export function moduleKind(module: string, isInLayer: boolean, isExpert: boolean): ModuleKind {
  const path = module.toLowerCase();
  if (!isInLayer) {
    if (embeddingPattern.test(path)) return { section: 'embedding', label: module, rank: 0 };
    if (headPattern.test(path)) return { section: 'head', label: module, rank: 0 };
    return { section: normPattern.test(path) ? 'norm' : 'other', label: module, rank: 0 };
  }
  if (sharedRouterPattern.test(path)) return { section: 'experts', label: 'shared router', rank: 1 };
  if (routerPattern.test(path)) return { section: 'experts', label: 'router', rank: 0 };
  if (normPattern.test(path)) {
    const norm = ruled(normRules, normOrder, path);
    return norm ? { section: 'norm', ...norm } : { section: 'norm', label: shortPath(module), rank: 99 };
  }
  const isShared = sharedPattern.test(path);
  if (isExpert || expertsPattern.test(path) || isShared) {
    const part = ruled(mlpRules, mlpOrder, path);
    if (part) {
      return {
        section: 'experts',
        label: `${isShared ? 'shared' : 'experts'} ${part.label}`,
        rank: part.rank + (isShared ? 20 : 10),
      };
    }
    return { section: 'experts', label: shortPath(module), rank: 99 };
  }
  const isAttention = attentionPattern.test(path);
  if (stateSpacePattern.test(path) && !isAttention) {
    const part = ruled(stateSpaceRules, stateSpaceOrder, path);
    if (part) return { section: 'state space', ...part };
  }
  // `attention.output.dense` is attention's; `output.dense` alone is the end of the MLP.
  const attention = ruled(attentionRules, attentionOrder, path);
  if (attention && (isAttention || isAttentionAlone(attention.label, path))) {
    return crossPattern.test(path)
      ? { section: 'cross attention', label: `cross ${attention.label}`, rank: attention.rank }
      : { section: 'attention', ...attention };
  }
  const mlp = ruled(mlpRules, mlpOrder, path);
  if (mlp && (mlpPattern.test(path) || !isAttention)) return { section: 'MLP', ...mlp };
  if (/conv/.test(path)) return { section: 'convolution', label: shortPath(module), rank: 0 };
  if (embeddingPattern.test(path)) return { section: 'embedding', label: shortPath(module), rank: 0 };
  return { section: 'other', label: module === '' ? '' : shortPath(module), rank: 0 };
}

/** Names that mean attention also where no module around them says so. */
function isAttentionAlone(label: string, path: string): boolean {
  if (mlpPattern.test(path)) return false;
  return label !== 'o' || /(?:^|\.)(?:o_proj|to_out(?:\.0)?)$/.test(path);
}
