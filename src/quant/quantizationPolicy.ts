/** Which tensors of a language model are quantized, and why the others are kept. */

export interface PolicyTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface PolicyOptions {
  /** Also quantize the output head. */
  readonly pure: boolean;
  /** config.json's `model_type`: some families store their projections in another orientation. */
  readonly modelType?: string | undefined;
}

export type Decision =
  | { readonly quantize: true }
  | {
      readonly quantize: false;
      /** For the report, e.g. "kept: normalization". */
      readonly reason: string;
      /** It is the weight of a Linear module, so compressed-tensors must list that module under `ignore`. */
      readonly linear: boolean;
    };

const floatDtypes: ReadonlySet<string> = new Set(['F32', 'F16', 'BF16']);

/** GPT-2 and its kin use transformers' Conv1D, [in, out]; loaders of the layout quantize Linear modules only. */
const conv1dFamilies: ReadonlySet<string> = new Set([
  'gpt2',
  'openai-gpt',
  'imagegpt',
  'decision_transformer',
]);

/** Names are matched between separators, so that `wte` does not match inside a longer word. */
const part = (words: string) => new RegExp(`(?:^|[._])(?:${words})(?:[._]|$)`);

const embeddings = part(
  [
    'embed(?:ding)?s?',
    'embed_tokens(?:_per_layer)?',
    'tok_embeddings',
    '(?:word|position|token_type)_embeddings?',
    'embed_(?:in|positions)',
    'token_(?:embd|types)',
    'per_layer_token_embd',
    'position_embd',
    'wte',
    'wpe',
  ].join('|'),
);
/** T5's embedding, shared by encoder and decoder. */
const sharedEmbedding = /(?:^|\.)shared\.weight$/;
const outputHead = /(?:^|\.)(?:lm_head|embed_out|classifier|score)\.weight$|^output\.weight$/;
const norms = part('norm|norms|[a-z0-9]*_?(?:layer)?norm[0-9]?|ln(?:_[a-z0-9]+)?|rmsnorm|ln[0-9]');
const routers =
  /(?:^|\.)(?:router(?:\.[a-z_]+)?|(?:mlp|block_sparse_moe|moe|ffn)\.(?:shared_expert_)?gate|ffn_gate_inp(?:_shexp)?)\.weight$/;
const convolutions = part('conv[0-9a-z]*');

/**
 * Decides about one tensor: 2-D weights of Linear modules are quantized. Embeddings, the output head
 * (unless `pure`), routers and norms cost little and matter much; biases, 1-D tensors, convolutions,
 * other types and other ranks are not what the layout quantizes.
 */
export function decide(tensor: PolicyTensor, options: PolicyOptions): Decision {
  const { name, dtype, shape } = tensor;
  const keep = (reason: string, linear = false): Decision => ({ quantize: false, reason, linear });
  if (!floatDtypes.has(dtype)) return keep(`kept: ${dtype} is not a float type that is quantized`);
  if (shape.length < 2) {
    if (name.endsWith('.bias')) return keep('kept: bias');
    return keep(norms.test(name) ? 'kept: normalization' : 'kept: fewer than two dimensions');
  }
  if (convolutions.test(name)) return keep('kept: convolution');
  if (shape.length > 2) return keep('kept: more than two dimensions');
  if (shape.includes(0)) return keep('kept: empty');
  if (embeddings.test(name) || sharedEmbedding.test(name)) return keep('kept: embedding');
  if (norms.test(name)) return keep('kept: normalization');
  if (!name.endsWith('.weight')) return keep('kept: not the weight of a linear layer');
  if (routers.test(name)) return keep('kept: router', true);
  if (outputHead.test(name)) {
    return options.pure ? { quantize: true } : keep('kept: output head', true);
  }
  if (options.modelType !== undefined && conv1dFamilies.has(options.modelType)) {
    return keep('kept: Conv1D, which the layout does not know');
  }
  return { quantize: true };
}

/** The type that a cast of a whole model gives. */
export const castDtype = (scheme: string): string => scheme.toUpperCase();

/** Casting to another float type takes every float tensor that is not of it yet: a model has one type. */
export function decideCast({ dtype, shape }: PolicyTensor, target: string): Decision {
  const keep = (reason: string): Decision => ({ quantize: false, reason, linear: false });
  if (!floatDtypes.has(dtype)) return keep(`kept: ${dtype} is not a float type that is cast`);
  if (dtype === target) return keep(`kept: ${dtype} already`);
  return shape.includes(0) ? keep('kept: empty') : { quantize: true };
}

/** The module whose weight a tensor is: its name without `.weight`. */
export function moduleOf(tensorName: string): string {
  return tensorName.replace(/\.weight$/, '');
}
