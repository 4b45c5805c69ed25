/** Bundles the fuzzer and runs it; arguments are its own, see test/fuzz/main.ts. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const output = mkdtempSync(join(tmpdir(), 'tensor-loupe-fuzz-'));
try {
  await build({
    entryPoints: { main: join(root, 'test/fuzz/main.ts'), worker: join(root, 'test/fuzz/worker.ts') },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outdir: output,
    outExtension: { '.js': '.mjs' },
    logLevel: 'error',
  });
  const { status } = spawnSync(
    process.execPath,
    ['--expose-gc', join(output, 'main.mjs'), ...process.argv.slice(2)],
    { cwd: root, stdio: 'inherit' },
  );
  process.exitCode = status ?? 1;
} finally {
  rmSync(output, { recursive: true, force: true });
}
