/** What a model keeps of each token that it has read, layer by layer, from its config.json. */

import { ModelConfig } from '../formats/modelConfig';
import { plainLayers, stateElements, stateLayers } from './cacheStates';
import { attentionShape, layerGroups } from './families/decoder';
import { latentShape } from './families/deepseek';
import { languageModel } from './families/families';
import { withFamilyDefaults } from './families/familyDefaults';
import { falconShape } from './families/gpt';
import { openElmLayers, searchedLayers } from './families/searched';

/** Layers that keep the same. Elements are of one token and layer, or of one sequence and layer for `state`. */
export type CacheGroup =
  /** Keys and values of every token. */
  | {
      readonly kind: 'full';
      readonly layers: number;
      /** Of keys; undefined where they are not told. Ranks that share a model beyond that many keep copies. */
      readonly heads?: number | undefined;
      readonly keyElements: number;
      readonly valueElements: number;
    }
  /** Of the last `window` tokens. */
  | {
      readonly kind: 'sliding';
      readonly layers: number;
      readonly heads?: number | undefined;
      readonly keyElements: number;
      readonly valueElements: number;
      readonly window: number;
    }
  /** One latent for all heads (MLA); `expandedElements` is what a runtime keeps that expands it. */
  | {
      readonly kind: 'latent';
      readonly layers: number;
      readonly latentElements: number;
      readonly expandedElements: number;
    }
  /** Of the encoder's tokens, once a sequence. */
  | {
      readonly kind: 'cross';
      readonly layers: number;
      readonly heads?: number | undefined;
      readonly keyElements: number;
      readonly valueElements: number;
      readonly tokens: number;
    }
  /** Of the same size whatever the length. */
  | { readonly kind: 'state'; readonly layers: number; readonly elements: number };

export interface CachePlan {
  readonly groups: readonly CacheGroup[];
  /** Whether llama.cpp keeps the windows apart, or everything. */
  readonly slidesInLlamaCpp: boolean;
  readonly notes: readonly string[];
}

const nothing: CachePlan = { groups: [], slidesInLlamaCpp: false, notes: [] };

/** Families whose windows llama.cpp keeps apart (llama-hparams.cpp and the models' graphs). */
const windowedInLlamaCpp: ReadonlySet<string> = new Set([
  'gemma2',
  'gemma3',
  'gemma3_text',
  'cohere2',
  'gpt_oss',
  'llama4',
  'llama4_text',
]);

/** Models that read all tokens at once and keep nothing. */
const withoutCache: ReadonlySet<string> = new Set([
  'bert',
  'distilbert',
  'roberta',
  'xlm-roberta',
  'camembert',
  'albert',
  'electra',
  'deberta',
  'deberta-v2',
  'mpnet',
  'modernbert',
  'siglip',
  'siglip_text_model',
  'siglip_vision_model',
  'dinov2',
  'vit',
  'clip',
  'clip_text_model',
  'clip_vision_model',
]);

/** Throws `malformed` where a figure that the cache depends on is missing. */
export function cachePlan(fields: Readonly<Record<string, unknown>>): CachePlan {
  const whole = withFamilyDefaults(new ModelConfig(fields));
  const type = whole.modelType;
  if (type !== undefined && withoutCache.has(type)) return nothing;
  if (type === 't5' || type === 'mt5') return crossPlan(t5Figures(whole), 512);
  if (type === 'whisper') return crossPlan(decoderFigures(whole), whole.count('max_source_positions', 1500));
  if (type === 'bart' || type === 'mbart' || type === 'm2m_100')
    return crossPlan(decoderFigures(whole), whole.count('max_position_embeddings', 1024));
  if (type === 'openelm') {
    const width = whole.count('head_dim');
    return {
      ...nothing,
      groups: alike(
        openElmLayers(whole).map(({ kvHeads }) => kvHeads),
        width,
        width,
      ),
    };
  }
  const config = languageModel(whole);
  if (config.has('kv_lora_rank')) return latentPlan(config);
  return attentionPlan(config, config.modelType ?? type);
}

