/** The weights of a checkpoint that loaders join with one, and what was found of each when its partners were surveyed. */
import type { Checkpoint, TensorInfo } from '../../formats/checkpoint';
import { joinedWeights } from '../../quant/joinedWeights';
import type { Setting } from '../../quant/scheme';
import { type TensorSource, tensorSource } from '../tensorSource';

const byName = new WeakMap<Checkpoint, ReadonlyMap<string, TensorInfo>>();
const states = new WeakMap<Checkpoint, Map<string, Map<string, Float64Array>>>();

/** Those of as many columns whose values can be read, in the order in which they are joined; the weight itself is not among them. */
export function joinedSources(checkpoint: Checkpoint, { name, columns }: TensorSource): TensorSource[] {
  const others = joinedWeights(name);
  if (others.length === 0) return [];
  const tensors =
    byName.get(checkpoint) ?? new Map(checkpoint.tensors.map((tensor) => [tensor.name, tensor]));
  byName.set(checkpoint, tensors);
  return others.flatMap((other) => {
    const tensor = tensors.get(other);
    const source = tensor && tensorSource(checkpoint, tensor);
    return source && typeof source !== 'string' && source.columns === columns ? [source] : [];
  });
}

/** What the last survey of a setting's scheme found of each weight alone, by its name: none is read again for each of its partners. */
export function joinedStates(checkpoint: Checkpoint, { choice }: Setting): Map<string, Float64Array> {
  const ofCheckpoint = states.get(checkpoint) ?? new Map<string, Map<string, Float64Array>>();
  states.set(checkpoint, ofCheckpoint);
  const key = choice.scheme;
  const found = ofCheckpoint.get(key) ?? new Map<string, Float64Array>();
  ofCheckpoint.set(key, found);
  return found;
}
