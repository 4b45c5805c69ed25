/** Memories of this machine that a model may go into. */
import type { GpuRoom } from '../../estimate/types';
import { memoryChoices } from '../memory/memoryDevices';

export interface MachineRooms {
  readonly gpus: readonly GpuRoom[];
  /** The processor's memory; on machines that share it, the GPU's too. */
  readonly memory: GpuRoom;
}

/** GPUs come and go seldom; asking nvidia-smi takes a tenth of a second. */
const keptMs = 60_000;
let known: { readonly atMs: number; readonly rooms: Promise<MachineRooms> } | undefined;

/** Asked of the system at most once a minute. */
export function machineRooms(): Promise<MachineRooms> {
  const now = performance.now();
  if (known === undefined || now - known.atMs > keptMs) known = { atMs: now, rooms: findRooms() };
  return known.rooms;
}

async function findRooms(): Promise<MachineRooms> {
  const { here, ramBytes } = await memoryChoices();
  // A container may have less than the machine.
  const limit = process.constrainedMemory();
  const memoryBytes = limit > 0 ? Math.min(limit, ramBytes) : ramBytes;
  return { gpus: here, memory: { name: 'memory', memoryBytes } };
}
