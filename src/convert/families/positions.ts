/**
 * How positions turn queries and keys, and how that is stretched for texts longer than a model was first trained on: as keys and
 * tensors of llama.cpp. Sources: transformers, modeling_rope_utils.py; llama.cpp, conversion/base.py and llama-model.cpp.
 */
import { LoupeError } from '../../errors';
import type { ModelConfig } from '../../formats/modelConfig';
import type { MetadataList } from '../metadataList';
import type { GgufFamily } from './family';
import { headWidth } from './sizes';

/** How positions turn queries and keys. Newer configs have one object, older ones two fields. */
export function ropeParameters(config: ModelConfig): ModelConfig {
  return config.has('rope_parameters') ? config.nested('rope_parameters') : config.nested('rope_scaling');
}

/** Of the layers that see everything, where layers differ. */
function fullRope(config: ModelConfig): ModelConfig {
  const rope = ropeParameters(config);
  return rope.has('full_attention') ? rope.nested('full_attention') : rope;
}

const globalThetas = [
  'global_rope_theta',
  'rope_global_theta',
  'rope_theta_global',
  'rope_theta',
  'rotary_emb_base',
];

/** Base of the frequencies; undefined where nothing states it. */
export function ropeTheta(config: ModelConfig): number | undefined {
  return fullRope(config).optionalNumber('rope_theta') ?? config.optionalNumber(globalThetas);
}

/** The kind of scaling in lower case, such as "yarn"; undefined where nothing states it. */
export const ropeType = (config: ModelConfig): string | undefined => {
  const rope = fullRope(config);
  return (rope.text('rope_type') ?? rope.text('type'))?.toLowerCase();
};

/** What an architecture of llama.cpp reads besides the keys. */
export interface PositionAbilities {
  /** Divisors of the frequencies as tensors: rope_freqs, or rope_factors_long and rope_factors_short. */
  readonly readsFactors?: boolean | undefined;
}

/**
 * Throws `unsupported` for a kind of scaling that the architecture cannot be told of and that changes every text; one that only
 * changes texts longer than the model's context is left out, and `positionWarnings` says so.
 */
export function ropeMetadata(list: MetadataList, config: ModelConfig, abilities: PositionAbilities): void {
  ropeScaling(list, config, abilities);
  const sections = ropeParameters(config).counts('mrope_section');
  // Of time, height and width; llama.cpp has a fourth.
  if (sections)
    list.list('i32', 'rope.dimension_sections', [...sections.slice(0, 4), 0, 0, 0, 0].slice(0, 4));
  list.f32('rope.freq_base', ropeTheta(config));
  const sliding = ropeParameters(config).nested('sliding_attention').optionalNumber('rope_theta');
  list.f32('rope.freq_base_swa', sliding ?? config.optionalNumber(slidingThetas));
}

const slidingThetas = [
  'local_rope_theta',
  'rope_local_theta',
  'rope_theta_local',
  'swa_rope_theta',
  'rope_local_base_freq',
];

function ropeScaling(list: MetadataList, config: ModelConfig, { readsFactors }: PositionAbilities): void {
  const rope = fullRope(config);
  const type = ropeType(config);
  switch (type) {
    case undefined:
    case 'default':
    // Of texts, all three positions are the same.
    case 'mrope':
    // Grows with the text once that is longer than the context, and is nothing before.
    case 'dynamic':
      return;
    case 'linear':
      list.text('rope.scaling.type', type);
      list.f32('rope.scaling.factor', rope.number('factor'));
      return;
    case 'yarn':
      list.text('rope.scaling.type', type);
      list.f32('rope.scaling.factor', rope.number('factor'));
      list.u32('rope.scaling.original_context_length', originalContext(config));
      list.f32('rope.scaling.yarn_ext_factor', rope.optionalNumber('extrapolation_factor'));
      list.f32('rope.scaling.yarn_attn_factor', rope.optionalNumber(['attention_factor', 'attn_factor']));
      list.f32('rope.scaling.yarn_beta_fast', rope.optionalNumber('beta_fast'));
      list.f32('rope.scaling.yarn_beta_slow', rope.optionalNumber('beta_slow'));
      return;
    case 'llama3':
      if (readsFactors) return;
      break;
    case 'su':
    case 'longrope':
      if (!readsFactors) break;
      list.text('rope.scaling.type', 'longrope');
      list.u32('rope.scaling.original_context_length', originalContext(config));
      if (longRopeFactors(config).length > 0) list.f32('rope.scaling.attn_factor', attentionFactor(config));
      return;
  }
  const known = readsFactors ? 'linear, yarn, dynamic, llama3, longrope' : 'linear, yarn, dynamic';
  throw new LoupeError(
    'unsupported',
    `The positions are scaled in a way that llama.cpp cannot be told of for this architecture: "${type.slice(0, 60)}". Known: ${known}. ${withoutScaling}`,
  );
}

