/** What a model costs as a program loads it, from headers or from its configuration alone. */
import { basename, join } from 'node:path';
import { fileStamp } from '../../bytes/fileStamp';
import { LoupeError } from '../../errors';
import { loadedBytes } from '../../estimate/loading';
import type { LoadSetting } from '../../estimate/loadSetting';
import { type MemorySource, sourceFromCheckpoint, sourceFromConfig } from '../../estimate/memorySource';
import { sizedBytes, sizedElements } from '../../estimate/schemeSizes';
import { type MemorySetting, workingMemory } from '../../estimate/workingMemory';
import { architectureFromConfig } from '../../formats/architecture';
import type { Checkpoint } from '../../formats/checkpoint';
import { modelFolderName } from '../../formats/hubCache';
import { readJsonObject } from '../../formats/jsonSidecar';
import { weightMemory } from '../../formats/weightMemory';
import type { CostContract, ModelCost } from '../../protocol/costApi';
import type { CheckpointCache } from '../checkpointCache';
import { machineRooms } from './machineRooms';
import { resolvePlace } from './modelPlace';
import { lacking, roomVerdicts } from './roomVerdicts';

export const configCapBytes = 16 * 2 ** 20;
const usualContext = 4096;
/** Names that a hover shows. */
const mostMissing = 5;
/** A model of more files is not kept by who asks: looking at each again would cost more than the answer. */
const mostStamps = 400;

type Facts = Pick<
  ModelCost,
  'name' | 'architecture' | 'source' | 'open' | 'fileCount' | 'errors' | 'missing' | 'stamps'
>;

/** Throws what opening throws, where no config.json helps out. */
export async function modelCostJob(
  cache: CheckpointCache,
  { place, load }: CostContract['modelCost']['params'],
): Promise<ModelCost> {
  const resolved = await resolvePlace(place, load.runtime);
  const via = await Promise.all(resolved.via.map(async (path) => ({ path, stamp: await fileStamp(path) })));
  try {
    const opened = await cache.once(resolved.path);
    const stamps = [...via, ...opened.stamps()];
    const { checkpoint } = opened;
    // An editor opens a file; a shard stands for its set.
    const opens = resolved.folder === resolved.path ? checkpoint.files[0]!.path : checkpoint.path;
    const name = place.kind === 'ollama' ? resolved.name : undefined;
    return await costOf(
      sourceFromCheckpoint(checkpoint),
      {
        ...factsOf(checkpoint, opens),
        ...(name ? { name } : {}),
        stamps: stamps.length > mostStamps ? [] : stamps,
      },
      load,
    );
  } catch (thrown) {
    const reason = LoupeError.from(thrown);
    const isWithoutWeights = reason.code === 'not-a-checkpoint' || reason.code === 'not-found';
    if (!isWithoutWeights || resolved.folder === undefined) throw reason;
    const config = join(resolved.folder, 'config.json');
    const fields = await readJsonObject(config, configCapBytes).catch(() => {
      throw reason;
    });
    const stamps = [...via, { path: config, stamp: await fileStamp(config) }];
    const name = resolved.name ?? modelFolderName(resolved.folder);
    return costOf(sourceFromConfig(fields), { ...factsOfConfig(fields, name), stamps }, load);
  }
}

/** What a catalogue says beside sizes. */
export function factsOf(checkpoint: Checkpoint, open: string): Omit<Facts, 'stamps'> {
  const missing = checkpoint.findings.filter(({ code }) => code === 'missing-shard');
  return {
    name: checkpoint.name,
    architecture: checkpoint.architecture?.name,
    source: 'files',
    open,
    fileCount: checkpoint.files.length,
    errors: checkpoint.findings.filter(({ severity }) => severity === 'error').length,
    missing: missing.slice(0, mostMissing).map(({ file }) => basename(file ?? '')),
  };
}

export const factsOfConfig = (
  fields: Readonly<Record<string, unknown>>,
  name: string,
): Omit<Facts, 'stamps'> => ({
  name,
  architecture: architectureFromConfig(fields)?.name,
  source: 'config',
  fileCount: 0,
  errors: 0,
  missing: [],
});

/** All figures of a hover. Throws `usage` for settings that do not exist. */
export async function costOf(source: MemorySource, facts: Facts, load: LoadSetting): Promise<ModelCost> {
  const { tensors, longestContext } = source;
  const byDtype = new Map<string, number>();
  for (const tensor of tensors)
    byDtype.set(tensor.dtype, (byDtype.get(tensor.dtype) ?? 0) + tensor.copies * sizedBytes(tensor));
  const parameters = tensors.reduce((sum, tensor) => sum + tensor.copies * sizedElements(tensor), 0);
  const weightBytes = loadedBytes(source, load);
  const setting = settingOf(source, load);
  const { cache, compute } = workingMemory(source, setting);
  const machine = await machineRooms();
  return {
    ...facts,
    parameters,
    bytes: [...byDtype.values()].reduce((sum, bytes) => sum + bytes, 0),
    dtypes: [...byDtype].map(([dtype, bytes]) => ({ dtype, bytes })).sort((a, b) => b.bytes - a.bytes),
    memory: memoryOf(source),
    ...(source.cache && cache.bytes > 0
      ? {
          cache: {
            bytesPerToken: cache.bytesPerToken,
            bytesPerLateToken: cache.bytesPerLateToken,
            dtype: setting.kvDtype,
          },
        }
      : {}),
    loaded: {
      weightBytes,
      totalBytes: weightBytes + cache.bytes + (compute ? compute.activations + compute.buffers : 0),
      context: setting.context,
      f32Bytes: loadedBytes(source, { dtype: 'f32' }),
      isWhole: compute !== undefined,
    },
    longestContext,
    rooms: roomVerdicts(source, setting, load, weightBytes, machine),
    lacks: lacking(load, machine),
  };
}

/** As `weightMemory` counts, over groups of tensors that are alike. */
function memoryOf({ tensors }: MemorySource): ModelCost['memory'] {
  const sums = new Map<ModelCost['memory'][number]['label'], number>();
  for (const tensor of tensors)
    for (const { label, bytes } of weightMemory([sizedElements(tensor)]))
      sums.set(label, (sums.get(label) ?? 0) + tensor.copies * bytes);
  return [...sums].map(([label, bytes]) => ({ label, bytes }));
}

function settingOf({ longestContext }: MemorySource, load: LoadSetting): MemorySetting {
  const { runtime = 'transformers', context, kvDtype = 'f16', valueDtype } = load;
  const limit = longestContext !== undefined && longestContext > 0 ? longestContext : usualContext;
  return {
    runtime,
    context: context ?? Math.min(usualContext, limit),
    batch: 1,
    kvDtype,
    valueDtype,
    flashAttention: true,
  };
}
