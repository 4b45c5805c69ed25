/** Tensors as a scheme takes them. */
import type { OpenedCheckpoint } from './checkpointCache';
import { rowsOf } from './quantize/gguf/ggufSource';
import type { TensorSource } from './tensorSource';

/** As `OpenedCheckpoint.source`; a stack of experts in a GGUF file by its innermost rows, which blocks never cross. */
export function encodedSource(opened: OpenedCheckpoint, index: number): TensorSource {
  const source = opened.source(index);
  const tensor = opened.tensor(index);
  return opened.checkpoint.format === 'gguf' && tensor.shape.length > 2 ? rowsOf(source, tensor) : source;
}
