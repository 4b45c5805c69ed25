/**
 * Compiles src/kernels/assembly to dist/kernels.wasm, unless that is current: a hash of the sources, of
 * the compiler's version and of its options lies beside it. The file appears by renaming, so that
 * several builds at once do no harm.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const sources = join(root, 'src/kernels/assembly');
const target = join(root, 'dist/kernels.wasm');
const stamp = `${target}.sha256`;

const options = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--importMemory'];

/** Identifies what the output is made from. */
function fingerprint() {
  const hash = createHash('sha256');
  const { version } = createRequire(import.meta.url)('assemblyscript/package.json');
  hash.update(JSON.stringify([version, options]));
  for (const name of readdirSync(sources).sort()) {
    if (name.endsWith('.ts')) hash.update(`${name}\n${readFileSync(join(sources, name), 'utf8')}\n`);
  }
  return hash.digest('hex');
}

/** Builds when needed; returns the path of the module. Throws with the compiler's messages when it fails. */
export async function buildKernels(log = console.log) {
  const wanted = fingerprint();
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === wanted) {
    log('kernels: dist/kernels.wasm is current');
    return target;
  }
  log('kernels: compiling src/kernels/assembly to dist/kernels.wasm');
  mkdirSync(dirname(target), { recursive: true });
  const { default: asc } = await import('assemblyscript/asc');
  const partial = `kernels.${process.pid}.wasm`;
  const { error, stderr } = await asc.main([
    'src/kernels/assembly/index.ts',
    '--baseDir',
    root,
    '--outFile',
    `dist/${partial}`,
    ...options,
  ]);
  if (error !== null) throw new Error(`the kernels do not compile\n${stderr.toString()}${error.message}`);
  renameSync(join(root, 'dist', partial), target);
  writeFileSync(stamp, `${wanted}\n`);
  log(`kernels: done, ${readFileSync(target).length} bytes`);
  return target;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await buildKernels();
}