function latentPlan(config: ModelConfig): CachePlan {
  const { latent, rotary, plain, value } = latentShape(config);
  const heads = config.count('num_attention_heads');
  return {
    ...nothing,
    groups: [
      {
        kind: 'latent',
        layers: config.count('num_hidden_layers'),
        latentElements: latent + rotary,
        expandedElements: heads * (plain + rotary + value),
      },
    ],
  };
}

function attentionPlan(config: ModelConfig, type: string | undefined): CachePlan {
  const slidesInLlamaCpp = type !== undefined && windowedInLlamaCpp.has(type);
  const all = config.count(['num_hidden_layers', 'n_layer', 'n_layers', 'num_layers']);
  // The last layers of Gemma 3n use keys and values of others.
  const layers = Math.max(0, all - config.count('num_kv_shared_layers', 0));
  const uneven = unevenGroups(config, all);
  if (uneven) {
    const attending = uneven.reduce((sum, group) => sum + group.layers, 0);
    const groups = withStates(config, uneven, all - attending);
    return { groups, slidesInLlamaCpp, notes: stateNotes(all - attending, all) };
  }
  const states = Math.min(layers, stateLayers(config, type, layers));
  if (states === layers) return { ...nothing, groups: withStates(config, [], layers) };
  const each = attentionFigures(config, type);
  const { sliding, window } = slidingLayers(config, type, layers - states);
  const groups: CacheGroup[] = [];
  const full = layers - sliding - states - plainLayers(config, layers);
  if (full > 0) groups.push({ kind: 'full', layers: full, ...each });
  if (sliding > 0) groups.push({ kind: 'sliding', layers: sliding, ...each, window });
  const notes = stateNotes(states, layers);
  if (sliding > 0) notes.push(`${sliding} of ${layers} layers look back over ${window} tokens only.`);
  return { groups: withStates(config, groups, states), slidesInLlamaCpp, notes };
}

function withStates(config: ModelConfig, groups: readonly CacheGroup[], layers: number): CacheGroup[] {
  const elements = layers > 0 ? stateElements(config) : undefined;
  return elements === undefined ? [...groups] : [...groups, { kind: 'state', layers, elements }];
}

const stateNotes = (states: number, layers: number): string[] =>
  states > 0 ? [`${states} of ${layers} layers keep a state of fixed size instead of keys and values.`] : [];

/** Layers that differ in their heads, as pruned and searched models have them; those without attention are not among them. */
function unevenGroups(config: ModelConfig, layers: number): CacheGroup[] | undefined {
  const searched = searchedLayers(config);
  const uneven = searched ? undefined : layerGroups(config, layers);
  const kvHeads =
    searched?.map((layer) => (layer.hasLinearAttention ? 0 : layer.kvHeads)) ??
    uneven?.flatMap((group) => new Array<number>(group.layers).fill(group.kvHeads));
  // Layers of other widths may still keep the same.
  if (!kvHeads || kvHeads.every((heads) => heads === kvHeads[0])) return undefined;
  const heads = Math.max(
    config.countOf('num_attention_heads') ?? 0,
    ...(uneven ?? []).map((group) => group.heads),
  );
  const width = config.count('head_dim', heads > 0 ? Math.floor(config.count('hidden_size') / heads) : 0);
  return alike(kvHeads, width, config.count('v_head_dim', width));
}

/** One group for all layers with the same number of heads; 0 is a layer without attention. */
function alike(kvHeads: readonly number[], width: number, valueWidth: number): CacheGroup[] {
  const counts = new Map<number, number>();
  for (const heads of kvHeads) counts.set(heads, (counts.get(heads) ?? 0) + 1);
  counts.delete(0);
  return [...counts].map(([heads, layers]) => ({
    kind: 'full',
    layers,
    heads,
    keyElements: heads * width,
    valueElements: heads * valueWidth,
  }));
}

