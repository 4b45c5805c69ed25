/** Llama, Mistral, Mixtral, Qwen 2 and 3 with their mixtures: decoders of the same modules, which Gemma and Phi-3 vary. */
import type { ModelConfig } from '../../formats/modelConfig';
import type { MetadataList } from '../metadataList';
import type { GgufFamily, TensorTarget } from './family';
import { commonHyperparameters } from './hyperparameters';
import { llama3Factors, longRopeFactors, positionWarnings } from './positions';
import { headCount, headWidth, hiddenSize, kvHeadCount } from './sizes';

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

export interface Traits {
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

/** A decoder of these modules, and what its architecture has of its own. */
export function family(
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

/** Architectures of llama.cpp in which every layer sees the whole text, whatever the config says. */
function withoutWindow(config: ModelConfig): string[] {
  const window = config.optionalCount('sliding_window');
  const context = config.optionalCount('max_position_embeddings');
  const isUsed = config.flag('use_sliding_window', true) && window !== undefined && window > 0;
  if (!isUsed || context === undefined || window >= context) return [];
  return [
    `Layers that see the last ${window} tokens only see the whole text in llama.cpp: longer texts are read otherwise than by transformers.`,
  ];
}

const warnings = (config: ModelConfig): string[] => [...positionWarnings(config), ...withoutWindow(config)];

/**
 * Special tokens of Code Llama, which its configs do not name, by the size of its vocabulary. This and the size below: llama.cpp,
 * convert_hf_to_gguf.py, LlamaModel.set_vocab.
 */
const codeLlamaRows = 32016;
const codeLlamaTokens = [
  ['prefix', 32007],
  ['suffix', 32008],
  ['middle', 32009],
  ['eot', 32010],
] as const;
/** Of Granite's and SmolLM's small models, whose tokenizers put nothing before a text. */
const withoutBosRows = 49152;

export const llama = family(
  { architecture: 'llama', pairsRows: true },
  (list, config) => {
    commonHyperparameters(list, config, { readsFactors: true });
    list.u32('vocab_size', config.count('vocab_size'));
    list.u32('rope.dimension_count', headWidth(config));
  },
  {
    warnings,
    extra(config) {
      const values = llama3Factors(config);
      return values ? [{ name: 'rope_freqs.weight', values }] : longRopeFactors(config);
    },
    tokenizer(list, config) {
      const rows = config.count('vocab_size');
      if (rows === codeLlamaRows) for (const [name, id] of codeLlamaTokens) list.u32(`${name}_token_id`, id);
      if (rows === withoutBosRows) list.flag('add_bos_token', false);
    },
  },
);

const qwen: Partial<GgufFamily> = { pools: true, warnings };
export const qwen2 = family({ architecture: 'qwen2' }, commonHyperparameters, qwen);
export const qwen3 = family({ architecture: 'qwen3' }, commonHyperparameters, qwen);

function expertWidths(list: MetadataList, config: ModelConfig): void {
  commonHyperparameters(list, config);
  list.u32('expert_feed_forward_length', config.optionalCount('moe_intermediate_size'));
  list.u32('expert_shared_feed_forward_length', config.optionalCount('shared_expert_intermediate_size'));
}
export const qwen2moe = family({ architecture: 'qwen2moe' }, expertWidths, { warnings });
export const qwen3moe = family({ architecture: 'qwen3moe' }, expertWidths, { warnings });
