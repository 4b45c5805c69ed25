/** Memory of a model in use: weights, cache, and what computing needs, each with its certainty. */
import { LoupeError } from '../errors';
import { fitOn } from './fit';
import type { MemorySource } from './memorySource';
import { schemeSizes, sizedBytes, sizedElements } from './schemeSizes';
import type { BytesEstimate, Certainty, MemoryEstimate, MemoryRequest, SchemeSize } from './types';
import { type MemorySetting, workingMemory } from './workingMemory';

const usualContext = 4096;
/** How far off a number may be, as shares of it. */
const margins: Readonly<Record<Certainty, readonly [low: number, high: number]>> = {
  exact: [0, 0],
  stated: [0.01, 0.01],
  approximate: [0.5, 1],
  unknown: [0, 0],
};

/** Throws `usage` for settings that do not exist. */
function memorySetting(source: MemorySource, request: MemoryRequest): MemorySetting {
  const { runtime = 'transformers', batch = 1, kvDtype = 'f16', valueDtype, flashAttention = true } = request;
  const context = request.context ?? Math.min(usualContext, source.longestContext ?? usualContext);
  for (const [name, value] of Object.entries({ context, batch })) {
    if (!Number.isSafeInteger(value) || value < 1 || value > 2 ** 31)
      throw new LoupeError('usage', `The ${name} should be a whole number from 1 to 2^31, not ${value}.`);
  }
  return { runtime, context, batch, kvDtype, valueDtype, flashAttention };
}

/** Throws `usage` for settings that do not exist. */
export function estimateMemory(source: MemorySource, request: MemoryRequest): MemoryEstimate {
  const setting = memorySetting(source, request);
  const { context } = setting;
  const notes = [...source.notes];
  const table = schemeSizes(source.tensors, source.modelType);
  const byDtype = bytesByDtype(source);
  const asIs = Object.values(byDtype).reduce((sum, bytes) => sum + bytes, 0);
  const weights = loadedWeights(source, request.dtype, asIs, table);
  const { cache, compute } = workingMemory(source, setting);
  if (!compute) notes.push('Activations are not counted: the figures of the layers are not known.');
  if (source.longestContext !== undefined && context > source.longestContext)
    notes.push(`The model was made for ${source.longestContext} tokens at most.`);
  const parts = {
    weights: { ...bounded(weights, source.certainty), byDtype },
    kvCache: {
      ...bounded(cache.bytes, source.cache ? 'stated' : 'unknown'),
      ...cache,
      dtype: setting.kvDtype,
    },
    activations: {
      ...bounded(compute?.activations ?? 0, compute?.certainty ?? 'unknown'),
      ...(compute ? { formula: compute.formula } : {}),
    },
    buffers: bounded(compute?.buffers ?? 0, compute?.certainty ?? 'unknown'),
  };
  const { gpus } = request;
  return {
    parameters: source.tensors.reduce((sum, tensor) => sum + tensor.copies * sizedElements(tensor), 0),
    ...parts,
    total: together(Object.values(parts)),
    table,
    setting: { runtime: setting.runtime, context, batch: setting.batch, dtype: request.dtype },
    ...(gpus && gpus.length > 0 ? { fit: fitOn(gpus, source, setting, weights) } : {}),
    notes,
  };
}

function loadedWeights(
  { tensors }: MemorySource,
  dtype: string | undefined,
  asIs: number,
  table: readonly SchemeSize[],
): number {
  if (dtype === undefined) return asIs;
  const name = dtype.toLowerCase();
  if (name === 'f32')
    return tensors.reduce((sum, tensor) => sum + 4 * tensor.copies * sizedElements(tensor), 0);
  const scheme = table.find((row) => row.scheme === name);
  if (scheme) return scheme.bytes;
  const known = ['f32', ...table.map((row) => row.scheme)].join(', ');
  throw new LoupeError('usage', `Weights cannot be loaded as "${dtype}". Known: ${known}.`);
}

function bytesByDtype({ tensors }: MemorySource): Record<string, number> {
  const sums = new Map<string, number>();
  for (const tensor of tensors)
    sums.set(tensor.dtype, (sums.get(tensor.dtype) ?? 0) + tensor.copies * sizedBytes(tensor));
  return Object.fromEntries([...sums].sort(([, a], [, b]) => b - a));
}

function bounded(bytes: number, certainty: Certainty): BytesEstimate {
  const [below, above] = margins[certainty];
  return {
    bytes,
    low: Math.floor(bytes * (1 - below)),
    high: Math.ceil(bytes * (1 + above)),
    certainty,
  };
}

/** The sum is as certain as its least certain part that counts. */
function together(parts: readonly BytesEstimate[]): BytesEstimate {
  const sum = (of: (part: BytesEstimate) => number) => parts.reduce((all, part) => all + of(part), 0);
  const order: readonly Certainty[] = ['exact', 'stated', 'approximate', 'unknown'];
  const worst = parts.reduce((most, { certainty }) => Math.max(most, order.indexOf(certainty)), 0);
  return {
    bytes: sum(({ bytes }) => bytes),
    low: sum(({ low }) => low),
    high: sum(({ high }) => high),
    certainty: order[worst]!,
  };
}
