/** Tensors as a scheme takes them. */
import { isFusedRows } from '../../convert/convertedTensor';
import { convertTensors } from '../../convert/convertModel';
import type { Checkpoint } from '../../formats/checkpoint';
import type { Setting } from '../../quant/scheme';
import { blockTypeNamed } from '../../quant/schemes/ggml/blockTypes';
import type { SchemeChoice } from '../../quant/types';
import type { OpenedCheckpoint } from '../checkpointCache';
import { rowsOf } from '../quantize/gguf/ggufSource';
import type { TensorSource } from '../tensorSource';
import { settingOf } from './quantizeTensor';

/**
 * As `OpenedCheckpoint.source`; a stack of experts by its innermost rows, which blocks never cross: in a GGUF file under every scheme, in
 * a Hugging Face model under ggml's types, which a GGUF file of the model holds.
 */
export function encodedSource(
  opened: OpenedCheckpoint,
  index: number,
  { scheme }: Pick<SchemeChoice, 'scheme'>,
): TensorSource {
  const source = opened.source(index);
  const tensor = opened.tensor(index);
  if (tensor.shape.length < 3) return source;
  const isByRows =
    opened.checkpoint.format === 'gguf' ||
    (blockTypeNamed(scheme) !== undefined && stacksOf(opened.checkpoint).has(tensor.name));
  return isByRows ? rowsOf(source, tensor) : source;
}

const stacks = new WeakMap<Checkpoint, ReadonlySet<string>>();

/** Experts that a Hugging Face model stores in one tensor, with the rows that a GGUF file of the model has; none where it cannot become one. */
function stacksOf(checkpoint: Checkpoint): ReadonlySet<string> {
  const known = stacks.get(checkpoint);
  if (known) return known;
  const found = new Set<string>();
  const { format, tensors, config } = checkpoint;
  if (format === 'safetensors' && config) {
    try {
      for (const { making, shape } of convertTensors({ tensors, files: { config } }).tensors)
        if (shape.length > 2 && (making.kind === 'copy' || isFusedRows(making))) found.add(making.source);
    } catch {
      // What cannot become a GGUF file has no rows there; who asks for one is told why.
    }
  }
  stacks.set(checkpoint, found);
  return found;
}

/** A choice made for a tensor that is looked at as `OpenedCheckpoint.source` has it: ggml's types go by the rows of `encodedSource` even then. */
export function encodedSetting(opened: OpenedCheckpoint, index: number, choice: SchemeChoice): Setting {
  return settingOf(
    choice,
    blockTypeNamed(choice.scheme) ? encodedSource(opened, index, choice) : opened.source(index),
  );
}
