/** Editing the metadata of a GGUF file. */
import type { MetadataEdit } from '../formats/gguf/metadataEdit';

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

export type GgufContract = {
  editMetadata: {
    params: EditMetadataRequest;
    result: EditMetadataReport;
    progress: { readonly bytesDone: number; readonly bytesTotal: number };
  };
};
