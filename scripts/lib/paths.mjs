/** Where things lie: the one place that knows the names of built and cached folders. */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root, an absolute path. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** An absolute path inside the repository. */
export const inRoot = (...parts) => join(root, ...parts);

/** Everything that can be made again and is slow to make; deleting it is always safe. */
export const cacheFolder = inRoot('.cache');

/** Reports, screenshots and logs of test runs. */
export const resultsFolder = inRoot('test-results');

/** Bundled in-host tests and packed extensions. */
export const outFolder = inRoot('out');

export const manifest = () => JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));

/** This machine in the words of the Marketplace: `linux-x64`, `win32-arm64`, ... */
export const thisTarget = `${process.platform}-${process.arch}`;

/** Where the packed extension for a target is written. */
export const vsixPath = (target = thisTarget) => {
  const { name, version } = manifest();
  return join(outFolder, `${name}-${target}-${version}.vsix`);
};
