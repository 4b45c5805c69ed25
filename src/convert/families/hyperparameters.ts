/** Keys that nearly every family has, in the order in which llama.cpp's converter writes them. */
import { LoupeError } from '../../errors';
import type { ModelConfig } from '../../formats/modelConfig';
import type { MetadataList } from '../metadataList';

export const layerCount = (config: ModelConfig): number =>
  config.count(['num_hidden_layers', 'n_layers', 'n_layer', 'num_layers']);
export const headCount = (config: ModelConfig): number =>
  config.count(['num_attention_heads', 'n_head', 'n_heads']);
export const hiddenSize = (config: ModelConfig): number => config.count(['hidden_size', 'n_embd', 'dim']);
export const kvHeadCount = (config: ModelConfig): number =>
  config.count(['num_key_value_heads', 'n_kv_heads'], headCount(config));
/** Of one head: stated, or the width divided by the heads. */
export const headWidth = (config: ModelConfig): number =>
  config.count('head_dim', Math.floor(hiddenSize(config) / Math.max(1, headCount(config))));

/** How positions turn queries and keys. Newer configs have one object, older ones two fields. */
export function ropeParameters(config: ModelConfig): ModelConfig {
  return config.has('rope_parameters') ? config.nested('rope_parameters') : config.nested('rope_scaling');
}

/** Of the layers that see everything, where layers differ. */
function fullRope(config: ModelConfig): ModelConfig {
  const rope = ropeParameters(config);
  return rope.has('full_attention') ? rope.nested('full_attention') : rope;
}

/** Base of the frequencies; undefined where nothing states it. */
export function ropeTheta(config: ModelConfig): number | undefined {
  return (
    fullRope(config).optionalNumber('rope_theta') ??
    config.optionalNumber(['rope_theta', 'rotary_emb_base', 'global_rope_theta'])
  );
}

export const ropeType = (config: ModelConfig): string | undefined => {
  const rope = fullRope(config);
  return (rope.text('rope_type') ?? rope.text('type'))?.toLowerCase();
};

export function commonHyperparameters(list: MetadataList, config: ModelConfig): void {
  list.u32('block_count', layerCount(config));
  list.u32(
    'context_length',
    config.optionalCount(['max_position_embeddings', 'n_ctx', 'n_positions', 'max_length']),
  );
  list.u32('embedding_length', hiddenSize(config));
  list.u32('feed_forward_length', config.optionalCount(['intermediate_size', 'n_inner', 'hidden_dim']));
  list.u32('attention.head_count', headCount(config));
  list.u32('attention.head_count_kv', config.optionalCount(['num_key_value_heads', 'n_kv_heads']));
  // Models that were made to look ahead, for vectors of texts.
  if (!config.flag('is_causal', true)) list.flag('attention.causal', false);
  ropeScaling(list, config);
  list.f32('rope.freq_base', ropeTheta(config));
  const sliding = ropeParameters(config).nested('sliding_attention').optionalNumber('rope_theta');
  list.f32(
    'rope.freq_base_swa',
    sliding ?? config.optionalNumber(['local_rope_theta', 'rope_local_base_freq', 'swa_rope_theta']),
  );
  list.f32('attention.layer_norm_rms_epsilon', config.optionalNumber(['rms_norm_eps', 'norm_eps']));
  list.f32('attention.layer_norm_epsilon', config.optionalNumber(['layer_norm_eps', 'layer_norm_epsilon']));
  list.u32('expert_count', config.optionalCount(['num_local_experts', 'num_experts']));
  list.u32('expert_used_count', config.optionalCount(['num_experts_per_tok', 'num_experts_per_token']));
  const width = config.optionalCount('head_dim');
  list.u32('attention.key_length', width);
  list.u32('attention.value_length', width);
}

/** Throws `unsupported` for a kind of scaling whose meaning is not known: the model would read long texts wrongly. */
function ropeScaling(list: MetadataList, config: ModelConfig): void {
  const rope = fullRope(config);
  const type = ropeType(config);
  // Llama 3's is a tensor of factors, Phi-3's two; see their families.
  if (type === undefined || type === 'default' || type === 'llama3') return;
  if (type === 'linear' || type === 'yarn') {
    list.text('rope.scaling.type', type);
    list.f32('rope.scaling.factor', rope.number('factor'));
    if (type === 'linear') return;
    const original = config.count('original_max_position_embeddings', 0);
    list.u32(
      'rope.scaling.original_context_length',
      rope.count('original_max_position_embeddings', original > 0 ? original : undefined),
    );
    list.f32('rope.scaling.yarn_ext_factor', rope.optionalNumber('extrapolation_factor'));
    list.f32('rope.scaling.yarn_attn_factor', rope.optionalNumber(['attention_factor', 'attn_factor']));
    list.f32('rope.scaling.yarn_beta_fast', rope.optionalNumber('beta_fast'));
    list.f32('rope.scaling.yarn_beta_slow', rope.optionalNumber('beta_slow'));
  } else if (type === 'su' || type === 'longrope') list.text('rope.scaling.type', 'longrope');
  else {
    throw new LoupeError(
      'unsupported',
      `The positions are scaled in a way that is not known here: "${type.slice(0, 60)}". Known: linear, yarn, llama3, longrope.`,
    );
  }
}

/**
 * Divisors of the frequencies by which Llama 3.1 reads longer texts: 1 for fast ones, the factor for slow ones, and between
 * them a blend. Source: transformers, modeling_rope_utils.py, _compute_llama3_parameters.
 */
export function llama3Factors(config: ModelConfig): Float32Array | undefined {
  if (ropeType(config) !== 'llama3') return undefined;
  const rope = fullRope(config);
  const base = ropeTheta(config) ?? 10000;
  const width = headWidth(config);
  const factor = rope.number('factor', 8);
  const [low, high] = [rope.number('low_freq_factor', 1), rope.number('high_freq_factor', 4)];
  const original = rope.number('original_max_position_embeddings', 8192);
  return Float32Array.from({ length: Math.ceil(width / 2) }, (_, pair) => {
    // In float32, as the frequencies are computed elsewhere.
    const exponent = Math.fround((2 * pair) / width);
    const wavelength = (2 * Math.PI) / Math.fround(1 / Math.fround(base ** exponent));
    if (wavelength < original / high) return 1;
    if (wavelength > original / low) return factor;
    const blend = (original / wavelength - low) / (high - low);
    return 1 / ((1 - blend) / factor + blend);
  });
}
