/** Builds the kernels and the compute process's bundles once before all tests, when they are not current. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const outputs = ['engine.js', 'worker.js', 'ortWorker.js', 'cli.js'];

export default async function setup(): Promise<void> {
  // Plain modules without types, found at run time.
  const load = (path: string) => import(/* @vite-ignore */ join(root, path));
  const { buildKernels } = await load('scripts/kernels.mjs');
  await buildKernels(() => {});
  const newestSource = Math.max(newest(join(root, 'src')), statSync(join(root, 'esbuild.mjs')).mtimeMs);
  const current = outputs.every((name) => {
    const output = join(root, 'dist', name);
    return existsSync(output) && statSync(output).mtimeMs > newestSource;
  });
  if (current) return;
  const { bundle } = await load('esbuild.mjs');
  await bundle({ only: outputs });
}

/** Time of the last change in a folder. */
function newest(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((latest, entry) => Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0);
}
