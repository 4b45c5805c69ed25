import { LoupeError } from '../errors';
import type { TensorSource } from './tensorSource';

/** Runs a computation on a tensor's numbers; a LoupeError that names no tensor comes out naming this one. */
export function namingTensor<T>(source: TensorSource, compute: () => T): T {
  try {
    return compute();
  } catch (thrown) {
    if (!(thrown instanceof LoupeError) || thrown.tensor !== undefined) throw thrown;
    throw new LoupeError(thrown.code, `${source.name}: ${thrown.message}`, {
      file: source.file.path,
      tensor: source.name,
    });
  }
}