const withoutScaling =
  'If texts of the length that the model was first trained on are enough, take the scaling out of a copy of config.json and convert that.';

/** What holds only for texts of a certain length, as sentences. */
export function positionWarnings(config: ModelConfig): string[] {
  if (ropeType(config) !== 'dynamic') return [];
  const context = config.optionalCount('max_position_embeddings');
  return [
    `The positions are scaled by the length of the text ("dynamic"), which llama.cpp does not do: texts of more than ${context ?? "the context's"} tokens are read otherwise than by transformers, shorter ones alike.`,
  ];
}

/** Tokens of the texts that the model was trained on before its context was stretched. */
export function originalContext(config: ModelConfig): number {
  const name = 'original_max_position_embeddings';
  return (
    fullRope(config).optionalCount(name) ??
    config.optionalCount(name) ??
    config.count('max_position_embeddings')
  );
}

/** Two tensors of factors for short and for long texts, where the config lists them. Throws `malformed` for lists of another length. */
export function longRopeFactors(config: ModelConfig, width = headWidth(config)): NamedFactors[] {
  const rope = fullRope(config);
  const [long, short] = [rope.numbers('long_factor'), rope.numbers('short_factor')];
  if (!long || !short) return [];
  const pairs = Math.floor(width / 2);
  if (long.length !== pairs || short.length !== pairs)
    throw new LoupeError(
      'malformed',
      `The config lists ${long.length} factors of positions for long and ${short.length} for short texts, and heads have ${pairs} pairs.`,
    );
  return [
    { name: 'rope_factors_long.weight', values: Float32Array.from(long) },
    { name: 'rope_factors_short.weight', values: Float32Array.from(short) },
  ];
}

type NamedFactors = ReturnType<NonNullable<GgufFamily['extra']>>[number];

/** How much attention is sharpened for texts longer than the model was trained on. */
export function attentionFactor(config: ModelConfig): number {
  const type = ropeType(config);
  const original = originalContext(config);
  const scale = config.count('max_position_embeddings') / original;
  if (type === 'su' || type === 'longrope')
    return scale > 1 ? Math.sqrt(1 + Math.log(scale) / Math.log(original)) : 1;
  if (type === 'yarn') return scale > 1 ? 0.1 * Math.log(scale) + 1 : 1;
  throw new LoupeError(
    'unsupported',
    `Factors of positions of the kind "${type}" are not known here. ${withoutScaling}`,
  );
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
  const { fround } = Math;
  return Float32Array.from({ length: Math.ceil(width / 2) }, (_, pair) => {
    // Step by step in float32, dividing by reciprocals, as llama.cpp's converter does: a last bit moves all long texts.
    const frequency = fround(1 / fround(base ** fround((2 * pair) / width)));
    const wavelength = fround(fround(1 / frequency) * fround(2 * Math.PI));
    if (wavelength < original / high) return 1;
    if (wavelength > original / low) return factor;
    const turns = fround(fround(1 / wavelength) * original);
    const share = fround(fround(turns - low) / (high - low));
    return 1 / fround(fround(fround(1 - share) / factor) + share);
  });
}
