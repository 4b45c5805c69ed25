/** The checkpoint model: what every format's reader produces and everything else consumes. */
import type { PackedWeight } from './packedWeight';

/** `imatrix`: an importance matrix in the form that llama.cpp had before GGUF. */
export type CheckpointFormat = 'safetensors' | 'gguf' | 'onnx' | 'pytorch' | 'numpy' | 'imatrix';

export interface CheckpointFile {
  /** Absolute path. */
  readonly path: string;
  readonly bytes: number;
  /** Modification time in ms since the epoch; with `bytes` it tells whether the file is still the one read. */
  readonly mtimeMs: number;
}

/** A run of bytes in one of the checkpoint's files, with its type. */
export interface TensorSpan {
  readonly name: string;
  readonly dtype: string;
  /** Outermost dimension first, for every format. Empty for a scalar. */
  readonly shape: readonly number[];
  /** Index into `Checkpoint.files`. */
  readonly file: number;
  /** Absolute position in that file. */
  readonly byteOffset: number;
  readonly bytes: number;
}

/** One stored tensor of a logical weight: "codes", "scales", "zero points", "shape" ... say what it is for. */
export interface Piece {
  readonly role: string;
  readonly span: TensorSpan;
}

/** A weight that a quantization method stores in several tensors. */
export interface PackedPieces {
  /** The layout's name, e.g. "pack-quantized", "GPTQ", "bitsandbytes NF4". */
  readonly layout: string;
  /** Bits of one code. */
  readonly bits: number;
  /** All pieces' bits by the weight's elements: what a weight really costs, scales included. */
  readonly bitsPerWeight: number;
  /** The codes come first. */
  readonly parts: readonly Piece[];
}

/**
 * How the graph of an ONNX model uses a tensor: as the weight of an operator, whose output channels lie along
 * `outputAxis`, or why it is not known as one.
 */
export type GraphWeight =
  | {
      readonly operator: 'MatMul' | 'Gemm' | 'Conv' | 'Gather';
      readonly outputAxis: 0 | 1;
      /** Version of ONNX's operators that the model says. */
      readonly opset?: number | undefined;
      /** Of a Gemm that does more than multiply and add: what that is. */
      readonly beyondProduct?: string | undefined;
      /** Why the graph cannot use ONNX's operator set 21, whose DequantizeLinear knows blocks. */
      readonly withoutBlocks?: string | undefined;
    }
  | { readonly reason: string };

export interface TensorInfo extends TensorSpan {
  /** Product of the shape; 1 for a scalar. */
  readonly elements: number;
  /** Set when the tensor is a logical weight; dtype then reads like "INT8" and bytes sums all pieces. */
  readonly pieces?: PackedPieces | undefined;
  /** How the logical weight's values follow from its pieces; absent when it is `unreadable`. */
  readonly packed?: PackedWeight<TensorSpan> | undefined;
  /** Why the values cannot be read (short file, unknown type); absent when they can. */
  readonly unreadable?: string | undefined;
  /** Set where it is `unreadable` only because its rows share bytes; as a piece of a weight it can be read. */
  readonly unevenRows?: boolean | undefined;
  /** Of a tensor in a graph. */
  readonly graphWeight?: GraphWeight | undefined;
}

export type Severity = 'error' | 'warning' | 'info';

export interface Finding {
  readonly severity: Severity;
  /** Stable and kebab-cased, e.g. `truncated-data`. */
  readonly code: string;
  /** One plain sentence. */
  readonly message: string;
  readonly file?: string | undefined;
  readonly tensor?: string | undefined;
  readonly byteOffset?: number | undefined;
}

/** Integers beyond 2^53 and non-finite floats are strings: these values travel as JSON. */
export type MetadataValue =
  | string
  | number
  | boolean
  /** A long array is cut to its head; `length` is the true one. */
  | {
      readonly type: string;
      readonly length: number;
      readonly head: readonly (string | number | boolean)[];
    };

export interface MetadataEntry {
  readonly key: string;
  /** The format's own type name: `string` for safetensors, `u32`, `f32`, `[string]` ... for GGUF. */
  readonly type: string;
  readonly value: MetadataValue;
}

export interface Architecture {
  /** The class or family as the model says it, e.g. "LlamaForCausalLM" or "llama". */
  readonly name: string;
  readonly layers?: number | undefined;
  readonly hiddenSize?: number | undefined;
  readonly heads?: number | undefined;
  readonly kvHeads?: number | undefined;
  readonly vocabulary?: number | undefined;
  readonly contextLength?: number | undefined;
}

/** A graph's input or output. */
export interface GraphValue {
  readonly name: string;
  /** A dtype's name, or the kind of a value that is no tensor: "sequence", "map", "optional". */
  readonly type: string;
  /** Outermost first; a dimension is a size, a name, or "?" where nothing is said. Absent when the rank is open. */
  readonly shape?: readonly (number | string)[] | undefined;
}

/** A small JSON file beside the weights, such as config.json or tokenizer_config.json. */
export interface Sidecar {
  /** Its file name. */
  readonly name: string;
  readonly bytes: number;
  /** The parsed object; absent when it cannot be used. */
  readonly value?: Readonly<Record<string, unknown>> | undefined;
  /** Why it cannot be used, in one sentence. */
  readonly error?: string | undefined;
}

/** How the model as a whole is quantized. */
export interface QuantizationSummary {
  /** "GPTQ", "bitsandbytes NF4", "compressed-tensors pack-quantized" ... */
  readonly method: string;
  /** Bits of one code, where all quantized weights have the same. */
  readonly bits?: number | undefined;
  /** Mean over the quantized weights, their scales included. */
  readonly bitsPerWeight: number;
  /** Logical weights that are quantized. */
  readonly weights: number;
}

/** What a format that holds a graph says about it. */
export interface GraphSummary {
  readonly name: string;
  readonly irVersion: number;
  readonly producer: string;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  /** Those that the caller gives: initializers are left out. */
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  /** Nodes by operator, subgraphs included, the commonest first; "domain.Name" outside the default domain. */
  readonly operators: readonly { readonly name: string; readonly count: number }[];
  /** Tensors that an operator takes as quantized weights, e.g. "MatMulNBits, 4 bits, blocks of 32". */
  readonly quantizedWeights: readonly { readonly tensor: string; readonly method: string }[];
}

export interface Checkpoint {
  readonly format: CheckpointFormat;
  /** What to call it: the folder of a Hugging Face model, else the file's base name. */
  readonly name: string;
  /** The path that was opened, absolute. */
  readonly path: string;
  /** The folder that holds it. */
  readonly folder: string;
  readonly files: readonly CheckpointFile[];
  readonly tensors: readonly TensorInfo[];
  readonly metadata: readonly MetadataEntry[];
  /** config.json beside the weights, parsed; undefined when there is none or it is no object. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  readonly architecture?: Architecture | undefined;
  readonly graph?: GraphSummary | undefined;
  readonly quantization?: QuantizationSummary | undefined;
  /** JSON files beside the weights, in a fixed order; those that are absent are left out. */
  readonly sidecars?: readonly Sidecar[] | undefined;
  readonly findings: readonly Finding[];
}
