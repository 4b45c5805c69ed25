/** Llama, Mistral, Mixtral, Qwen 2 and 3 with their mixtures, Gemma 2 and 3, Phi-3: decoders of the same modules. */
import { LoupeError } from '../../errors';
import type { ModelConfig } from '../../formats/modelConfig';
import type { MetadataList } from '../metadataList';
import type { GgufFamily, TensorTarget } from './family';
import {
  commonHyperparameters,
  headCount,
  headWidth,
  hiddenSize,
  kvHeadCount,
  layerCount,
  llama3Factors,
  ropeParameters,
  ropeTheta,
  ropeType,
} from './hyperparameters';

/** Modules outside of layers. */
const outside: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
};

/** Modules of a layer. */
const inLayer: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.qkv_proj': 'attn_qkv',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
  'mlp.gate': 'ffn_gate_inp',
  'mlp.shared_expert_gate': 'ffn_gate_inp_shexp',
  'mlp.shared_expert.gate_proj': 'ffn_gate_shexp',
  'mlp.shared_expert.up_proj': 'ffn_up_shexp',
  'mlp.shared_expert.down_proj': 'ffn_down_shexp',
  'block_sparse_moe.gate': 'ffn_gate_inp',
};

/** Gemma puts norms behind attention and feed-forward too. */
const gemmaNorms: Readonly<Record<string, string>> = {
  post_attention_layernorm: 'post_attention_norm',
  pre_feedforward_layernorm: 'ffn_norm',
  post_feedforward_layernorm: 'post_ffw_norm',
};

/** Phi-3 holds gate and up as one, which llama.cpp reads as "up". */
const phi3Modules: Readonly<Record<string, string>> = { 'mlp.gate_up_proj': 'ffn_up' };

const expertModules: Readonly<Record<string, string>> = {
  w1: 'ffn_gate_exps',
  w2: 'ffn_down_exps',
  w3: 'ffn_up_exps',
  gate_proj: 'ffn_gate_exps',
  down_proj: 'ffn_down_exps',
  up_proj: 'ffn_up_exps',
};

/** The experts of a layer as one tensor, with gate and up below each other: so transformers writes them from version 5 on. */
function stackedExperts(layer: string, module: string, config: ModelConfig): TensorTarget[] | undefined {
  const width = hiddenSize(config);
  const target = (name: string, part: number, parts: number, isColumns: boolean): TensorTarget => ({
    name: `blk.${layer}.${name}.weight`,
    experts: { part, parts, width, isColumns },
  });
  if (module === 'mlp.experts.gate_up_proj')
    return [target('ffn_gate_exps', 0, 2, true), target('ffn_up_exps', 1, 2, true)];
  return module === 'mlp.experts.down_proj' ? [target('ffn_down_exps', 0, 1, false)] : undefined;
}

interface Traits {
  readonly architecture: string;
  readonly modules?: Readonly<Record<string, string>>;
  /** Rows of q and k are put in pairs: for architectures whose rotation llama.cpp applies to neighbours. */
  readonly pairsRows?: boolean;
  /** Norms are stored without the 1 that their formula adds. */
  readonly normAddend?: number;
  /** The head is the embedding, whatever else a file holds. */
  readonly ignoresHead?: boolean;
}

