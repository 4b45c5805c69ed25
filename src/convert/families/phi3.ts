/** Phi-3 and Phi-4. */
import { LoupeError } from '../../errors';
import type { ModelConfig } from '../../formats/modelConfig';
import { family } from './llamaLike';
import {
  attentionFactor,
  longRopeFactors,
  originalContext,
  positionWarnings,
  ropeParameters,
  ropeTheta,
  ropeType,
} from './positions';
import { headCount, hiddenSize, kvHeadCount, layerCount } from './sizes';

/** Phi-3 holds gate and up as one, which llama.cpp reads as "up". */
const phi3Modules: Readonly<Record<string, string>> = { 'mlp.gate_up_proj': 'ffn_up' };

/** Of a head's dimensions, those that turn. */
const rotaryShare = (config: ModelConfig): number =>
  ropeParameters(config).optionalNumber('partial_rotary_factor') ?? config.number('partial_rotary_factor', 1);

/** Dimensions of a head that turn. */
const phi3Width = (config: ModelConfig): number =>
  Math.floor(Math.trunc(rotaryShare(config) * hiddenSize(config)) / Math.max(1, headCount(config)));

const phi3Factors = (config: ModelConfig) => longRopeFactors(config, phi3Width(config));

export const phi3 = family(
  { architecture: 'phi3', modules: phi3Modules },
  (list, config) => {
    list.u32('context_length', config.count('max_position_embeddings'));
    list.u32('rope.scaling.original_context_length', originalContext(config));
    list.u32('embedding_length', hiddenSize(config));
    list.u32('feed_forward_length', config.count('intermediate_size'));
    list.u32('block_count', layerCount(config));
    list.u32('attention.head_count', headCount(config));
    list.u32('attention.head_count_kv', kvHeadCount(config));
    list.f32('attention.layer_norm_rms_epsilon', config.number('rms_norm_eps'));
    list.u32('rope.dimension_count', phi3Width(config));
    list.f32('rope.freq_base', ropeTheta(config) ?? 10000);
    // Phi-4 states no window, and llama.cpp tells it by the 0.
    list.u32('attention.sliding_window', config.optionalCount('sliding_window') ?? 0);
    const type = ropeType(config);
    const isStretched = phi3Factors(config).length > 0;
    // Its factors are all that llama.cpp reads of this architecture's scaling.
    if (!isStretched && type !== undefined && !['default', 'dynamic'].includes(type))
      throw new LoupeError(
        'unsupported',
        `The positions are scaled ("${type.slice(0, 60)}") without the lists long_factor and short_factor, which are what llama.cpp reads of a Phi-3.`,
      );
    if (isStretched) list.f32('rope.scaling.attn_factor', attentionFactor(config));
  },
  { extra: phi3Factors, warnings: positionWarnings },
);
