/** File systems that really are small or read-only, for tests that fill them. Only root can make them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

const mounted: string[] = [];

/** To be called after the tests, before their folders are removed. */
export function unmountAll(): void {
  // Lazily, since an engine of the test may still have its last handle open.
  for (const folder of mounted.splice(0)) spawnSync('umount', ['-l', folder]);
}

/** Why this machine cannot mount a file system in memory; undefined where it can. */
export function mountObstacle(probe: string): string | undefined {
  if (process.platform !== 'linux') return 'only Linux has file systems in memory';
  if (process.getuid?.() !== 0) return 'only root may mount';
  mkdirSync(probe, { recursive: true });
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe], {
    encoding: 'utf8',
  });
  if (status !== 0) return `mounting failed: ${stderr.trim()}`;
  spawnSync('umount', [probe]);
  return undefined;
}

/** Mounts a file system of so many MiB, in memory, at a new folder. */
export function mountSmall(folder: string, megabytes: number): void {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  mounted.push(folder);
}

/** Makes a mounted file system read-only. */
export function makeReadOnly(folder: string): void {
  execFileSync('mount', ['-o', 'remount,ro', folder]);
}
