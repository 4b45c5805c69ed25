/** One of two checkpoints that are compared, under the names that both have. */
import { convertTensors } from '../../convert/convertModel';
import { LoupeError } from '../../errors';
import type { Checkpoint, TensorInfo } from '../../formats/checkpoint';
import type { OpenedCheckpoint } from '../checkpointCache';
import { convertedTensors, rowsOf } from '../quantize/gguf/ggufSource';
import { type TensorSource, tensorSource } from '../tensorSource';

export interface ComparedModel {
  readonly tensors: readonly TensorInfo[];
  /** Index of the tensor of a name. */
  indexOf(name: string): number | undefined;
  /** What the checkpoint calls the tensors that one is made of. */
  names(index: number): readonly string[];
  /** Where the values are, or one sentence about why they cannot be read. */
  source(index: number): TensorSource | string;
}

/**
 * Both as they are; or, where one is GGUF and the other a Hugging Face model that can become one, the latter under GGUF's
 * names, its rows in llama.cpp's order and its experts stacked. What a family's mapping does not know is compared by name.
 */
export function comparedModels(
  first: OpenedCheckpoint,
  second: OpenedCheckpoint,
): readonly [ComparedModel, ComparedModel] {
  const formats = [first.checkpoint.format, second.checkpoint.format];
  if (!formats.includes('gguf') || !formats.includes('safetensors')) return [asIs(first), asIs(second)];
  const asGguf = (opened: OpenedCheckpoint): ComparedModel | undefined =>
    opened.checkpoint.format === 'gguf' ? ofGguf(opened) : converted(opened.checkpoint);
  const [one, other] = [asGguf(first), asGguf(second)];
  return one && other ? [one, other] : [asIs(first), asIs(second)];
}

function asIs(opened: OpenedCheckpoint): ComparedModel {
  return {
    tensors: opened.checkpoint.tensors,
    indexOf: (name) => opened.indexOf(name),
    names: (index) => [opened.tensor(index).name],
    source: (index) => tensorSource(opened.checkpoint, opened.tensor(index)),
  };
}

function ofGguf(opened: OpenedCheckpoint): ComparedModel {
  const plain = asIs(opened);
  return {
    ...plain,
    source(index) {
      const source = plain.source(index);
      return typeof source === 'string' ? source : rowsOf(source, opened.tensor(index));
    },
  };
}

/** undefined where the model's family, or one of its tensors, has no place in a GGUF file. */
function converted(checkpoint: Checkpoint): ComparedModel | undefined {
  const { config } = checkpoint;
  if (!config) return undefined;
  try {
    const { tensors } = convertTensors({ tensors: checkpoint.tensors, files: { config } });
    const { made, sourceOf } = convertedTensors(checkpoint, tensors);
    const infos = [...made.keys()];
    const byName = new Map(infos.map(({ name }, i) => [name, i]));
    return {
      tensors: infos,
      indexOf: (name) => byName.get(name),
      names(index) {
        const { making } = made.get(infos[index]!)!;
        if (making.kind === 'given') return [];
        return making.kind === 'stack' ? making.sources : [making.source];
      },
      source(index) {
        const tensor = infos[index]!;
        if (made.get(tensor)!.making.kind === 'given') return 'It is computed from the config.';
        return sourceOf(tensor);
      },
    };
  } catch (thrown) {
    if (thrown instanceof LoupeError) return undefined;
    throw thrown;
  }
}
