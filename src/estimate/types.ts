/** What is asked and told of a model's memory: plain values that travel between processes and to pages. */

export type Runtime = 'transformers' | 'llama.cpp' | 'vllm';

export type LoadMode = 'f32' | 'f16' | 'int8' | 'int4';

/** Bytes by how a model is loaded; the last two with bitsandbytes. */
export type Footprint = Readonly<Record<LoadMode, number>>;

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
  /** The scheme's: "ggml" for types of GGUF files. */
  readonly family: string;
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

/** Devices that hold one model together: GPUs, or the memory that the processor works in. */
export interface DeviceSet {
  /** As it was asked for: "2x RTX 4090". */
  readonly label: string;
  readonly kind: 'gpu' | 'ram';
  /** At least one; one alone for `ram`. */
  readonly gpus: readonly GpuRoom[];
}

export type MemoryPartKind =
  | 'weights'
  | 'kvCache'
  | 'activations'
  | 'buffers'
  | 'gradients'
  | 'optimizer'
  /** What the devices need for themselves, or what the runtime leaves free. */
  | 'overhead';

/** Whether something fits. `tight`: only if the estimate is not too low. */
export type FitVerdict = 'fits' | 'tight' | 'no';

/** What weights of some size come to on a set of devices. */
export interface FitMark {
  readonly verdict: FitVerdict;
  /** On all devices of the set together, without their overhead. */
  readonly neededBytes: number;
  /** Most tokens of one sequence; 0 where not even one fits, undefined where nothing tells what a token needs. */
  readonly largestContext?: number | undefined;
  /** Tokens a second of one sequence that the memory's speed allows at most; the true number is lower. */
  readonly tokensPerSecondBound?: number | undefined;
}

export interface FitReport extends FitMark {
  readonly label: string;
  readonly kind: DeviceSet['kind'];
  readonly gpus: readonly GpuRoom[];
  /** Of all devices of the set; in training, of one. */
  readonly memoryBytes: number;
  /** What of it can be used: less the overhead. */
  readonly roomBytes: number;
  /** They sum up to `neededBytes` and the overhead. */
  readonly parts: readonly { readonly kind: MemoryPartKind; readonly bytes: number }[];
  /** Most sequences of the context that was asked for; undefined as above. */
  readonly largestBatch?: number | undefined;
  /** llama.cpp: layers on the GPUs where not all fit, the rest on the processor. */
  readonly offload?: { readonly layers: number; readonly of: number } | undefined;
  readonly notes: readonly string[];
}

export type Optimizer = 'adamw' | 'adamw-8bit' | 'adafactor' | 'sgd';
export type TrainingMethod = 'full' | 'lora' | 'qlora';
export type ZeroStage = 0 | 1 | 2 | 3;

/** Training instead of use: the context is the length of a sequence, the batch what one rank takes at once. */
export interface TrainingRequest {
  /** `lora`, `qlora`: low-rank adapters on every matrix of the layers; under `qlora` the rest is NF4. */
  readonly method: TrainingMethod;
  /** undefined: AdamW. */
  readonly optimizer?: Optimizer | undefined;
  /** Half-precision weights with a float32 copy, or float32 throughout; undefined: mixed. */
  readonly precision?: 'mixed' | 'f32' | undefined;
  /** GPUs, each of which trains on data of its own. */
  readonly ranks?: number | undefined;
  /** What ZeRO divides among them: states (1), gradients too (2), weights too (3). */
  readonly zeroStage?: ZeroStage | undefined;
  /** Compute a layer's activations again on the way back instead of keeping them. */
  readonly checkpointing?: boolean | undefined;
  /** Of the adapters; undefined: 16. */
  readonly loraRank?: number | undefined;
}

/** Bytes on one rank. */
export interface TrainingReport {
  readonly setting: Required<TrainingRequest>;
  /** Parameters that learn. */
  readonly trained: number;
  readonly weights: BytesEstimate;
  readonly gradients: BytesEstimate;
  /** States of the optimizer, and the float32 copy of the weights. */
  readonly optimizer: BytesEstimate;
  readonly activations: BytesEstimate;
  readonly total: BytesEstimate;
  readonly formula: string;
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
  /** What it is to fit on, each set by itself; rows of the tables get a mark for each. */
  readonly devices?: readonly DeviceSet[] | undefined;
  readonly training?: TrainingRequest | undefined;
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

/** A scheme's row with the whole model's need in the setting that was asked for. */
export interface SchemeRow extends SchemeSize {
  /** Weights, cache, activations and buffers; undefined in training. */
  readonly totalBytes?: number | undefined;
  /** One for each set of devices that was asked about. */
  readonly fits?: readonly FitMark[] | undefined;
}

export interface MemoryEstimate {
  readonly parameters: number;
  readonly weights: BytesEstimate & { readonly byDtype: Readonly<Record<string, number>> };
  readonly kvCache: BytesEstimate & CacheMemory & { readonly dtype: string };
  readonly activations: BytesEstimate & { readonly formula?: string | undefined };
  readonly buffers: BytesEstimate;
  readonly total: BytesEstimate;
  /** Weights under every scheme. */
  readonly table: readonly SchemeRow[];
  /** The same of GGUF's mixes, for models that can be written as GGUF; their names are such as "gguf:q4_k_m". */
  readonly mixes: readonly SchemeRow[];
  readonly setting: {
    readonly runtime: Runtime;
    readonly context: number;
    readonly batch: number;
    readonly dtype: string | undefined;
    readonly kvDtype: string;
    readonly valueDtype: string | undefined;
    readonly flashAttention: boolean;
  };
  /** Tokens that the model was made for; undefined where nothing tells. */
  readonly longestContext: number | undefined;
  /** Whether it fits on the GPUs that were asked about. */
  readonly fit?: FitReport | undefined;
  /** The same of each set of devices. */
  readonly fits: readonly FitReport[];
  /** Instead of cache and buffers, where training was asked about. */
  readonly training?: TrainingReport | undefined;
  /** What transformers' get_memory_footprint() tells of it; for models whose config tells their parameters exactly. */
  readonly footprint?: Footprint | undefined;
  readonly notes: readonly string[];
}
