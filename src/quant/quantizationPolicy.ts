/** Which tensors of a language model are quantized, and why the others are kept. */
import type { GraphPlace } from './scheme';
import { schemeNamed } from './schemes';

export interface PolicyTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** What the graph of an ONNX model does with it, or why it is no weight there. */
  readonly graphWeight?: GraphPlace | { readonly reason: string } | undefined;
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

/** Kinds of tensors that a policy or a recipe may keep as they are. Every float tensor is of one kind, or a linear weight. */
export type KeepKind =
  | 'biases'
  | 'norms'
  | 'vectors'
  | 'convolutions'
  | 'stacked'
  | 'embeddings'
  | 'others'
  | 'routers'
  | 'head'
  | 'conv1d';

export interface TensorKind {
  /** `linear`: the weight of a Linear module that nothing speaks against. */
  readonly kind: KeepKind | 'linear';
  /** For the report. */
  readonly reason: string;
  /** It is the weight of a Linear module, so layouts must list that module as not quantized when it is kept. */
  readonly isLinear: boolean;
}

interface KindRule {
  readonly kind: KeepKind;
  /** As in "kept: router". */
  readonly label: string;
  /** What it is and why it is kept, for recipes. */
  readonly detail: string;
  readonly isLinear?: boolean;
  holds(tensor: PolicyTensor, modelType: string | undefined): boolean;
}

/** In this order; the first that holds is a tensor's kind. */
const kindRules: readonly KindRule[] = [
  {
    kind: 'biases',
    label: 'bias',
    detail: 'Biases: vectors whose names end in .bias. Small, and added to whole channels.',
    holds: ({ name, shape }) => shape.length < 2 && name.endsWith('.bias'),
  },
  {
    kind: 'norms',
    label: 'normalization',
    detail: 'Weights of layer and RMS normalization. Small, and each scales a whole channel.',
    holds: ({ name, shape }) =>
      norms.test(name) &&
      (shape.length < 2 || (shape.length === 2 && !isEmbedding(name) && !convolutions.test(name))),
  },
  {
    kind: 'vectors',
    label: 'fewer than two dimensions',
    detail: 'Other vectors and single numbers: no layout holds them quantized.',
    holds: ({ shape }) => shape.length < 2,
  },
  {
    kind: 'convolutions',
    label: 'convolution',
    detail: 'Convolutions: layouts of language models quantize linear layers only.',
    holds: ({ name }) => convolutions.test(name),
  },
  {
    kind: 'stacked',
    label: 'more than two dimensions',
    detail: 'Tensors of three or more dimensions, such as experts stored as one.',
    holds: ({ shape }) => shape.length > 2,
  },
  {
    kind: 'embeddings',
    label: 'embedding',
    detail: 'Embeddings of tokens and positions: tables that rows are taken from, no linear layers.',
    holds: ({ name }) => isEmbedding(name),
  },
  {
    kind: 'others',
    label: 'not the weight of a linear layer',
    detail: 'Matrices whose names do not end in .weight.',
    holds: ({ name }) => !name.endsWith('.weight'),
  },
  {
    kind: 'routers',
    label: 'router',
    detail: 'Routers of mixtures of experts: small, and an error sends tokens to other experts.',
    isLinear: true,
    holds: ({ name }) => routers.test(name),
  },
  {
    kind: 'head',
    label: 'output head',
    detail:
      'The output head (lm_head) and classifiers: every logit passes through, and it may be tied to the embedding.',
    isLinear: true,
    holds: ({ name }) => outputHead.test(name),
  },
  {
    kind: 'conv1d',
    label: 'Conv1D, which the layout does not know',
    detail:
      'Projections of GPT-2 and its kin, stored the other way round: loaders quantize Linear modules only.',
    holds: (_, modelType) => modelType !== undefined && conv1dFamilies.has(modelType),
  },
];

const isEmbedding = (name: string): boolean => embeddings.test(name) || sharedEmbedding.test(name);

/** Every kind with a sentence on it, in the order in which they are told apart. */
export const keepKinds: readonly {
  readonly kind: KeepKind;
  readonly label: string;
  readonly detail: string;
}[] = kindRules.map(({ kind, label, detail }) => ({ kind, label, detail }));

/** What a tensor is, by its name and shape; `modelType` is config.json's. */
export function kindOf(tensor: PolicyTensor, modelType: string | undefined): TensorKind {
  if (tensor.graphWeight) return kindInGraph(tensor, tensor.graphWeight);
  const found = kindRules.find((rule) => rule.holds(tensor, modelType));
  if (!found) return { kind: 'linear', reason: 'linear weight', isLinear: true };
  return { kind: found.kind, reason: found.label, isLinear: found.isLinear ?? false };
}

