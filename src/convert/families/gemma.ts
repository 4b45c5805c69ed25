/** Gemma 2 and 3: the language model alone of those that also see. */
import { LoupeError } from '../../errors';
import type { ModelConfig } from '../../formats/modelConfig';
import type { MetadataList } from '../metadataList';
import { commonHyperparameters } from './hyperparameters';
import { family } from './llamaLike';
import { positionWarnings, ropeMetadata, ropeTheta, ropeType } from './positions';
import { headCount, hiddenSize, kvHeadCount, layerCount } from './sizes';

/** Gemma puts norms behind attention and feed-forward too. */
const gemmaNorms: Readonly<Record<string, string>> = {
  post_attention_layernorm: 'post_attention_norm',
  pre_feedforward_layernorm: 'ffn_norm',
  post_feedforward_layernorm: 'post_ffw_norm',
};

/**
 * Which layers see a window only, where they are not those that llama.cpp takes for granted: all but every `usual`-th. Newer configs
 * name the kind of each layer, older ones how often one sees everything.
 */
function slidingPattern(list: MetadataList, config: ModelConfig, usual: number): void {
  const isSliding = slidingLayers(config, usual);
  if (!isSliding.includes(true)) return;
  if (isSliding.some((slides, layer) => slides !== ((layer + 1) % usual !== 0)))
    list.list('bool', 'attention.sliding_window_pattern', isSliding);
}

/** Of each layer whether it sees a window only. Throws `malformed` for a list of too few. */
function slidingLayers(config: ModelConfig, usual: number): boolean[] {
  const kinds = config.texts('layer_types');
  const every = config.optionalCount('sliding_window_pattern') ?? usual;
  const layers = layerCount(config);
  if (kinds && kinds.length < layers)
    throw new LoupeError(
      'malformed',
      `The config names the kinds of ${kinds.length} layers ("layer_types"), and the model has ${layers}.`,
    );
  return Array.from({ length: layers }, (_, layer) =>
    kinds ? kinds[layer] === 'sliding_attention' : every === 0 || (layer + 1) % every !== 0,
  );
}

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
    // llama.cpp has no Gemma 2 without windows: one as wide as the context comes to the same.
    const slides = slidingLayers(config, 2).includes(true);
    const context = config.count('max_position_embeddings');
    list.u32('attention.sliding_window', slides ? config.count('sliding_window', 4096) : context);
    slidingPattern(list, config, 2);
    // llama.cpp takes these for granted.
    const isScaled = ![undefined, 'default'].includes(ropeType(config));
    if (isScaled || (ropeTheta(config) ?? 10000) !== 10000) ropeMetadata(list, config, {});
  },
  { warnings: positionWarnings, tokenizer: (list) => list.flag('add_space_prefix', false) },
);

export const gemma3 = family(
  { architecture: 'gemma3', modules: gemmaNorms, normAddend: 1 },
  (list, config) => {
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
    if (slidingLayers(config, 6).includes(true))
      list.u32('attention.sliding_window', config.count('sliding_window'));
    slidingPattern(list, config, 6);
  },
  {
    warnings: positionWarnings,
    tokenizer: (list) => list.flag('add_space_prefix', false),
    cutsEmbedding: true,
  },
);
