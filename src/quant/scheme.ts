/** What every quantization scheme is made of. */
import type {
  ClipSearch,
  Granularity,
  OutputForm,
  Overflow,
  PruneMethod,
  ScaleDtype,
  SchemeChoice,
  SchemeName,
} from './types';

/** A weight as a matrix: rows are output channels, columns input channels. */
export interface WeightShape {
  readonly rows: number;
  readonly columns: number;
}

/** A choice whose options are all filled in, made for one tensor. */
export interface Setting extends WeightShape {
  readonly choice: ResolvedChoice;
  /** The tensor's type. */
  readonly dtype: string;
  /** The layer that the tensor belongs to, counted from 0; undefined for one outside of layers. */
  readonly layer?: number | undefined;
  /** What scales are stored in. */
  readonly scaleDtype: ScaleDtype;
  /**
   * How much each column matters, from an importance matrix: one number a column, or one part of so many for each expert of a
   * stack. Schemes of ggml weigh errors by it.
   */
  readonly importance?: Float32Array | undefined;
  /** Set for the weight of an operator in an ONNX graph. */
  readonly graph?: GraphPlace | undefined;
}

/** The operator that takes a weight, and the dimension along which its output channels lie. */
export interface GraphPlace {
  readonly operator: 'MatMul' | 'Gemm' | 'Conv' | 'Gather';
  readonly outputAxis: 0 | 1;
  /** Version of ONNX's operators that the model says. */
  readonly opset?: number | undefined;
  /** Of a Gemm that does more than multiply and add: what that is. */
  readonly beyondProduct?: string | undefined;
  /** Why the graph cannot use ONNX's operator set 21, whose DequantizeLinear knows blocks. */
  readonly withoutBlocks?: string | undefined;
}

export interface ResolvedChoice extends SchemeChoice {
  readonly scheme: SchemeName;
  readonly granularity: Granularity;
  readonly blockSize: number;
  readonly clip: ClipSearch;
  readonly doubleQuant: boolean;
  readonly overflow: Overflow;
  readonly prune: PruneMethod | undefined;
  readonly output: OutputForm;
}

/** A stored tensor of a quantized weight: its name is the weight's plus `suffix`. */
export interface Piece {
  readonly suffix: string;
  /** A type that safetensors knows. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** Bytes of a piece and where in it they lie. */
export interface Chunk {
  readonly suffix: string;
  readonly byteOffset: number;
  readonly bytes: Uint8Array;
}

/** Consecutive values of the flattened weight, all finite. `first` is a multiple of the encoding's unit. */
export interface Band {
  readonly first: number;
  readonly values: Float32Array;
}

/** What a code stands for: x~ = (code - zero) * scale, or the code's level times the scale. */
export interface CodeScale {
  readonly scale: number;
  /** Of linear integers, as the codes are kept: offset-binary. */
  readonly zero?: number | undefined;
}

export interface EncodedBand {
  /** One a value, where the scheme has codes of at most 8 bits: what a picture writes into its cells. */
  readonly codes?: Uint8Array | undefined;
  readonly dequantized: Float32Array;
  /** For pictures: of the value at a place of the band; undefined for one that is kept apart and has no code. */
  readonly scaleAt?: ((index: number) => CodeScale | undefined) | undefined;
  /** The band's bytes in the stored pieces; computed when asked for. */
  chunks(): readonly Chunk[];
}

/** What earlier passes found out about the whole tensor: a list of numbers for each pass. */
export type Knowledge = readonly Float64Array[];

/** A pass over the whole tensor before the first band is encoded. States of parts are merged in the tensor's order. */
export interface Survey {
  start(): Float64Array;
  /** Takes in a band; `known` is what the passes before this one found. */
  add(state: Float64Array, band: Band, known: Knowledge): void;
  merge(into: Float64Array, from: Float64Array): void;
}

/** A scheme with all its options, ready for one tensor. */
export interface Encoding {
  /** What a tensor is called that was quantized so: "INT4", "NF4". */
  readonly to: string;
  /** Bands begin at multiples of this many values: a row, a block, or several. */
  readonly unit: number;
  /** The same for bands whose chunks are not asked for, where packing alone needs the larger unit; undefined: `unit`. */
  readonly valueUnit?: number | undefined;
  readonly surveys: readonly Survey[];
  /** What the last survey finds must hold for all weights that loaders join with this one; see joinedWeights. */
  readonly isJoined?: boolean | undefined;
  /** Sizes are known without reading values, but for schemes that keep outliers apart. */
  pieces(known?: Knowledge): readonly Piece[];
  encode(band: Band, known: Knowledge): EncodedBand;
  /** Pieces that no band fills. */
  wholePieces(known: Knowledge): readonly Chunk[];
}

/** How a quantized weight is stored so that others load it. */
export type StoredForm =
  | {
      readonly layout: 'compressed-tensors';
      readonly format: string;
      /** The `weights` of config.json's config_groups. */
      readonly weights: Readonly<Record<string, unknown>>;
    }
  | {
      readonly layout: 'bitsandbytes';
      /** What quantization_config says beyond quant_method and what is skipped. */
      readonly config: Readonly<Record<string, unknown>>;
    }
  /** Plain tensors. `floatType` is PyTorch's name of the whole model's new type, for config.json. */
  | { readonly layout: 'plain'; readonly floatType?: string | undefined }
  /** An operator of an ONNX graph; see onnxForm. */
  | { readonly layout: 'onnx' }
  /** A tensor of this type of ggml in a GGUF file. */
  | { readonly layout: 'gguf'; readonly type: string }
  | { readonly layout: 'none'; readonly reason: string };

export type SchemeFamily =
  | 'cast'
  | 'integer'
  | 'codebook'
  | 'microscaling'
  | 'ternary'
  | 'mixed'
  | 'ggml'
  | 'pruning';

/** The options that a scheme takes; the first of a list is its default. */
export interface SchemeOptions {
  readonly granularities: readonly Granularity[];
  /** Allowed sizes of a block, with granularity `block`. */
  readonly blockSizes?: readonly number[] | undefined;
  readonly clips?: readonly ClipSearch[] | undefined;
  readonly doubleQuant?: boolean | undefined;
  readonly overflow?: boolean | undefined;
  readonly scaleDtypes?: readonly ScaleDtype[] | undefined;
  /** LLM.int8()'s outlierThreshold and outlierFactor. */
  readonly outliers?: boolean | undefined;
}

export interface Scheme {
  readonly name: SchemeName;
  /** For menus and reports. */
  readonly label: string;
  /** One sentence for menus. */
  readonly detail: string;
  readonly family: SchemeFamily;
  /** Which tensors it is made for: the weights of linear layers, or every float tensor. */
  readonly scope: 'linear' | 'floats';
  readonly options: SchemeOptions;
  /** Rows must be whole blocks of so many columns; undefined: rows of any length. */
  readonly rowBlock?: number | undefined;
  /** It encodes only by an importance matrix, which nothing but writing a GGUF file is given. */
  readonly needsImportance?: boolean | undefined;
  encoding(setting: Setting): Encoding;
  /** How it is stored, or why it cannot be. */
  stored(setting: Setting): StoredForm;
}

/** Sum of the pieces' bytes. */
export function storedBytes(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** A scheme that needs no pass and fills no piece at once. */
export const noSurveys: readonly Survey[] = [];
export const noChunks = (): readonly Chunk[] => [];
