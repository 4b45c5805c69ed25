/** Memory of a model in use or in training: each part with its certainty, and whether it fits. */
import { LoupeError } from '../errors';
import { bounded, together } from './certainty';
import { Fitting } from './fit';
import type { MemorySource } from './memorySource';
import { schemeSizes, sizedBytes, sizedElements } from './schemeSizes';
import { Training } from './trainingEstimate';
import type { DeviceSet, FitReport, MemoryEstimate, MemoryRequest, SchemeRow, SchemeSize } from './types';
import { type MemorySetting, workingMemory } from './workingMemory';

const usualContext = 4096;

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

/** Sizes under schemes do not depend on the setting: asked again for each step of a slider, they are computed once. */
const tables = new WeakMap<MemorySource, readonly SchemeSize[]>();

function tableOf(source: MemorySource): readonly SchemeSize[] {
  let table = tables.get(source);
  if (!table) {
    // Schemes go by the values, however a config says that they are stored.
    const tensors = source.tensors.map((tensor) =>
      tensor.stored ? { ...tensor, bytes: undefined } : tensor,
    );
    table = schemeSizes(tensors, source.modelType);
    tables.set(source, table);
  }
  return table;
}

/** `mixes`: sizes under GGUF's mixes, for models that can be written as GGUF. Throws `usage` for settings that do not exist. */
export function estimateMemory(
  source: MemorySource,
  request: MemoryRequest,
  mixes: readonly SchemeSize[] = [],
): MemoryEstimate {
  const setting = memorySetting(source, request);
  const { context, batch } = setting;
  const notes = [...source.notes];
  const table = tableOf(source);
  const byDtype = bytesByDtype(source);
  const asIs = Object.values(byDtype).reduce((sum, bytes) => sum + bytes, 0);
  const weights = loadedWeights(source, request.dtype, asIs, [...table, ...mixes]);
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
  const { gpus = [], devices = [] } = request;
  const training = request.training && trainingOf(source, request, setting, [...table, ...mixes]);
  const sets = devices.map((set) => ({
    set,
    fitting: training ? undefined : new Fitting(set, source, setting),
  }));
  const fitOf = (set: DeviceSet, fitting = new Fitting(set, source, setting)): FitReport =>
    training ? training.fitOn(set, context, batch) : fitting.report(weights);
  const working = cache.bytes + (compute ? compute.activations + compute.buffers : 0);
  const rowOf = (row: SchemeSize): SchemeRow =>
    training
      ? row
      : {
          ...row,
          totalBytes: row.bytes + working,
          fits: sets.map(({ fitting }) => fitting!.mark(row.bytes)),
        };
  return {
    parameters: source.tensors.reduce((sum, tensor) => sum + tensor.copies * sizedElements(tensor), 0),
    ...parts,
    total: together(Object.values(parts)),
    table: table.map(rowOf),
    mixes: mixes.map(rowOf),
    setting: { ...setting, valueDtype: setting.valueDtype, dtype: request.dtype },
    longestContext: source.longestContext,
    ...(gpus.length > 0
      ? { fit: fitOf({ label: gpus.map(({ name }) => name).join(' + '), kind: 'gpu', gpus }) }
      : {}),
    fits: sets.map(({ set, fitting }) => fitOf(set, fitting)),
    ...(training ? { training: training.report(context, batch) } : {}),
    ...(source.footprint ? { footprint: source.footprint } : {}),
    notes,
  };
}

function trainingOf(
  source: MemorySource,
  request: MemoryRequest,
  { flashAttention }: MemorySetting,
  table: readonly SchemeSize[],
): Training {
  const bytesUnder = (scheme: string): number => table.find((row) => row.scheme === scheme)?.bytes ?? 0;
  const elements = source.tensors.reduce((sum, tensor) => sum + tensor.copies * sizedElements(tensor), 0);
  return new Training(request.training!, source, flashAttention, {
    half: 2 * elements,
    nf4: bytesUnder('nf4'),
  });
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
  // "q4_k_m" means the mix, as long as no scheme is called so.
  const scheme = [name, `gguf:${name}`].map((each) => table.find((row) => row.scheme === each)).find(Boolean);
  if (scheme) return scheme.bytes;
  const known = ['f32', ...table.map((row) => row.scheme)].join(', ');
  throw new LoupeError('usage', `Weights cannot be loaded as "${dtype}". Known: ${known}.`);
}

function bytesByDtype({ tensors }: MemorySource): Record<string, number> {
  const sums = new Map<string, number>();
  for (const tensor of tensors) {
    const name = tensor.stored ?? tensor.dtype;
    sums.set(name, (sums.get(name) ?? 0) + tensor.copies * sizedBytes(tensor));
  }
  return Object.fromEntries([...sums].sort(([, a], [, b]) => b - a));
}
