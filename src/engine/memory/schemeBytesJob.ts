/** The bytes of some tensors under every scheme. */
import { sourceFromCheckpoint } from '../../estimate/memorySource';
import { schemeSizes } from '../../estimate/schemeSizes';
import type { SchemeBytes } from '../../protocol/schemeBytesApi';
import type { OpenedCheckpoint } from '../checkpointCache';

/** Throws `usage` for an index that no tensor has. */
export function schemeBytesJob(opened: OpenedCheckpoint, indexes: readonly number[]): SchemeBytes {
  const tensors = indexes.map((index) => opened.tensor(index));
  const source = sourceFromCheckpoint({ ...opened.checkpoint, tensors });
  return {
    storedBytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    sizes: schemeSizes(source.tensors, source.modelType),
  };
}
