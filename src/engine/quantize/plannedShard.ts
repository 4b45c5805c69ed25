/** What a plan says of a file to write: which tensors, and where each byte goes. */
import type { CheckpointFile, TensorInfo } from '../../formats/checkpoint';
import type { TensorError } from '../../protocol/engineApi';
import type { Setting } from '../../quant/scheme';
import type { TensorSource } from '../tensorSource';

/** A tensor of the source and where its bytes go. */
export type PlannedTensor =
  | {
      readonly kind: 'copy';
      readonly tensor: TensorInfo;
      readonly row: TensorError;
      readonly byteOffset: number;
      /** Its bytes are in the shard's runs. */
      readonly isCarried?: boolean | undefined;
    }
  | {
      readonly kind: 'quantize';
      readonly tensor: TensorInfo;
      readonly source: TensorSource;
      readonly setting: Setting;
      readonly about: Pick<TensorError, 'name' | 'from' | 'to' | 'bytes' | 'note'>;
      /** Names of the stored tensors. */
      readonly names: readonly string[];
      /** Where each piece begins in the file, by its suffix. */
      readonly pieces: ReadonlyMap<string, number>;
    };

/** Bytes that are given, or copied from a file of the source. */
export type PlannedRun =
  | { readonly byteOffset: number; readonly given: Uint8Array }
  | {
      readonly byteOffset: number;
      readonly file: CheckpointFile;
      readonly from: number;
      readonly bytes: number;
    };

export interface PlannedShard {
  /** File name within the output. */
  readonly name: string;
  readonly headerBytes: Uint8Array;
  /** Everything else that is in the file besides its tensors. */
  readonly runs?: readonly PlannedRun[] | undefined;
  readonly totalBytes: number;
  readonly tensors: readonly PlannedTensor[];
}
