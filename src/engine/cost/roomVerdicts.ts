/** Whether a model, loaded as a program says, fits into the memories that it would go into. */
import { fitOn } from '../../estimate/fit';
import type { LoadSetting } from '../../estimate/loadSetting';
import type { MemorySource } from '../../estimate/memorySource';
import { sizedBytes } from '../../estimate/schemeSizes';
import type { GpuRoom } from '../../estimate/types';
import type { MemorySetting } from '../../estimate/workingMemory';
import type { RoomVerdict } from '../../protocol/costApi';
import type { MachineRooms } from './machineRooms';

/**
 * On the GPUs that the setting names, all of them together, and in the machine's memory: both where nothing is said, since
 * programs take either.
 */
export function roomVerdicts(
  source: MemorySource,
  setting: MemorySetting,
  load: LoadSetting,
  weightBytes: number,
  { gpus, memory }: MachineRooms,
): RoomVerdict[] {
  const { device, gpuLayers } = load;
  const chosen = chosenGpus(gpus, load);
  const verdicts: RoomVerdict[] = [];
  if (chosen.length > 0) {
    const name = chosen.length === 1 ? chosen[0]!.name : `${chosen.length} GPUs`;
    const part = partOnGpu(source, weightBytes, gpuLayers);
    const fit = fitOn(chosen, part.source, setting, part.weightBytes);
    verdicts.push({
      ...verdictOf(name, 'gpu', chosen, fit),
      ...(part.layers ? { layers: part.layers } : {}),
    });
  }
  const isGpuOnly =
    device === 'cuda' || typeof device === 'number' || (gpuLayers !== undefined && gpuLayers !== 0);
  if (verdicts.length === 0 || !isGpuOnly)
    verdicts.push(verdictOf('memory', 'memory', [memory], fitOn([memory], source, setting, weightBytes)));
  return verdicts;
}

/** What --n-gpu-layers puts on GPUs: so many layers with their share of the cache; embedding and head stay. */
function partOnGpu(
  source: MemorySource,
  weightBytes: number,
  gpuLayers: number | undefined,
): {
  readonly source: MemorySource;
  readonly weightBytes: number;
  readonly layers?: { readonly on: number; readonly of: number };
} {
  const groups = source.cache?.groups ?? [];
  const of = groups.filter(({ kind }) => kind !== 'cross').reduce((sum, group) => sum + group.layers, 0);
  if (gpuLayers === undefined || gpuLayers < 0 || gpuLayers >= of || !source.cache)
    return { source, weightBytes };
  const share = gpuLayers / of;
  const bytes = (tensors: MemorySource['tensors']) =>
    tensors.reduce((sum, tensor) => sum + tensor.copies * sizedBytes(tensor), 0);
  const all = bytes(source.tensors);
  const inLayers = all === 0 ? 0 : bytes(source.tensors.filter(({ name }) => name.includes('*'))) / all;
  const scaled = groups.map((group) => ({ ...group, layers: group.layers * share }));
  return {
    source: { ...source, cache: { ...source.cache, groups: scaled } },
    weightBytes: weightBytes * inLayers * share,
    layers: { on: gpuLayers, of },
  };
}

/** What the setting asks for and the machine does not have. */
export function lacking({ device, tensorParallel }: LoadSetting, { gpus }: MachineRooms): string[] {
  const here =
    gpus.length === 0 ? 'no GPU is found here' : gpus.length === 1 ? '1 is here' : `${gpus.length} are here`;
  if (tensorParallel !== undefined && tensorParallel > 1 && tensorParallel > gpus.length)
    return [`It asks for ${tensorParallel} GPUs, and ${here}.`];
  if (typeof device === 'number' && device >= gpus.length) return [`It asks for GPU ${device}, and ${here}.`];
  return device === 'cuda' && gpus.length === 0 ? ['It asks for a GPU, and none is found here.'] : [];
}

function chosenGpus(
  gpus: readonly GpuRoom[],
  { device, gpuLayers, tensorParallel, runtime }: LoadSetting,
): readonly GpuRoom[] {
  if (device === 'cpu' || gpuLayers === 0) return [];
  if (typeof device === 'number') return gpus.slice(device, device + 1);
  // vLLM takes one GPU, or as many as it is told; other programs spread layers over all where they are told to.
  if (tensorParallel !== undefined && tensorParallel > gpus.length) return [];
  if (tensorParallel !== undefined || runtime === 'vllm') return gpus.slice(0, tensorParallel ?? 1);
  return device === 'auto' || runtime === 'llama.cpp' ? gpus : gpus.slice(0, 1);
}

function verdictOf(
  name: string,
  kind: RoomVerdict['kind'],
  rooms: readonly GpuRoom[],
  { verdict, neededBytes, largestContext }: ReturnType<typeof fitOn>,
): RoomVerdict {
  const memoryBytes = rooms.reduce((sum, room) => sum + room.memoryBytes, 0);
  return { name, kind, memoryBytes, verdict, neededBytes, largestContext };
}
