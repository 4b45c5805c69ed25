/** Bundles every test/bench/*.bench.ts and runs one after the other; names given as arguments choose some. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildKernels } from './kernels.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'test/bench');
const wanted = process.argv.slice(2);

await buildKernels();
const output = mkdtempSync(join(tmpdir(), 'tensor-loupe-bench-'));
try {
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.bench.ts')) continue;
    if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
    const outfile = join(output, `${name}.mjs`);
    await build({
      entryPoints: [join(folder, name)],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
      logLevel: 'error',
    });
    console.log(`\n${name}`);
    const { status } = spawnSync(process.execPath, [outfile], { cwd: root, stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1;
  }
} finally {
  rmSync(output, { recursive: true, force: true });
}
