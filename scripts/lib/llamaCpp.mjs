/** llama.cpp from the npm registry, prebuilt: the tests load GGUF files in it. No install script runs, nothing is compiled. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, inRoot } from './paths.mjs';
import { cleanEnvironment, npm } from './processes.mjs';
import { doStep, hashOf } from './steps.mjs';

/** Whether the lockfile has a binary for this machine. */
export const llamaCppRunsHere = process.platform === 'linux' && process.arch === 'x64';

const folder = join(cacheFolder, 'llama-cpp');

/** node-llama-cpp's entry. */
export const llamaCppModule = join(folder, 'node_modules', 'node-llama-cpp', 'dist', 'index.js');

/** Installs it into .cache/llama-cpp; the binaries for CUDA and Vulkan, 340 MB, are left out. */
export function installLlamaCpp() {
  const source = inRoot('test/llamaCpp');
  const lockfiles = ['package.json', 'package-lock.json'];
  return doStep({
    title: 'llama.cpp (node-llama-cpp, 85 MB, once)',
    stamp: 'llama-cpp',
    hash: hashOf([...lockfiles.map((name) => join(source, name)), inRoot('scripts/lib/llamaCpp.mjs')]),
    outputs: [llamaCppModule],
    work: async () => {
      mkdirSync(folder, { recursive: true });
      for (const name of lockfiles) cpSync(join(source, name), join(folder, name));
      // `npm ci` refuses a lockfile without the binaries of other systems, which the registry does not tell of everywhere.
      const flags = [
        '--no-save',
        '--omit=optional',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
      ];
      await npm(['install', ...flags], {
        quiet: true,
        env: cleanEnvironment(),
        timeoutMs: 600_000,
        cwd: folder,
      });
    },
  });
}
