/** From sources to what runs: packages, kernels, bundles, in-host tests, the packed extension. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, inRoot, manifest, outFolder, thisTarget, vsixPath } from './paths.mjs';
import { cleanEnvironment, npm, run } from './processes.mjs';
import { announced, doStep, hashOf, skipped } from './steps.mjs';

const lockfile = inRoot('package-lock.json');

/**
 * Whether node_modules holds what the lockfile says. npm writes its own record of what it installed as the last
 * thing, so an interrupted installation has none, and one made by hand counts.
 */
function packagesAreCurrent() {
  const record = inRoot('node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(lockfile, 'utf8')).packages;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const there = installed[path];
    return there === undefined
      ? entry.optional === true || entry.devOptional === true
      : there.version === entry.version;
  });
}

/** Installs the npm packages, with scripts off: nothing but the registry is asked for anything. */
export async function installPackages() {
  const title = 'npm packages';
  if (packagesAreCurrent()) {
    skipped(title);
    return;
  }
  await announced(title, () =>
    npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: inRoot(),
      quiet: true,
      env: { ...cleanEnvironment(), ONNXRUNTIME_NODE_INSTALL: 'skip' },
    }),
  );
}

/** Compiles the AssemblyScript kernels into dist/kernels.wasm. */
export function buildKernels() {
  return doStep({
    title: 'WebAssembly kernels',
    stamp: 'kernels',
    hash: hashOf([inRoot('src/kernels/assembly'), inRoot('scripts/kernels.mjs'), lockfile]),
    outputs: [inRoot('dist/kernels.wasm')],
    work: () => run(process.execPath, [inRoot('scripts/kernels.mjs')], { cwd: inRoot(), quiet: true }),
  });
}

/** Bundles the extension, the command line, the engine and the webviews into dist/. */
export function buildBundles() {
  const inputs = ['src', 'webview-ui', 'esbuild.mjs', 'package.json', 'tsconfig.json', 'package-lock.json'];
  return doStep({
    title: 'Bundles',
    stamp: 'bundles',
    hash: hashOf(inputs.map((path) => inRoot(path))),
    outputs: ['extension.cjs', 'cli.js', 'engine.js', 'webview/checkpoint.js'].map((name) =>
      inRoot('dist', name),
    ),
    work: () => run(process.execPath, [inRoot('esbuild.mjs')], { cwd: inRoot(), quiet: true }),
  });
}

/** Every file under test/integration that mocha runs, and the entry that runs them. */
function integrationEntries() {
  const folder = inRoot('test/integration');
  const tests = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.test.ts'));
  return ['index.ts', ...tests].map((name) => join(folder, name));
}

/** Bundles the in-host tests into out/integration, one file a test; `vscode` and mocha stay outside. */
export async function buildIntegrationTests() {
  const outdir = join(outFolder, 'integration');
  await doStep({
    title: 'In-host tests',
    stamp: 'integration',
    hash: hashOf([inRoot('test/integration'), inRoot('test/fixtures'), inRoot('src'), lockfile]),
    outputs: [join(outdir, 'index.cjs')],
    work: async () => {
      rmSync(outdir, { recursive: true, force: true });
      const { build } = await import('esbuild');
      await build({
        entryPoints: integrationEntries(),
        outdir,
        outbase: inRoot('test/integration'),
        outExtension: { '.js': '.cjs' },
        bundle: true,
        platform: 'node',
        format: 'cjs',
        target: 'node20',
        sourcemap: 'inline',
        external: ['vscode', 'mocha', 'onnxruntime-node'],
        logLevel: 'warning',
      });
    },
  });
}

/** The files of onnxruntime-node's own package that one target needs, as .vscodeignore lines. */
const runtimeOf = (target) => `!node_modules/onnxruntime-node/bin/napi-v6/${target.replace('-', '/')}/**`;

/** The targets that onnxruntime-node has binaries for. */
export const targets = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64', 'win32-arm64'];

/** Packs dist/ and the one platform's ONNX Runtime into out/NAME-TARGET-VERSION.vsix; returns its path. */
export async function packExtension(target = thisTarget) {
  const path = vsixPath(target);
  const inputs = [
    'dist',
    'docs',
    'media',
    'package.json',
    '.vscodeignore',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    'package-lock.json',
  ];
  await doStep({
    title: `Packed extension for ${target}`,
    stamp: `vsix-${target}`,
    hash: hashOf(
      inputs.map((name) => inRoot(name)),
      [manifest().version],
    ),
    outputs: [path],
    work: async () => {
      mkdirSync(outFolder, { recursive: true });
      const ignoreFile = join(cacheFolder, `vscodeignore-${target}`);
      writeFileSync(ignoreFile, `${readFileSync(inRoot('.vscodeignore'), 'utf8')}\n${runtimeOf(target)}\n`);
      const vsce = inRoot('node_modules/@vscode/vsce/vsce');
      const args = ['package', '--target', target, '--ignoreFile', ignoreFile, '--no-rewrite-relative-links'];
      await run(process.execPath, [vsce, ...args, '--allow-missing-repository', '--out', path], {
        cwd: inRoot(),
        quiet: true,
        env: cleanEnvironment({ VSCE_TESTS: '' }),
      });
    },
  });
  return path;
}
