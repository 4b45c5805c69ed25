/** The values that describe a quantization and its error. */

export type IntegerBits = 2 | 3 | 4 | 5 | 6 | 7 | 8;
export type PruneMethod = 'magnitude' | 'nm' | 'rows' | 'columns' | 'heads' | 'layers';

/** ggml's types, which GGUF files hold; the names are ggml's, but for its MXFP4, which rounds ties in a way of its own. */
export type GgmlSchemeName =
  | 'q8_0'
  | `q${4 | 5}_${0 | 1}`
  | `q${2 | 3 | 4 | 5 | 6}_k`
  | 'iq4_nl'
  | 'iq4_xs'
  | `iq1_${'s' | 'm'}`
  | `iq2_${'xxs' | 'xs' | 's'}`
  | `iq3_${'xxs' | 's'}`
  | 'mxfp4-ggml'
  | `tq${1 | 2}_0`;

export type SchemeName =
  | `int${IntegerBits}-absmax`
  | `int${IntegerBits}-zeropoint`
  | 'f16'
  | 'bf16'
  | 'f32'
  | 'f8-e4m3'
  | 'f8-e5m2'
  | 'nf4'
  | 'fp4'
  | 'ternary'
  | 'bnb-int8'
  | 'llm-int8'
  | 'mxfp4'
  | 'mxfp8'
  | 'nvfp4'
  | GgmlSchemeName
  | `prune-${PruneMethod}`;

/** What one scale serves; 'none': there is no scale. */
export type Granularity = 'none' | 'tensor' | 'row' | 'column' | 'block';
export type ScaleDtype = 'F32' | 'BF16' | 'F16';
/** How a scale is found: from the extremes, as the one of least squared error, or by half-quadratic refinement. */
export type ClipSearch = 'none' | 'mse' | 'hqq';
/** What becomes of values beyond an 8-bit float's largest: that largest, or NaN (infinity) as a cast in PyTorch gives. */
export type Overflow = 'saturate' | 'nan';
/**
 * `auto`: the scheme's own layout. `plain`: only if that is plain tensors. `fake`: dequantized values in the weight's type.
 * `qdq`: in an ONNX model, ONNX's own operators where `auto` would take one of onnxruntime's.
 */
export type OutputForm = 'auto' | 'plain' | 'fake' | 'qdq';

/** A scheme and its options. What is undefined is the scheme's default; what a scheme does not know is refused. */
export interface SchemeChoice {
  readonly scheme: SchemeName;
  readonly granularity: Granularity;
  /** Type that scales are stored in; by default the tensor's own float type, as compressed-tensors demands. */
  readonly scaleDtype?: ScaleDtype | undefined;
  /** Values that share a scale, with granularity `block`. */
  readonly blockSize?: number | undefined;
  readonly clip?: ClipSearch | undefined;
  /** Quantize the scales too (NF4 and FP4). */
  readonly doubleQuant?: boolean | undefined;
  readonly overflow?: Overflow | undefined;
  /** LLM.int8(): columns with a value of at least this magnitude stay in F16. */
  readonly outlierThreshold?: number | undefined;
  /** LLM.int8(): columns whose largest magnitude is beyond this many times the median column's stay in F16. */
  readonly outlierFactor?: number | undefined;
  /** Set weights to 0 first. */
  readonly prune?: PruneMethod | undefined;
  /** Share of the weights (rows, columns, heads, layers) that pruning sets to 0. */
  readonly ratio?: number | undefined;
  /** N:M pruning keeps `keep` of every `of` values in a row. */
  readonly keep?: number | undefined;
  readonly of?: number | undefined;
  /** Rows of one attention head, for pruning heads. */
  readonly headSize?: number | undefined;
  /** Layers that pruning by layers sets to 0; left out, those of smallest norm, which takes a pass over the model. */
  readonly layers?: readonly number[] | undefined;
  readonly output?: OutputForm | undefined;
}

/** How far a quantized tensor is from its original. Sums run in float64 over the tensor in a fixed order. */
export interface TensorError {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** Bytes in the output, all pieces. */
  readonly bytes: number;
  readonly mse: number;
  /** 10 log10(sum x^2 / sum e^2) in dB; null when the error is 0 (then the copy is exact). */
  readonly sqnr: number | null;
  readonly maxAbs: number;
  /** sum x y / sqrt(sum x^2 sum y^2); 1 when both are zero. */
  readonly cosine: number;
  /** Mean |error|. */
  readonly meanAbs: number;
  readonly note?: string | undefined;
  /** The error was left to be measured later: no figure is known. They are NaN, or null where JSON carried them. */
  readonly isUnmeasured?: boolean | undefined;
}