/** In a graph the operator tells more than the name, which exporters make up. */
function kindInGraph(tensor: PolicyTensor, use: NonNullable<PolicyTensor['graphWeight']>): TensorKind {
  if ('reason' in use) return { kind: 'others', reason: use.reason, isLinear: false };
  if (use.operator === 'Gather') return { kind: 'embeddings', reason: 'embedding', isLinear: false };
  const named = kindRules.find(({ kind, holds }) => kind in namedInGraphs && holds(tensor, undefined));
  if (named) return { kind: named.kind, reason: named.label, isLinear: true };
  return { kind: 'linear', reason: `weight of ${use.operator}`, isLinear: true };
}
const namedInGraphs: Partial<Record<KeepKind, true>> = { routers: true, head: true };

/** What a scheme keeps unless told otherwise, and whose habit that is. */
export interface SchemePolicy {
  readonly keep: readonly KeepKind[];
  readonly because: string;
}

const everyKind: readonly KeepKind[] = kindRules.map(({ kind }) => kind);

const ofLinearLayers: SchemePolicy = {
  keep: everyKind,
  because:
    'Weights of linear layers only, without output head and routers, as recipes for compressed-tensors ignore lm_head and gates.',
};
const ofBitsandbytes: SchemePolicy = {
  keep: everyKind,
  because:
    'Weights of linear layers only: transformers leaves the output head out for bitsandbytes by itself, and routers are left out here too.',
};
/** What GGUF files hold in blocks: also tables, heads and stacks of experts. */
const inBlocks: ReadonlySet<KeepKind> = new Set(['stacked', 'embeddings', 'head', 'conv1d']);
const ofGgml: SchemePolicy = {
  keep: everyKind.filter((kind) => !inBlocks.has(kind)),
  because:
    'Every matrix and every stack of experts, the embedding and the output head too, but for routers and convolutions: what llama-quantize --pure quantizes.',
};
const ofCasts: SchemePolicy = { keep: [], because: 'Every float tensor: a model has one type.' };

/** The default policy of a scheme. Throws `usage` for a scheme that does not exist. */
export function policyFor(scheme: string): SchemePolicy {
  const { scope, name, family } = schemeNamed(scheme);
  if (scope === 'floats') return ofCasts;
  if (family === 'ggml') return ofGgml;
  return bitsandbytesSchemes.has(name) ? ofBitsandbytes : ofLinearLayers;
}

const bitsandbytesSchemes: ReadonlySet<string> = new Set(['nf4', 'fp4', 'bnb-int8', 'llm-int8']);

/** Decides about a tensor of a known kind; `kept` are the kinds that stay as they are. */
export function decideKind(
  { dtype, shape, graphWeight }: PolicyTensor,
  { kind, reason, isLinear }: TensorKind,
  scheme: string,
  kept: ReadonlySet<KeepKind>,
): Decision {
  const keep = (why: string, linear = false): Decision => ({
    quantize: false,
    reason: `kept: ${why}`,
    linear,
  });
  const isCast = schemeNamed(scheme).scope === 'floats';
  if (!floatDtypes.has(dtype))
    return keep(`${dtype} is not a float type that is ${isCast ? 'cast' : 'quantized'}`);
  if (shape.includes(0)) return keep('empty');
  // What the graph does not take as a weight cannot be quantized whatever a rule says.
  if (graphWeight && 'reason' in graphWeight) return keep(graphWeight.reason);
  if (kind !== 'linear' && kept.has(kind)) return keep(reason, isLinear);
  if (isCast && dtype === castDtype(scheme)) return keep(`${dtype} already`, isLinear);
  return { quantize: true };
}

/**
 * Decides about one tensor as every scheme for linear layers does: 2-D weights of Linear modules are quantized. Embeddings, the
 * output head (unless `pure`), routers and norms cost little and matter much; biases, 1-D tensors, convolutions,
 * other types and other ranks are not what the layouts quantize.
 */
export function decide(tensor: PolicyTensor, options: PolicyOptions): Decision {
  const kept = new Set(everyKind.filter((kind) => !(options.pure && kind === 'head')));
  return decideKind(tensor, kindOf(tensor, options.modelType), 'int8-absmax', kept);
}

/** The type that a cast of a whole model gives. */
const castDtype = (scheme: string): string => scheme.toUpperCase();

/** The module whose weight a tensor is: its name without `.weight`. */
export function moduleOf(tensorName: string): string {
  return tensorName.replace(/\.weight$/, '');
}
