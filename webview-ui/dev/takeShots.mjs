/** What the scripts that take pictures of a page share: the page's harness, and a picture for each name. */
import { mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Bundles a harness of test/webview, which is TypeScript, and imports it. */
export async function importHarness(entryPoint) {
  const outfile = join(root, '.cache', `${basename(entryPoint, '.ts')}.mjs`);
  await build({
    absWorkingDir: root,
    entryPoints: [entryPoint],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  });
  return import(pathToFileURL(outfile).href);
}

/** A browser for `use`; ends the process where none is found. */
export async function withBrowser({ chromiumPath, launchChromium }, use) {
  const executable = chromiumPath();
  if (!executable) {
    console.error('No Chromium was found: set CHROMIUM_EXECUTABLE.');
    process.exit(1);
  }
  const browser = await launchChromium(executable);
  try {
    await use(browser);
  } finally {
    await browser.close();
  }
}

/**
 * Takes the wanted pictures, all when none is named, into a folder of test-results. `shots` has options of the page and what to do
 * on it by name; `open` opens the page with such options.
 */
export async function takeShots(shots, wanted, results, open) {
  const folder = join(root, 'test-results', results);
  mkdirSync(folder, { recursive: true });
  for (const [name, { act, ...options }] of Object.entries(shots)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const { page, problems } = await open(options);
    try {
      await act(page);
    } catch (error) {
      console.error(`${name}: ${error.message.split('\n')[0]}`);
    }
    await page.screenshot({ path: join(folder, `${name}.png`) });
    for (const problem of problems) console.error(`${name}: ${problem}`);
    await page.close();
    console.log(`${name}.png`);
  }
}
