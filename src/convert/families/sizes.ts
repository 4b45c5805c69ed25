/** Sizes of a model by the names that configs give them: `malformed` is thrown for one that is missing. */
import { LoupeError } from '../../errors';
import type { ModelConfig } from '../../formats/modelConfig';

/** llama.cpp loads no more (llama-hparams.h, LLAMA_MAX_LAYERS), and lists are made with an entry for each. */
const mostLayers = 512;
/** No published model's heads come near, and lists are made with an entry for every second dimension. */
const widestHead = 2 ** 16;

/** Throws `unsupported` for more layers than llama.cpp loads. */
export function layerCount(config: ModelConfig): number {
  const layers = config.count(['num_hidden_layers', 'n_layers', 'n_layer', 'num_layers']);
  if (layers <= mostLayers) return layers;
  throw new LoupeError(
    'unsupported',
    `The config states ${layers} layers, and llama.cpp loads up to ${mostLayers}.`,
  );
}
export const headCount = (config: ModelConfig): number =>
  config.count(['num_attention_heads', 'n_head', 'n_heads']);
export const hiddenSize = (config: ModelConfig): number => config.count(['hidden_size', 'n_embd', 'dim']);
export const kvHeadCount = (config: ModelConfig): number =>
  config.count(['num_key_value_heads', 'n_kv_heads'], headCount(config));
/** Of one head: stated, or the width divided by the heads. Throws `malformed` for one that no model has. */
export function headWidth(config: ModelConfig): number {
  const width = config.count('head_dim', Math.floor(hiddenSize(config) / Math.max(1, headCount(config))));
  if (width <= widestHead) return width;
  throw new LoupeError('malformed', `By the config a head is ${width} wide; up to ${widestHead} is taken.`);
}