function target(name: string, config: ModelConfig, traits: Traits): ReturnType<GgufFamily['target']> {
  if (/\.rotary_emb\.inv_freq$/.test(name)) return 'skip';
  // A model without its head has no prefix; one that also sees has another.
  const plain = name.replace(
    /^(?:model\.)?(?:language_model\.)?(?:model\.)?(?=layers\.|embed_tokens\.|norm\.)/,
    'model.',
  );
  if (isOfAnotherTower(plain)) return 'skip';
  const stack = /^model\.layers\.(\d{1,6})\.(mlp\.experts\.\w+?)(?:\.weight)?$/.exec(plain);
  const stacked = stack && stackedExperts(stack[1]!, stack[2]!, config);
  if (stacked) return stacked;
  const ending = /\.(weight|bias)$/.exec(plain)?.[1];
  if (ending === undefined) return undefined;
  const module = plain.slice(0, -ending.length - 1).replace(/^language_model\./, '');
  if (traits.ignoresHead && module === 'lm_head') return 'skip';
  const addend = traits.normAddend !== undefined && /norm$/.test(module) ? traits.normAddend : undefined;
  const known = Object.hasOwn(outside, module) ? outside[module] : undefined;
  if (known !== undefined) return { name: `${known}.${ending}`, addend, isEmbedding: known === 'token_embd' };
  const layer = /^model\.layers\.(\d{1,6})\.(.+)$/.exec(module);
  if (!layer) return undefined;
  const expert = /^(?:mlp|block_sparse_moe)\.experts\.(\d{1,6})\.(\w+)$/.exec(layer[2]!);
  if (expert && Object.hasOwn(expertModules, expert[2]!)) {
    return { name: `blk.${layer[1]}.${expertModules[expert[2]!]}.${ending}`, expert: Number(expert[1]) };
  }
  const modules = { ...inLayer, ...traits.modules };
  const inner = Object.hasOwn(modules, layer[2]!) ? modules[layer[2]!] : undefined;
  if (inner === undefined) return undefined;
  const pairs = traits.pairsRows ? pairedHeads(inner, config) : undefined;
  return { name: `blk.${layer[1]}.${inner}.${ending}`, addend, pairedHeads: pairs };
}

/** Pictures are read by tensors that llama.cpp keeps in a file of their own. */
const isOfAnotherTower = (name: string): boolean =>
  /^(?:model\.)?(?:vision_tower|vision_model|multi_modal_projector|visual)\./.test(name);

const pairedHeads = (module: string, config: ModelConfig): number | undefined =>
  module === 'attn_q' ? headCount(config) : module === 'attn_k' ? kvHeadCount(config) : undefined;

function family(
  traits: Traits,
  hyperparameters: GgufFamily['hyperparameters'],
  rest: Partial<GgufFamily> = {},
): GgufFamily {
  return {
    architecture: traits.architecture,
    target: (name, config) => target(name, config, traits),
    hyperparameters,
    ...rest,
  };
}

export const llama = family(
  { architecture: 'llama', pairsRows: true },
  (list, config) => {
    commonHyperparameters(list, config);
    list.u32('vocab_size', config.count('vocab_size'));
    list.u32('rope.dimension_count', headWidth(config));
  },
  {
    extra(config) {
      const values = llama3Factors(config);
      return values ? [{ name: 'rope_freqs.weight', values }] : [];
    },
  },
);

export const qwen2 = family({ architecture: 'qwen2' }, commonHyperparameters, { pools: true });
export const qwen3 = family({ architecture: 'qwen3' }, commonHyperparameters, { pools: true });

function expertWidths(list: MetadataList, config: ModelConfig): void {
  commonHyperparameters(list, config);
  list.u32('expert_feed_forward_length', config.optionalCount('moe_intermediate_size'));
  list.u32('expert_shared_feed_forward_length', config.optionalCount('shared_expert_intermediate_size'));
}
export const qwen2moe = family({ architecture: 'qwen2moe' }, expertWidths);
export const qwen3moe = family({ architecture: 'qwen3moe' }, expertWidths);

export const gemma2 = family(
  { architecture: 'gemma2', modules: gemmaNorms, normAddend: 1, ignoresHead: true },
  (list, config) => {
    list.u32('context_length', config.count('max_position_embeddings'));
    list.u32('embedding_length', hiddenSize(config));
    list.u32('block_count', layerCount(config));
    list.u32('feed_forward_length', config.count('intermediate_size'));
    list.u32('attention.head_count', headCount(config));
    list.u32('attention.head_count_kv', kvHeadCount(config));
    list.f32('attention.layer_norm_rms_epsilon', config.number('rms_norm_eps'));
    list.u32('attention.key_length', config.count('head_dim', 256));
    list.u32('attention.value_length', config.count('head_dim', 256));
    list.f32('attn_logit_softcapping', config.number('attn_logit_softcapping', 50));
    list.f32('final_logit_softcapping', config.number('final_logit_softcapping', 30));
    list.u32('attention.sliding_window', config.count('sliding_window', 4096));
  },
  { tokenizer: (list) => list.flag('add_space_prefix', false) },
);

