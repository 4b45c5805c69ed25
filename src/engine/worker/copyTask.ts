/** Copies a tensor's bytes as they are from the source to a place in the output. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { LoupeError } from '../../errors';
import type { CopyTask } from './task';
import type { WorkerContext } from './workerContext';

const chunkBytes = 4 * 2 ** 20;

export function runCopy({ files, kernels, checkCancelled }: WorkerContext, task: CopyTask): undefined {
  const chunk = Math.min(chunkBytes, task.bytes);
  const pointer = kernels.alloc(chunk);
  const target = openSync(task.path, 'r+');
  try {
    for (let at = 0; at < task.bytes; at += chunk) {
      checkCancelled();
      const bytes = kernels.u8(pointer, Math.min(chunk, task.bytes - at));
      files.read(task.file, task.byteOffset + at, bytes);
      let written = 0;
      while (written < bytes.length) {
        written += writeSync(
          target,
          bytes,
          written,
          bytes.length - written,
          task.targetOffset + at + written,
        );
      }
    }
  } catch (thrown) {
    throw LoupeError.from(thrown, { file: task.path });
  } finally {
    closeSync(target);
  }
  return undefined;
}
