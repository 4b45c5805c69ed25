import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Environment variables that make Dawn find SwiftShader, the software Vulkan driver that comes inside of chromium; `folder`: for
 * its manifest. undefined, with a line about the reason, where there is none.
 */
export function softwareVulkan(folder: string): Record<string, string> | undefined {
  const candidates = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'];
  if (process.env.CHROME_PATH) candidates.unshift(dirname(process.env.CHROME_PATH));
  const found = candidates.find(
    (place) => existsSync(join(place, 'libvk_swiftshader.so')) && existsSync(join(place, 'libvulkan.so.1')),
  );
  if (!found || process.platform !== 'linux' || process.arch !== 'x64') {
    console.log('Skipped: no software Vulkan driver (libvk_swiftshader.so beside chromium) for WebGPU.');
    return undefined;
  }
  const driver = {
    file_format_version: '1.0.0',
    ICD: { library_path: join(found, 'libvk_swiftshader.so'), api_version: '1.1.0' },
  };
  const manifest = join(folder, 'swiftshader.json');
  writeFileSync(manifest, JSON.stringify(driver));
  return { VK_DRIVER_FILES: manifest, LD_LIBRARY_PATH: found };
}
