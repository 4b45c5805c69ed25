/** Whether a model, loaded as a program says, fits into the memories that it would go into. */
import { fitOn } from '../../estimate/fit';
import type { LoadSetting } from '../../estimate/loadSetting';
import type { MemorySource } from '../../estimate/memorySource';
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
    const fit = fitOn(chosen, source, setting, weightBytes);
    verdicts.push(verdictOf(name, 'gpu', chosen, fit));
  }
  const isGpuOnly =
    device === 'cuda' || typeof device === 'number' || (gpuLayers !== undefined && gpuLayers !== 0);
  if (verdicts.length === 0 || !isGpuOnly)
    verdicts.push(verdictOf('memory', 'memory', [memory], fitOn([memory], source, setting, weightBytes)));
  return verdicts;
}

function chosenGpus(
  gpus: readonly GpuRoom[],
  { device, gpuLayers, tensorParallel, runtime }: LoadSetting,
): readonly GpuRoom[] {
  if (device === 'cpu' || gpuLayers === 0) return [];
  if (typeof device === 'number') return gpus.slice(device, device + 1);
  // vLLM takes one GPU, or as many as it is told; other programs spread layers over all where they are told to.
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