export const gemma3 = family(
  { architecture: 'gemma3', modules: gemmaNorms, normAddend: 1 },
  (list, given) => {
    // What Gemma3TextConfig takes for figures that are left out.
    const config = given.withDefaults({
      max_position_embeddings: 131072,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      head_dim: 256,
      rms_norm_eps: 1e-6,
      ...(ropeTheta(given) === undefined ? { rope_theta: 1_000_000 } : {}),
    });
    if (config.className === 'Gemma3TextModel')
      throw new LoupeError(
        'unsupported',
        'EmbeddingGemma (Gemma3TextModel) looks ahead, and is another architecture to llama.cpp, whose own converter knows it.',
      );
    if (config.optionalNumber('attn_logit_softcapping') !== undefined)
      throw new LoupeError('unsupported', 'Gemma 3 with attn_logit_softcapping is not known to llama.cpp.');
    commonHyperparameters(list, config);
    const cap = config.optionalNumber('final_logit_softcapping');
    if (cap !== undefined && cap !== 0) list.f32('final_logit_softcapping', cap);
    if (config.optionalCount('sliding_window_pattern') !== 1)
      list.u32('attention.sliding_window', config.count('sliding_window'));
  },
  { tokenizer: (list) => list.flag('add_space_prefix', false), cutsEmbedding: true },
);

/** Two tensors of factors for short and for long texts, where the config lists them. */
function longRopeFactors(config: ModelConfig): { name: string; values: Float32Array }[] {
  const rope = ropeParameters(config);
  const [long, short] = [rope.numbers('long_factor'), rope.numbers('short_factor')];
  if (!long || !short) return [];
  return [
    { name: 'rope_factors_long.weight', values: Float32Array.from(long) },
    { name: 'rope_factors_short.weight', values: Float32Array.from(short) },
  ];
}

const originalContext = (config: ModelConfig): number =>
  config.count('original_max_position_embeddings', config.count('max_position_embeddings'));

export const phi3 = family(
  { architecture: 'phi3', modules: phi3Modules },
  (list, config) => {
    const share = config.number(
      'partial_rotary_factor',
      ropeParameters(config).number('partial_rotary_factor', 1),
    );
    const context = config.count('max_position_embeddings');
    const original = originalContext(config);
    list.u32('context_length', context);
    list.u32('rope.scaling.original_context_length', original);
    list.u32('embedding_length', hiddenSize(config));
    list.u32('feed_forward_length', config.count('intermediate_size'));
    list.u32('block_count', layerCount(config));
    list.u32('attention.head_count', headCount(config));
    list.u32('attention.head_count_kv', kvHeadCount(config));
    list.f32('attention.layer_norm_rms_epsilon', config.number('rms_norm_eps'));
    list.u32(
      'rope.dimension_count',
      Math.floor(Math.trunc(share * hiddenSize(config)) / Math.max(1, headCount(config))),
    );
    list.f32('rope.freq_base', ropeTheta(config) ?? 10000);
    // Phi-4 states no window, and llama.cpp tells it by the 0.
    list.u32('attention.sliding_window', config.optionalCount('sliding_window') ?? 0);
    if (longRopeFactors(config).length > 0)
      list.f32('rope.scaling.attn_factor', attentionFactor(ropeType(config), context / original, original));
  },
  { extra: longRopeFactors },
);

/** How much attention is sharpened for texts longer than the model was trained on. */
function attentionFactor(type: string | undefined, scale: number, original: number): number {
  if (type === 'su' || type === 'longrope')
    return scale > 1 ? Math.sqrt(1 + Math.log(scale) / Math.log(original)) : 1;
  if (type === 'yarn') return scale > 1 ? 0.1 * Math.log(scale) + 1 : 1;
  throw new LoupeError('unsupported', `Factors of positions of the kind "${type}" are not known here.`);
}
