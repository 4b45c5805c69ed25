/** What a runtime needs beside weights and cache while it computes. */
import { usualUbatch } from './kvCache';
import type { Runtime } from './types';

/** Figures of a decoder that its intermediate results depend on. */
export interface ComputeShape {
  readonly hidden: number;
  readonly heads: number;
  readonly vocabulary: number;
  readonly feedForward: number;
  /** Elements of one token's keys in a layer; undefined: as many as the hidden state has. */
  readonly keyWidth?: number | undefined;
  /** undefined: not told. Training keeps activations of each. */
  readonly layers?: number | undefined;
}

export interface ComputeSetting {
  readonly runtime: Runtime;
  readonly context: number;
  readonly batch: number;
  readonly ubatch?: number | undefined;
  /** Attention that never holds the matrix of scores; llama.cpp's and vLLM's default. */
  readonly flashAttention: boolean;
  /** Bytes of an activation: 2 for half precision. */
  readonly elementBytes: number;
  /** The processor computes; otherwise one device that holds all layers. Of llama.cpp. */
  readonly onProcessor?: boolean | undefined;
}

export interface ComputeMemory {
  /** Intermediate results, on the device. */
  readonly activations: number;
  /** Inputs and logits, in the host's memory where the runtime keeps them there. */
  readonly buffers: number;
  readonly certainty: 'stated' | 'approximate';
  readonly formula: string;
}

/**
 * llama.cpp: the formulas that give the buffers of eight published logs of dense models within 0.02 MiB on one device that holds
 * all layers, and what node-llama-cpp 3.22.1 reports on a processor; see docs/estimates.md. transformers and vLLM: the largest things
 * that live at once, approximate.
 */
export function computeMemory(shape: ComputeShape, setting: ComputeSetting): ComputeMemory {
  const { hidden, heads, vocabulary, feedForward } = shape;
  const { runtime, batch, flashAttention, elementBytes } = setting;
  if (runtime === 'llama.cpp')
    return setting.onProcessor ? processorMemory(shape, setting) : deviceMemory(shape, setting);
  // vLLM reads prompts in chunks, transformers a whole prompt at once.
  const tokens = runtime === 'vllm' ? Math.min(setting.context * batch, 2048) : setting.context * batch;
  const layer = tokens * elementBytes * (4 * hidden + 2 * feedForward);
  const scores = flashAttention ? 0 : (4 + elementBytes) * heads * batch * setting.context ** 2;
  const logits = vocabulary * batch * (4 + elementBytes);
  return {
    activations: Math.max(layer, layer / 2 + scores, logits),
    buffers: 0,
    certainty: 'approximate',
    formula: flashAttention
      ? 'max(b T (4 d + 2 f), (4 + b) V n)'
      : 'max(b T (2 d + f) + (4 + b) H n C^2, (4 + b) V n)',
  };
}

/** llama.cpp pads contexts, and never takes more tokens at once than there are. */
function llamaCppTokens(setting: ComputeSetting): { context: number; ubatch: number } {
  const context = Math.ceil(setting.context / 256) * 256;
  return { context, ubatch: Math.min(setting.ubatch ?? usualUbatch, context) };
}

function deviceMemory({ hidden, heads, vocabulary }: ComputeShape, setting: ComputeSetting): ComputeMemory {
  const { context, ubatch } = llamaCppTokens(setting);
  const { batch, flashAttention } = setting;
  const logits = 4 * ubatch * (vocabulary + hidden);
  const scores = flashAttention ? 0 : 4 * ubatch * ((heads + 1) * context + 4 * hidden);
  return {
    activations: Math.max(logits, scores),
    buffers: 4 * ubatch * (context + hidden) + Math.round(0.01 * 2 ** 20) + 4 * vocabulary * batch,
    certainty: 'stated',
    formula: flashAttention
      ? '4 U (V + d); host 4 U (C + d); output 4 V n'
      : 'max(4 U (V + d), 4 U ((H + 1) C + 4 d)); host 4 U (C + d); output 4 V n',
  };
}

/**
 * On the processor one buffer holds inputs and intermediate results, of which those of attention, of the feed-forward part or
 * of the logits are the most at once. Figures of a token, in float32: the mask is in half precision under flash
 * attention, and its 5 other inputs are the token, its place, and the cells of its keys and values.
 */
function processorMemory(shape: ComputeShape, setting: ComputeSetting): ComputeMemory {
  const { hidden, heads, vocabulary, feedForward, keyWidth = hidden } = shape;
  const { context, ubatch } = llamaCppTokens(setting);
  const { batch, flashAttention } = setting;
  const inputs = 5 + (flashAttention ? context / 2 + 2 : context);
  const attention = flashAttention ? 4 * hidden + 2 * keyWidth : heads * context + 5 * hidden + 2 * keyWidth;
  // Under flash attention a narrow part finds room where attention's results were, more or less.
  const narrow = flashAttention && feedForward <= 2 * hidden;
  const perceptron = (narrow ? 2 : 3) * feedForward + (flashAttention ? 4 : 5) * hidden;
  const logits = vocabulary + (flashAttention ? 2 : 3) * hidden + 1;
  const layer = inputs + Math.max(attention, perceptron);
  return {
    activations: 4 * ubatch * Math.max(layer, logits),
    buffers: 4 * vocabulary * batch,
    // Where logits are placed depends on holes that earlier results left: a tenth more was seen.
    certainty: logits > layer || narrow ? 'approximate' : 'stated',
    formula: flashAttention
      ? '4 U max(C / 2 + 3 f + 4 d + 7, V + 2 d + 1); output 4 V n'
      : '4 U max((H + 1) C + 5 d + 2 k + 5, C + 3 f + 5 d + 5, V + 3 d + 1); output 4 V n',
  };
}
