/**
 * Makes a fresh clone ready: `node scripts/setup.mjs [build | package | start | test]`. Every step is announced, skipped
 * when current, and done again when it was interrupted. Needs nothing but Node 20 and npm.
 */
import { pathToFileURL } from 'node:url';
import { PlainError, runMain, say } from './lib/announce.mjs';
import {
  buildBundles,
  buildIntegrationTests,
  buildKernels,
  installPackages,
  packExtension,
} from './lib/build.mjs';
import { ensureBrowser } from './lib/debian.mjs';
import { hostRunsHere, installHost } from './lib/host.mjs';
import { installLlamaCpp, llamaCppRunsHere } from './lib/llamaCpp.mjs';

const [major] = process.versions.node.split('.').map(Number);

/** Packages, kernels and bundles: what the command line and the unit tests need. */
export async function build() {
  if (major < 20) throw new PlainError(`Node 20 or newer is needed; this is ${process.version}.`);
  await installPackages();
  await buildKernels();
  await buildBundles();
}

/** All that `npm start` needs; returns the packed extension's path. */
export async function setUpStart({ desktop = false, needsBrowser = false, kind = 'current' } = {}) {
  await build();
  const vsix = await packExtension();
  if (!desktop) {
    await ensureBrowser({ required: needsBrowser });
    await installHost(kind);
  }
  return vsix;
}

/** All that `npm test` needs; the VS Code host only where it runs. Returns the packed extension's path. */
export async function setUpTests({ kind = 'current', host = true } = {}) {
  await build();
  if (llamaCppRunsHere) await installLlamaCpp();
  if (!host) return undefined;
  await buildIntegrationTests();
  const vsix = await packExtension();
  if (hostRunsHere) {
    await ensureBrowser({ required: true });
    await installHost(kind);
  }
  return vsix;
}

const goals = {
  build,
  package: async () => {
    await build();
    await packExtension();
  },
  start: setUpStart,
  test: setUpTests,
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runMain(async () => {
    const goal = process.argv[2] ?? 'test';
    if (!Object.hasOwn(goals, goal))
      throw new PlainError(`Unknown goal "${goal}". Goals: ${Object.keys(goals).join(', ')}.`);
    await goals[goal]();
    say('Ready.');
  });
}
