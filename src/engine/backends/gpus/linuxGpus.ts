/** AMD's and Intel's GPUs on Linux, from what the kernel's drivers say under /sys. */
import type { Gpu } from '../../../protocol/backendApi';
import { pciDeviceName } from './pciNames';
import type { SystemView } from './systemView';

const vendors = { '0x1002': 'amd', '0x8086': 'intel' } as const;
const vendorNames = { amd: 'AMD GPU', intel: 'Intel GPU' } as const;

/** Cards of the display subsystem. Server display chips (ASPEED, Matrox) and virtual ones compute nothing. */
export async function linuxGpus(system: SystemView): Promise<Gpu[]> {
  const gpus: Gpu[] = [];
  for (const card of await system.list('/sys/class/drm')) {
    if (!/^card\d+$/.test(card)) continue;
    const device = `/sys/class/drm/${card}/device`;
    const vendorId = (await system.readText(`${device}/vendor`))?.trim() ?? '';
    const vendor = vendors[vendorId as keyof typeof vendors];
    if (!vendor) continue;
    const deviceId = (await system.readText(`${device}/device`))?.trim() ?? '';
    const driver = await system.linkName(`${device}/driver`);
    // amdgpu tells the memory of the card; for Intel's cards the kernel has no such file.
    const memory = Number((await system.readText(`${device}/mem_info_vram_total`))?.trim() ?? '0');
    const product = (await system.readText(`${device}/product_name`))?.trim();
    const code = vendor === 'amd' ? await gfxOf(system, card) : undefined;
    gpus.push({
      name:
        product || (await pciDeviceName(system, vendorId, deviceId)) || `${vendorNames[vendor]} ${deviceId}`,
      vendor,
      ...(driver ? { driver: `${driver} (${system.systemName})` } : {}),
      ...(Number.isSafeInteger(memory) && memory > 0 ? { memoryBytes: memory } : {}),
      ...(code ? { code } : {}),
    });
  }
  return gpus;
}

/**
 * The architecture that the compute driver gives a card's node: 90402 is gfx942, 110001 is gfx1101 (major, and two
 * digits each of minor and stepping; the last two are hexadecimal digits in the name). The node of a card names the
 * minor number of its render device, which is 128 and up in the order of cards.
 */
async function gfxOf(system: SystemView, card: string): Promise<string | undefined> {
  const renderers = (await system.list(`/sys/class/drm/${card}/device/drm`)).filter((name) =>
    /^renderD\d+$/.test(name),
  );
  const minor = renderers[0]?.slice('renderD'.length);
  if (minor === undefined) return undefined;
  const nodes = '/sys/class/kfd/kfd/topology/nodes';
  for (const node of await system.list(nodes)) {
    const properties = (await system.readText(`${nodes}/${node}/properties`)) ?? '';
    const value = (name: string) => new RegExp(`^${name} (\\d+)$`, 'm').exec(properties)?.[1];
    if (value('drm_render_minor') !== minor) continue;
    const version = Number(value('gfx_target_version') ?? '0');
    if (version === 0) return undefined;
    const hexadecimal = (part: number) => part.toString(16);
    return `gfx${Math.floor(version / 10_000)}${hexadecimal(Math.floor(version / 100) % 100)}${hexadecimal(version % 100)}`;
  }
  return undefined;
}
