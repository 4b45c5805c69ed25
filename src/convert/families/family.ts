/** What is to be said of a model family for it to become a GGUF file. */
import type { ModelConfig } from '../../formats/modelConfig';
import type { MetadataList } from '../metadataList';

/** Where a source's tensor goes. */
export interface TensorTarget {
  /** GGUF's name, with the number of the layer in it and its ending. */
  readonly name: string;
  /** Rows are put in pairs, this many heads. */
  readonly pairedHeads?: number | undefined;
  readonly addend?: number | undefined;
  readonly isTransposed?: boolean | undefined;
  /** Place among the experts whose tensors become one. */
  readonly expert?: number | undefined;
  /** The source holds all experts of a layer, [experts, rows, columns]. */
  readonly experts?: ExpertRows | undefined;
  /** Rows beyond the vocabulary are left out. */
  readonly isEmbedding?: boolean | undefined;
}

/** What a tensor of all experts of a layer holds: matrices that are stored below each other, of which the target is one. */
export interface ExpertRows {
  readonly part: number;
  readonly parts: number;
  /** The model's width, and which of an expert's dimensions it is. Where the other one has it, experts are stored transposed. */
  readonly width: number;
  readonly isColumns: boolean;
}

export interface GgufFamily {
  /** GGUF's name of the architecture, before its keys. */
  readonly architecture: string;
  /** 'skip' for what llama.cpp does not read; undefined for a tensor that is not known; several where one tensor holds several. */
  target(name: string, config: ModelConfig): TensorTarget | readonly TensorTarget[] | 'skip' | undefined;
  /** Keys behind "<architecture>."; throws `malformed` where the config lacks a figure. */
  hyperparameters(list: MetadataList, config: ModelConfig): void;
  /** Makes vectors of texts, and says how where modules.json does. */
  readonly pools?: boolean | undefined;
  /** Keys under "tokenizer.ggml" that the family adds. */
  tokenizer?(list: MetadataList, config: ModelConfig): void;
  /** What the file will not do as transformers does, as sentences. */
  warnings?(config: ModelConfig): readonly string[];
  /** Tensors that the config implies. */
  extra?(config: ModelConfig): readonly { readonly name: string; readonly values: Float32Array }[];
  /** Embedding rows without a token are cut off. */
  readonly cutsEmbedding?: boolean | undefined;
}
