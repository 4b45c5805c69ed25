/** AMD's and Intel's GPUs on Windows, from the registry's class of display adapters. */
import type { Gpu } from '../../../protocol/backendApi';
import type { SystemView } from './systemView';

/** The setup class "Display adapters", whose keys hold what the driver installed. */
const displayClass =
  'HKLM\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}';
const vendors = { '1002': 'amd', '8086': 'intel', '10de': 'nvidia' } as const;

export async function windowsGpus(system: SystemView): Promise<Gpu[]> {
  const printed = await system.run('C:\\Windows\\System32\\reg.exe', ['query', displayClass, '/s']);
  return printed === undefined ? [] : parseDisplayClass(printed);
}

/**
 * Blocks of a key's line and "    Name    REG_TYPE    value" lines. Adapters are the numbered keys; a card that was taken out
 * stays listed, so equal names count once. Memory is a REG_QWORD, which `reg query` prints as hexadecimal.
 */
function parseDisplayClass(printed: string): Gpu[] {
  const gpus = new Map<string, Gpu>();
  for (const block of printed.split(/\r?\n(?=HKEY_)/)) {
    const [key = '', ...lines] = block.split(/\r?\n/);
    if (!/\\\d{4}$/.test(key.trim())) continue;
    const values = new Map<string, string>();
    for (const line of lines) {
      const found = /^ {4}(\S+) {4}REG_\w+ {4}(.*)$/.exec(line);
      if (found) values.set(found[1]!, found[2]!.trim());
    }
    const name = values.get('DriverDesc');
    const vendorId = /ven_([0-9a-f]{4})/i.exec(values.get('MatchingDeviceId') ?? '')?.[1]?.toLowerCase();
    const vendor = vendors[vendorId as keyof typeof vendors];
    if (!name || !vendor) continue;
    const memory = Number(values.get('HardwareInformation.qwMemorySize') ?? '0');
    const driver = values.get('DriverVersion');
    gpus.set(name, {
      name,
      vendor,
      ...(driver ? { driver } : {}),
      ...(Number.isSafeInteger(memory) && memory > 0 ? { memoryBytes: memory } : {}),
    });
  }
  return [...gpus.values()];
}
