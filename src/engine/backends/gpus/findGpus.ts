/** The GPUs of this machine. Nothing is asked of them themselves, so nothing can hang for long or crash. */
import type { Gpu } from '../../../protocol/backendApi';
import { linuxGpus } from './linuxGpus';
import { macGpus } from './macGpus';
import { nvidiaGpus } from './nvidiaGpus';
import { type SystemView, thisSystem } from './systemView';
import { windowsGpus } from './windowsGpus';

/** NVIDIA's first, as its tool tells most; an empty list where the system tells of none. */
export async function findGpus(system: SystemView = thisSystem()): Promise<readonly Gpu[]> {
  if (system.platform === 'darwin') return macGpus(system);
  const [nvidia, others] = await Promise.all([
    nvidiaGpus(system),
    system.platform === 'win32' ? windowsGpus(system) : linuxGpus(system),
  ]);
  // The registry lists NVIDIA's cards too; without the tool it is all there is.
  return [...nvidia, ...others.filter(({ vendor }) => vendor !== 'nvidia' || nvidia.length === 0)];
}
