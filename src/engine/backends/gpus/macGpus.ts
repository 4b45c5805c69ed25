/** The GPUs of a Mac, from the system's own report. */
import type { Gpu, GpuVendor } from '../../../protocol/backendApi';
import type { SystemView } from './systemView';

export async function macGpus(system: SystemView): Promise<Gpu[]> {
  const printed = await system.run('/usr/sbin/system_profiler', ['SPDisplaysDataType', '-json']);
  const gpus = printed === undefined ? [] : parseDisplays(printed, system.memoryBytes);
  if (gpus.length > 0) return gpus;
  // On Apple silicon the GPU is a part of the processor and has its name.
  const name = system.processorName;
  return name?.startsWith('Apple ') ? [apple(name, system.memoryBytes)] : [];
}

const apple = (name: string, memoryBytes: number): Gpu => ({
  name,
  vendor: 'apple',
  driver: 'Metal',
  memoryBytes,
  sharesMemory: true,
});

/** `SPDisplaysDataType`: an entry a GPU with `sppci_model`, `spdisplays_vendor`, and `spdisplays_vram` ("8 GB") on cards. */
function parseDisplays(printed: string, memoryBytes: number): Gpu[] {
  let entries: unknown;
  try {
    entries = (JSON.parse(printed) as { SPDisplaysDataType?: unknown }).SPDisplaysDataType;
  } catch {
    return [];
  }
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: Record<string, unknown>): Gpu[] => {
    const name = entry?.sppci_model;
    if (typeof name !== 'string' || name === '') return [];
    if (name.startsWith('Apple')) return [apple(name, memoryBytes)];
    const vendor: GpuVendor | undefined = /AMD|Radeon|ATI/i.test(name)
      ? 'amd'
      : /Intel/i.test(name)
        ? 'intel'
        : undefined;
    if (!vendor) return [];
    const vram = /^(\d+) (MB|GB)$/.exec(String(entry.spdisplays_vram ?? ''));
    const memory = vram ? Number(vram[1]) * 2 ** (vram[2] === 'GB' ? 30 : 20) : undefined;
    return [{ name, vendor, driver: 'Metal', ...(memory ? { memoryBytes: memory } : {}) }];
  });
}
