/** Editing the metadata of a GGUF file. */
import type { MetadataEdit } from '../formats/gguf/metadataEdit';
import type { GgufOptions } from '../quant/gguf/options';

export type { MetadataEdit } from '../formats/gguf/metadataEdit';

export interface EditMetadataRequest {
  /** The file itself; of a model in several files, the one whose metadata are meant. */
  readonly path: string;
  /** Fails with `changed` when the file is not the one that the edits were made for. */
  readonly generation?: string | undefined;
  readonly edits: readonly MetadataEdit[];
  /** Another file to write; undefined: the file itself. */
  readonly out?: string | undefined;
  readonly overwrite: boolean;
  /** Tell how it would be done, and do nothing. */
  readonly dryRun: boolean;
}

export interface EditMetadataReport {
  /** The file that has the new metadata. */
  readonly output: string;
  /** What was done to each key. */
  readonly changes: readonly string[];
  /** Only bytes of the header changed in their place: the data did not move. Otherwise the file was written anew and renamed. */
  readonly inPlace: boolean;
  readonly bytes: number;
  /** Of a file that was written anew: SHA-256 of its tensors' data, read back, which is that of the source. */
  readonly dataSha256?: string | undefined;
}

/** Values of a tensor that a first look at a mix takes: enough for a mean over a model's tensors. */
export const mixSampleValues = 2 ** 16;

/** Errors as in an error report: sqrt(sum e^2 / sum x^2), and the same in dB, null where there is no error. */
export interface GgufErrorFigures {
  readonly relative: number;
  readonly sqnr: number | null;
}

export interface GgufTensorError extends GgufErrorFigures {
  /** As the output calls it. */
  readonly name: string;
  /** Its type in the output. */
  readonly to: string;
}

/** What a mix does to a model's values: over all values of the tensors that it changes to another type than F32. */
export interface GgufError extends GgufErrorFigures {
  /** Some tensors were read in part. */
  readonly sampled: boolean;
  /** Those that were measured, in the output's order. */
  readonly tensors: readonly GgufTensorError[];
}

/** A type that tensors of a GGUF output could have. */
export interface GgufTypeChoice {
  readonly type: string;
  /** Of all the tensors together, with what stands in for the type where it does not fit. */
  readonly bytes: number;
  /** Tensors that get another type, because their rows do not fill this type's blocks. */
  readonly unfit: number;
  /** Why none can have it, in a sentence. */
  readonly refused?: string | undefined;
}

export interface GgufTypeChoices {
  /** The tensors that the pattern matches and that a mix may change. */
  readonly tensors: readonly string[];
  /** From many bits to few. */
  readonly choices: readonly GgufTypeChoice[];
}

export type GgufContract = {
  /** The types that some tensors of a GGUF output could have instead of those that the options give them. */
  ggufTypeChoices: {
    params: {
      path: string;
      gguf: GgufOptions;
      /** A glob, or an expression between slashes, over the output's names. */
      pattern: string;
    };
    result: GgufTypeChoices;
  };
  /** The error of a GGUF output, without writing it; what was measured is kept for other mixes of the same model. */
  ggufError: {
    params: {
      /** A GGUF model, or a safetensors model that becomes one. */
      path: string;
      gguf: GgufOptions;
      /** Only tensors whose names match: a glob, or an expression between slashes. */
      only?: string | undefined;
      /** Values of a tensor to look at, roughly, as for `sensitivity`; undefined: all. */
      sampleValues?: number | undefined;
    };
    result: GgufError;
    progress: { readonly done: number; readonly total: number };
  };
  editMetadata: {
    params: EditMetadataRequest;
    result: EditMetadataReport;
    progress: { readonly bytesDone: number; readonly bytesTotal: number };
  };
};
