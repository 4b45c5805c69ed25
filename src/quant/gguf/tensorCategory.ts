/** What a tensor of a GGUF model is for, by its name, as far as mixes tell tensors apart (llama.cpp, llama-quant.cpp). */

export type TensorCategory =
  | 'output'
  | 'tokenEmbedding'
  | 'attentionQkv'
  | 'attentionKvB'
  | 'attentionV'
  | 'attentionK'
  | 'attentionQ'
  | 'attentionOutput'
  | 'ffnUp'
  | 'ffnGate'
  | 'ffnDown'
  | 'other';

/** The token table, and the one by layer that Gemma 3n has besides. */
const tokenTables: ReadonlySet<string> = new Set(['token_embd.weight', 'per_layer_token_embd.weight']);

/** In this order: the first part of a name that is found decides. */
const parts: readonly (readonly [string, TensorCategory])[] = [
  ['attn_qkv.weight', 'attentionQkv'],
  ['attn_kv_b.weight', 'attentionKvB'],
  ['attn_v.weight', 'attentionV'],
  ['attn_k.weight', 'attentionK'],
  ['attn_q.weight', 'attentionQ'],
  ['attn_output.weight', 'attentionOutput'],
  ['ffn_up', 'ffnUp'],
  ['ffn_gate', 'ffnGate'],
  ['ffn_down', 'ffnDown'],
];

export function categoryOf(name: string): TensorCategory {
  if (name === 'output.weight') return 'output';
  if (tokenTables.has(name)) return 'tokenEmbedding';
  return parts.find(([part]) => name.includes(part))?.[1] ?? 'other';
}

/** Whether a category holds attention values, alone or fused: the weights that suffer most. */
export const holdsAttentionValues = (category: TensorCategory): boolean =>
  category === 'attentionV' || category === 'attentionQkv' || category === 'attentionKvB';

/** Parts of names of weights that stay as they are: small ones, and such as code reads in their own type. */
const keptParts: readonly string[] = [
  '_norm.weight',
  // Routers of experts, and DeepSeek's table from tokens to experts.
  'ffn_gate_inp.weight',
  'ffn_gate_tid2eid.weight',
  // Gemma 3n.
  'altup',
  'laurel',
  'per_layer_model_proj',
  // Short convolutions of Mamba, Kimi and LFM2.
  'ssm_conv1d',
  'shortconv.conv.weight',
  // MiniMax's indexers.
  'indexer.k_proj.weight',
  'indexer.q_proj.weight',
  // Small matrices of RWKV.
  ...['first', 'w0', 'w1', 'w2', 'v0', 'v1', 'v2', 'a0', 'a1', 'a2', 'g1', 'g2', 'decay_w1', 'decay_w2']
    .concat('lerp_fused')
    .map((name) => `time_mix_${name}.weight`),
  // T5's relative positions, and parts of encoders of pictures and sound.
  'attn_rel_b.weight',
  '.position_embd',
  'sam.pos_embd',
  'sam.neck.',
  'sam.net_',
  '.rel_pos',
  '.patch_embd',
  '.patch_merger',
  'a.rvq.codebook',
  'mm.a.code_embd',
];
const keptNames: ReadonlySet<string> = new Set(['position_embd.weight', 'token_types.weight']);

/**
 * Why a tensor keeps its type whatever the mix, or undefined. `shape` is outermost first; dimensions of 1 at its
 * front do not count, as ggml does not store them.
 */
export function keptBecause(name: string, shape: readonly number[]): string | undefined {
  if (rankOf(shape) < 2) return 'fewer than two dimensions';
  if (!name.endsWith('weight')) return 'not a weight';
  if (name.includes('_norm.weight')) return 'normalization';
  const part = keptParts.find((each) => name.includes(each));
  if (part !== undefined) return part.startsWith('ffn_gate_inp') ? 'router' : 'small or read in its own type';
  return keptNames.has(name) ? 'positions or token types' : undefined;
}

/** Dimensions as ggml counts them: up to the outermost that is not 1. */
function rankOf(shape: readonly number[]): number {
  const first = shape.findIndex((dimension) => dimension !== 1);
  return first < 0 ? Math.min(shape.length, 1) : shape.length - first;
}
