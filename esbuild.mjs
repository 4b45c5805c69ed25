/**
 * Bundles everything that ships into dist/. `vscode` is external in the extension's bundle alone, so a core
 * module that imports it breaks the build. Entries whose source does not exist are left out.
 * Options: --minify, --watch, --only=NAME (an entry's output name, may be given more than once).
 */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, context } from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));

const node = {
  platform: 'node',
  format: 'esm',
  target: 'node20',
};
const webview = {
  platform: 'browser',
  // Classic scripts: a page admits its script by nonce.
  format: 'iife',
  target: 'chrome132',
  loader: { '.ttf': 'file', '.woff2': 'file', '.svg': 'dataurl' },
  assetNames: '[name]',
};

/** Output (relative to dist/) -> source and options. */
export const entries = {
  'extension.cjs': {
    source: 'src/extension.ts',
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['vscode'],
    // Every window reads it at its start. Names stay, for what a log tells of a failure.
    minify: true,
    keepNames: true,
  },
  'cli.js': { source: 'src/cli.ts', ...node, banner: { js: '#!/usr/bin/env node' } },
  'engine.js': { source: 'src/engine/main.ts', ...node },
  'worker.js': { source: 'src/engine/worker/worker.ts', ...node },
  // Native and large: it stays in node_modules, and only the thread that uses it loads it.
  'ortWorker.js': {
    source: 'src/engine/backends/ortWorker.ts',
    ...node,
    external: ['onnxruntime-node'],
  },
  'webview/backends.js': { source: 'webview-ui/backends.ts', ...webview },
  'webview/checkpoint.js': { source: 'webview-ui/checkpoint.ts', ...webview },
  'webview/report.js': { source: 'webview-ui/report.ts', ...webview },
  'webview/tensor.js': { source: 'webview-ui/tensor.ts', ...webview },
};

/** Files appear by renaming: who starts a bundle meanwhile gets the old one or the new one, never half of one. */
async function writeAtomically(files) {
  for (const { path, contents } of files) {
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${process.pid}.tmp`;
    await writeFile(temporary, contents);
    await rename(temporary, path);
  }
}

/**
 * Builds the entries whose sources exist.
 * @param {{minify?: boolean, watch?: boolean, only?: string[]}} options
 */
export async function bundle({ minify = false, watch = false, only = [] } = {}) {
  const wanted = Object.entries(entries).filter(
    ([output, { source }]) => existsSync(join(root, source)) && (only.length === 0 || only.includes(output)),
  );
  await Promise.all(
    wanted.map(async ([output, { source, ...options }]) => {
      const settings = {
        ...options,
        entryPoints: [join(root, source)],
        outfile: join(root, 'dist', output),
        absWorkingDir: root,
        bundle: true,
        ...(minify ? { minify } : {}),
        sourcemap: minify ? false : 'linked',
        sourcesContent: false,
        legalComments: 'none',
        logLevel: 'warning',
      };
      if (watch) await (await context(settings)).watch();
      else await writeAtomically((await build({ ...settings, write: false })).outputFiles);
    }),
  );
  const built = wanted.map(([output]) => output);
  if (built.some((output) => output.startsWith('webview/'))) {
    // The controls' icons look up their font through a stylesheet link of the page.
    for (const name of ['codicon.css', 'codicon.ttf']) {
      mkdirSync(join(root, 'dist/webview'), { recursive: true });
      copyFileSync(join(root, 'node_modules/@vscode/codicons/dist', name), join(root, 'dist/webview', name));
    }
  }
  return built;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const flags = process.argv.slice(2);
  const built = await bundle({
    minify: flags.includes('--minify'),
    watch: flags.includes('--watch'),
    only: flags.filter((flag) => flag.startsWith('--only=')).map((flag) => flag.slice('--only='.length)),
  });
  console.log(`dist: ${built.join(', ')}`);
}
