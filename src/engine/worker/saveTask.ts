/** Writes values of a block to their place in a file. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { LoupeError } from '../../errors';
import { findDtype } from '../../numeric/dtypes';
import { divide, segmentElements } from '../matrix';
import { SliceReader } from './sliceReader';
import type { SaveTask } from './viewTasks';
import type { WorkerContext } from './workerContext';

/** Bytes written. */
export function runSave(context: WorkerContext, task: SaveTask): number {
  const { kernels } = context;
  const { source, matrix, block, stored } = task;
  const reader = new SliceReader(context);
  const bytesEach = stored ? findDtype(source.dtype)!.blockBytes : 4;
  const pointer = kernels.alloc(bytesEach * Math.min(segmentElements, block.rows * block.columns));
  const target = openSync(task.path, 'r+');
  let written = 0;
  try {
    for (const segment of divide(block, segmentElements)) {
      context.checkCancelled();
      if (stored) reader.readStored(source, matrix, segment, pointer);
      else reader.readFloat32(source, matrix, segment, pointer);
      const bytes = kernels.u8(pointer, bytesEach * segment.rows * segment.columns);
      // NumPy's bool is 0 or 1; a stored byte may be anything.
      if (stored && source.dtype === 'BOOL')
        for (let i = 0; i < bytes.length; i++) bytes[i] = bytes[i] === 0 ? 0 : 1;
      for (let at = 0; at < bytes.length; ) {
        const got = writeTo(task.path, () =>
          writeSync(target, bytes, at, bytes.length - at, task.targetOffset + written),
        );
        at += got;
        written += got;
      }
    }
  } finally {
    closeSync(target);
  }
  return written;
}

/** A failure to write names the file written, not the one read. */
function writeTo<T>(file: string, write: () => T): T {
  try {
    return write();
  } catch (thrown) {
    throw LoupeError.from(thrown, { file });
  }
}
