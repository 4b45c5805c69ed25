/** NVIDIA's GPUs, from the driver's own tool, or on Linux from what the driver lists under /proc. */
import type { Gpu } from '../../../protocol/backendApi';
import type { SystemView } from './systemView';

/**
 * Windows looks for a program in the current folder first, which may be anybody's, so that only the driver's own places
 * are tried there. On Linux WSL's copy of the host's driver need not be on the path.
 */
const places: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  win32: [
    'C:\\Windows\\System32\\nvidia-smi.exe',
    'C:\\Program Files\\NVIDIA Corporation\\NVSMI\\nvidia-smi.exe',
  ],
  linux: ['nvidia-smi', '/usr/lib/wsl/lib/nvidia-smi'],
};

const fields = 'name,driver_version,memory.total,compute_cap';

/** In the driver's order, which is CUDA's by default but for mixed models. Empty without a driver. */
export async function nvidiaGpus(system: SystemView): Promise<Gpu[]> {
  for (const program of places[system.platform] ?? []) {
    const printed = await system.run(program, [`--query-gpu=${fields}`, '--format=csv,noheader,nounits']);
    const gpus = printed === undefined ? [] : parseNvidiaSmi(printed);
    if (gpus.length > 0) return gpus;
  }
  return system.platform === 'linux' ? fromProc(system) : [];
}

/**
 * Lines of "NVIDIA L4, 550.54.15, 23034, 8.9": memory in MiB. A field that a driver does not know is "[N/A]" or
 * "[Not Supported]"; such a field is left out, and a line of another form is passed over.
 */
function parseNvidiaSmi(printed: string): Gpu[] {
  return printed.split('\n').flatMap((line): Gpu[] => {
    const [name, driver, memory, capability, ...rest] = line.split(',').map((field) => field.trim());
    if (!name || driver === undefined || capability === undefined || rest.length > 0) return [];
    const mebibytes = /^\d+$/.test(memory ?? '') ? Number(memory) : 0;
    const version = /^(\d+)\.(\d+)$/.exec(capability ?? '');
    return [
      {
        name,
        vendor: 'nvidia',
        ...(/^\d[\d.]*$/.test(driver) ? { driver: `NVIDIA ${driver}` } : {}),
        ...(mebibytes > 0 ? { memoryBytes: mebibytes * 2 ** 20 } : {}),
        ...(version ? { code: `sm_${version[1]}${version[2]}` } : {}),
      },
    ];
  });
}

async function fromProc(system: SystemView): Promise<Gpu[]> {
  const root = '/proc/driver/nvidia';
  const version = /Kernel Module(?: for \w+)?\s+(\d[\d.]*)/.exec(
    (await system.readText(`${root}/version`)) ?? '',
  )?.[1];
  const gpus: Gpu[] = [];
  for (const device of await system.list(`${root}/gpus`)) {
    const text = (await system.readText(`${root}/gpus/${device}/information`)) ?? '';
    const name = /^Model:\s*(.+)$/m.exec(text)?.[1]?.trim();
    if (!name) continue;
    gpus.push({ name, vendor: 'nvidia', ...(version ? { driver: `NVIDIA ${version}` } : {}) });
  }
  return gpus;
}