/** Heads, and elements of one token's keys and values in one layer. */
function attentionFigures(
  config: ModelConfig,
  type: string | undefined,
): { heads: number; keyElements: number; valueElements: number } {
  const same = (heads: number, elements: number) => ({
    heads,
    keyElements: elements,
    valueElements: elements,
  });
  if (type === 'mpt') return same(config.count('n_heads', 0), config.count('d_model'));
  if (type === 'falcon' || type === 'RefinedWeb' || type === 'RefinedWebModel') {
    const { kvHeads, headWidth } = falconShape(config);
    return same(kvHeads, kvHeads * headWidth);
  }
  if (type === 'gpt_bigcode' && config.flag('multi_query', true)) {
    const heads = config.count(['n_head', 'num_attention_heads']);
    const hidden = config.count(['n_embd', 'hidden_size']);
    return same(1, heads > 0 ? Math.floor(hidden / heads) : 0);
  }
  const usualWidth = type?.startsWith('gemma') ? 256 : type === 'gpt_oss' ? 64 : undefined;
  const { kvHeads, headWidth } = attentionShape(config, usualWidth);
  return {
    heads: kvHeads,
    keyElements: kvHeads * headWidth,
    // A config that says 0 has no latent attention, of which this would be.
    valueElements: kvHeads * (config.count('v_head_dim', 0) || headWidth),
  };
}

/** How many layers look back over a window only. `layer_types` says it outright; older configs by their family's rule. */
function slidingLayers(
  config: ModelConfig,
  type: string | undefined,
  layers: number,
): { sliding: number; window: number } {
  const window =
    config.optionalCount(['sliding_window', 'attention_chunk_size']) ?? familyWindows.get(type ?? '') ?? 0;
  const none = { sliding: 0, window: 0 };
  const listed = config.texts('layer_types');
  const types = config.has('num_kv_shared_layers') ? listed?.slice(0, layers) : listed;
  if (types) {
    const sliding = types.filter((name) => /^(sliding|chunked)_attention$/.test(name)).length;
    return sliding > 0 && window > 0 ? { sliding: Math.min(sliding, layers), window } : none;
  }
  if (window === 0) return none;
  if (type === 'gemma2' || type === 'gpt_oss') return { sliding: Math.ceil(layers / 2), window };
  if (type === 'gemma3' || type === 'gemma3_text' || type === 'cohere2') {
    const every = Math.max(1, config.count('sliding_window_pattern', type === 'cohere2' ? 4 : 6));
    return { sliding: layers - Math.floor(layers / every), window };
  }
  // Layers that know positions look back over the text's own chunk; every fourth knows none, and looks back over all.
  if (type === 'llama4' || type === 'llama4_text') {
    const every = Math.max(1, config.count('no_rope_layer_interval', 4));
    return { sliding: layers - Math.floor(layers / every), window };
  }
  if (type === 'mistral' || type === 'phi3' || type === 'starcoder2' || type === 'mixtral')
    return { sliding: layers, window };
  if (type?.startsWith('qwen') && config.flag('use_sliding_window', false)) {
    const from = Math.min(layers, config.count('max_window_layers', layers));
    return { sliding: layers - from, window };
  }
  return none;
}

/** Windows that a family's configs may leave out. */
const familyWindows: ReadonlyMap<string, number> = new Map([
  ['gemma2', 4096],
  ['gemma3', 4096],
  ['gemma3_text', 4096],
  ['gpt_oss', 128],
  ['llama4_text', 8192],
]);

function t5Figures(config: ModelConfig): { layers: number; width: number } {
  const layers = config.count('num_decoder_layers', config.count('num_layers'));
  return { layers, width: config.count('num_heads') * config.count('d_kv') };
}

function decoderFigures(config: ModelConfig): { layers: number; width: number } {
  return { layers: config.count('decoder_layers'), width: config.count('d_model') };
}

function crossPlan({ layers, width }: { layers: number; width: number }, tokens: number): CachePlan {
  const each = { layers, keyElements: width, valueElements: width };
  return {
    ...nothing,
    groups: [
      { kind: 'full', ...each },
      { kind: 'cross', ...each, tokens },
    ],
    notes: [`The decoder also keeps keys and values of ${tokens} tokens of the encoder.`],
  };
}
