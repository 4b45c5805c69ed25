/** What is asked and told of a model's memory: plain values that travel between processes and to pages. */

export type Runtime = 'transformers' | 'llama.cpp' | 'vllm';

export interface CachePart {
  readonly kind: 'full' | 'sliding' | 'latent' | 'cross' | 'state';
  readonly layers: number;
  /** Tokens that room is kept for, a sequence; 0 for states. */
  readonly tokens: number;
  readonly bytes: number;
}

export interface CacheMemory {
  /** What one more token costs as long as no window is full. */
  readonly bytesPerToken: number;
  /** The same for a token beyond all windows. */
  readonly bytesPerLateToken: number;
  readonly bytes: number;
  readonly parts: readonly CachePart[];
}

export interface SchemeSize {
  readonly scheme: string;
  readonly label: string;
  /** Of all weights: quantized ones with their scales, the others as they are. */
  readonly bytes: number;
  readonly bitsPerWeight: number;
  /** Tensors. */
  readonly quantized: number;
  /** Tensors that the scheme is meant for and does not fit; they count as they are. */
  readonly refused: number;
  /** Why the first of them does not fit. */
  readonly refusal?: string | undefined;
}

/** A GPU's memory, and how fast it is read where that is known. */
export interface GpuRoom {
  readonly name: string;
  readonly memoryBytes: number;
  readonly bytesPerSecond?: number | undefined;
}

export interface FitReport {
  readonly gpus: readonly GpuRoom[];
  /** `tight`: only if the estimate is not too low. */
  readonly verdict: 'fits' | 'tight' | 'no';
  /** On all GPUs together, with what each of them needs for itself. */
  readonly neededBytes: number;
  readonly roomBytes: number;
  /** Most tokens of one sequence; 0 where not even one fits. */
  readonly largestContext: number;
  /** Most sequences of the context that was asked for. */
  readonly largestBatch: number;
  /** llama.cpp: layers on the GPUs where not all fit, the rest on the processor. */
  readonly offload?: { readonly layers: number; readonly of: number } | undefined;
  /** Tokens a second of one sequence that the memory's speed allows at most; the true number is lower. */
  readonly tokensPerSecondBound?: number | undefined;
  readonly notes: readonly string[];
}

export interface MemoryRequest {
  readonly runtime?: Runtime | undefined;
  /** Tokens of one sequence; undefined: 4,096, or the model's longest if that is less. */
  readonly context?: number | undefined;
  /** Sequences at once. */
  readonly batch?: number | undefined;
  /** Of `cacheDtypes`. */
  readonly kvDtype?: string | undefined;
  readonly valueDtype?: string | undefined;
  /** What the weights are loaded as: a scheme of the registry, "f32" included; undefined: as they are. */
  readonly dtype?: string | undefined;
  /** undefined: as the runtime does by itself, on. */
  readonly flashAttention?: boolean | undefined;
  /** What it is to fit on. */
  readonly gpus?: readonly GpuRoom[] | undefined;
}

/** `exact`: counted. `stated`: by a formula that published logs bear out. `approximate`: of the right size. */
export type Certainty = 'exact' | 'stated' | 'approximate' | 'unknown';

/** A number of bytes and between which the true one lies. */
export interface BytesEstimate {
  readonly bytes: number;
  readonly low: number;
  readonly high: number;
  readonly certainty: Certainty;
}

export interface MemoryEstimate {
  readonly parameters: number;
  readonly weights: BytesEstimate & { readonly byDtype: Readonly<Record<string, number>> };
  readonly kvCache: BytesEstimate & CacheMemory & { readonly dtype: string };
  readonly activations: BytesEstimate & { readonly formula?: string | undefined };
  readonly buffers: BytesEstimate;
  readonly total: BytesEstimate;
  /** Weights under every scheme. */
  readonly table: readonly SchemeSize[];
  readonly setting: {
    readonly runtime: Runtime;
    readonly context: number;
    readonly batch: number;
    readonly dtype: string | undefined;
  };
  /** Whether it fits on the GPUs that were asked about. */
  readonly fit?: FitReport | undefined;
  readonly notes: readonly string[];
}
