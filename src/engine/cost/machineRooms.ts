/** Memories of this machine that a model may go into. */
import { totalmem } from 'node:os';
import { bandwidthOf } from '../../estimate/gpuBandwidths';
import type { GpuRoom } from '../../estimate/types';
import { findGpus } from '../backends/gpus/findGpus';

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
  const gpus = await findGpus().catch(() => []);
  return {
    gpus: gpus.flatMap(({ name, memoryBytes }) =>
      memoryBytes === undefined ? [] : [{ name, memoryBytes, bytesPerSecond: bandwidthOf(name) }],
    ),
    memory: { name: 'memory', memoryBytes: memoryOfThisMachine() },
  };
}

/** A container may have less than the machine. */
function memoryOfThisMachine(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
