/** What a runtime needs beside weights and cache while it computes. */
import { usualUbatch } from './kvCache';
import type { Runtime } from './types';

/** Figures of a decoder that its intermediate results depend on. */
export interface ComputeShape {
  readonly hidden: number;
  readonly heads: number;
  readonly vocabulary: number;
  readonly feedForward: number;
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
 * llama.cpp: the formula that gives the buffers of eight published logs of dense models within 0.02 MiB, for one device that
 * holds all layers; see docs/estimates.md. transformers and vLLM: the largest things that live at once, approximate.
 */
export function computeMemory(shape: ComputeShape, setting: ComputeSetting): ComputeMemory {
  const { hidden, heads, vocabulary, feedForward } = shape;
  const { runtime, batch, flashAttention, elementBytes } = setting;
  if (runtime === 'llama.cpp') {
    const context = Math.ceil(setting.context / 256) * 256;
    const ubatch = Math.min(setting.ubatch ?? usualUbatch, context);
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
