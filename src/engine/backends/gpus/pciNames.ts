/** Names of PCI devices, from the list that most Linux systems carry. */
import type { SystemView } from './systemView';

const places = ['/usr/share/hwdata/pci.ids', '/usr/share/misc/pci.ids', '/usr/share/pci.ids'];

/**
 * "Navi 31 [Radeon RX 7900 XT/7900 XTX]" for ids such as `0x1002` and `0x744c`; undefined without the list or the
 * entry. Format: a vendor's line begins with its four digits, its devices' lines with a tab.
 */
export async function pciDeviceName(
  system: SystemView,
  vendorId: string,
  deviceId: string,
): Promise<string | undefined> {
  const [vendor, device] = [vendorId, deviceId].map((id) =>
    /^0x([0-9a-f]{4})$/i.exec(id)?.[1]?.toLowerCase(),
  );
  if (!vendor || !device) return undefined;
  for (const place of places) {
    const text = await system.readText(place);
    if (text === undefined) continue;
    const start = text.search(new RegExp(`^${vendor}  `, 'm'));
    if (start < 0) return undefined;
    for (const line of text.slice(start).split('\n').slice(1)) {
      if (/^[0-9a-fC]/.test(line)) return undefined;
      if (line.startsWith(`\t${device}  `)) return line.slice(7).trim() || undefined;
    }
  }
  return undefined;
}
