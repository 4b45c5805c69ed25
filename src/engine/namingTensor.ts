import { LoupeError } from '../errors';
import type { TensorSource } from './tensorSource';

/** Runs a computation on a tensor's numbers; a LoupeError that names no tensor comes out naming this one. */
export function namingTensor<T>(source: TensorSource, compute: () => T): T {
  try {
    return compute();
  } catch (thrown) {
    throw named(source, thrown);
  }
}

/** As `namingTensor` for work of a worker thread; the file and the byte offset of its error stay. */
export async function namingTensorLater<T>(source: TensorSource, compute: () => Promise<T>): Promise<T> {
  try {
    return await compute();
  } catch (thrown) {
    throw named(source, thrown);
  }
}

function named(source: TensorSource, thrown: unknown): unknown {
  if (!(thrown instanceof LoupeError) || thrown.tensor !== undefined || thrown.code === 'cancelled')
    return thrown;
  return new LoupeError(thrown.code, `${source.name}: ${thrown.message}`, {
    file: thrown.file ?? source.file.path,
    tensor: source.name,
    byteOffset: thrown.byteOffset,
  });
}
