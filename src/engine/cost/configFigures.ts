/** The three figures that a field of config.json can change. */
import { type MemorySource, sourceFromConfig } from '../../estimate/memorySource';
import { sizedBytes, sizedElements } from '../../estimate/schemeSizes';
import { workingMemory } from '../../estimate/workingMemory';

export type Fields = Readonly<Record<string, unknown>>;

export interface Figures {
  readonly parameters: number;
  readonly bytes: number;
  /** Of the cache, in F16. */
  readonly bytesPerToken: number;
}

export function parameterFigures(source: MemorySource): Figures {
  const { tensors } = source;
  return {
    parameters: tensors.reduce((sum, tensor) => sum + tensor.copies * sizedElements(tensor), 0),
    bytes: tensors.reduce((sum, tensor) => sum + tensor.copies * sizedBytes(tensor), 0),
    bytesPerToken: cacheOf(source, 1).bytesPerToken,
  };
}

/** Undefined where the values do not make a model. */
export function figuresOf(fields: Fields): Figures | undefined {
  try {
    return parameterFigures(sourceFromConfig(fields));
  } catch {
    return undefined;
  }
}

/** Bytes of the cache of one sequence in F16, windows counted. */
export const cacheAt = (source: MemorySource, tokens: number): number => cacheOf(source, tokens).bytes;

const cacheOf = (source: MemorySource, context: number) =>
  workingMemory(source, { runtime: 'transformers', context, batch: 1, kvDtype: 'f16', flashAttention: true })
    .cache;

/** A copy in which the object at a path is another one. */
export function replaced(
  fields: Fields,
  path: readonly string[],
  change: (object: Fields) => Fields,
): Fields {
  const [first, ...rest] = path;
  if (first === undefined) return change(fields);
  const inner = Object.hasOwn(fields, first) ? fields[first] : undefined;
  if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return fields;
  return { ...fields, [first]: replaced(inner as Fields, rest, change) };
}
