/** Tensors as a scheme takes them. */
import type { Setting } from '../../quant/scheme';
import { blockTypeNamed } from '../../quant/schemes/ggml/blockTypes';
import type { SchemeChoice } from '../../quant/types';
import type { OpenedCheckpoint } from '../checkpointCache';
import { rowsOf } from '../quantize/gguf/ggufSource';
import type { TensorSource } from '../tensorSource';
import { settingOf } from './quantizeTensor';

/** As `OpenedCheckpoint.source`; a stack of experts in a GGUF file by its innermost rows, which blocks never cross. */
export function encodedSource(opened: OpenedCheckpoint, index: number): TensorSource {
  const source = opened.source(index);
  const tensor = opened.tensor(index);
  return opened.checkpoint.format === 'gguf' && tensor.shape.length > 2 ? rowsOf(source, tensor) : source;
}

/** A choice made for a tensor that is looked at as `OpenedCheckpoint.source` has it: ggml's types go by the rows of `encodedSource` even then. */
export function encodedSetting(opened: OpenedCheckpoint, index: number, choice: SchemeChoice): Setting {
  return settingOf(
    choice,
    blockTypeNamed(choice.scheme) ? encodedSource(opened, index) : opened.source(index),
  );
}
