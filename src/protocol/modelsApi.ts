/** What is asked and told of the models on this machine. */
import type { LocalModel, ModelPlace } from '../formats/localModels/types';

export type { LocalModel, ModelPlace };

/** Models with the same weights, each in files of its own. */
export interface DuplicateSet {
  /** Paths of models, two or more. */
  readonly models: readonly string[];
  /** Bytes that are free once one of them is left. */
  readonly freeableBytes: number;
}

export interface DuplicateProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly file: string;
}

/** What goes with a model that is deleted. */
export interface DeletionPlan {
  /** Files and folders, absolute, in the order in which they are to go. */
  readonly targets: readonly string[];
  /** What the disk gets back once the trash is emptied: bytes that other names lead to stay. */
  readonly freedBytes: number;
  /** For people: why less is freed than the model's size, and who else uses the files. */
  readonly notes: readonly string[];
}

export type ModelsContract = {
  /**
   * Files in the workspace put together into models, and the models in the caches of the Hugging Face Hub's client and of
   * ollama. Reads indexes and manifests, no headers.
   */
  listModels: {
    params: { files: readonly string[]; caches: boolean };
    result: readonly LocalModel[];
  };
  /** Reads whole files, but only such as have a size and samples in common with another one. */
  duplicateModels: {
    params: { models: readonly Pick<LocalModel, 'path' | 'files'>[] };
    result: readonly DuplicateSet[];
    progress: DuplicateProgress;
  };
  deletionPlan: { params: { model: Pick<LocalModel, 'path' | 'files' | 'place'> }; result: DeletionPlan };
};
