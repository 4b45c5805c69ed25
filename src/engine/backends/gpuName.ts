/** The name of this machine's only hardware GPU, from the system; undefined rather than a guess. */
import { readdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';

/**
 * Linux only. NVIDIA's driver lists its devices under /proc with their names. ONNX Runtime does not tell which
 * adapter WebGPU took, so a name is given only when there is one NVIDIA device and no other GPU.
 */
export function onlyGpuName(root = '/'): string | undefined {
  const nvidia = path.join(root, 'proc/driver/nvidia/gpus');
  const names: string[] = [];
  for (const device of list(nvidia)) {
    try {
      const model = /^Model:\s*(.+)$/m.exec(
        readFileSync(path.join(nvidia, device, 'information'), 'utf8'),
      )?.[1];
      if (model) names.push(model.trim());
    } catch {
      // A device without a readable description has no name.
    }
  }
  const others = list(path.join(root, 'sys/class/drm')).filter((card) => {
    if (!/^card\d+$/.test(card)) return false;
    try {
      const vendor = readFileSync(path.join(root, 'sys/class/drm', card, 'device/vendor'), 'utf8').trim();
      // Intel and AMD; a server's display chip (ASPEED, Matrox, virtual) is no WebGPU adapter.
      return vendor === '0x8086' || vendor === '0x1002';
    } catch {
      return false;
    }
  });
  return names.length === 1 && others.length === 0 ? names[0] : undefined;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
