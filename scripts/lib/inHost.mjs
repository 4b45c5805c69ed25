/** Running the bundled mocha suite inside the extension host of a real VS Code. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlainError } from './announce.mjs';
import { chromeAdvice, findChrome, launchOptions } from './browsers.mjs';
import { startHost } from './hostServer.mjs';
import { inRoot, outFolder, resultsFolder, root } from './paths.mjs';
import { onEnd } from './processes.mjs';

/** The suite's entry, as `--extensionTestsPath` takes it. */
export const suiteEntry = join(outFolder, 'integration', 'index.cjs');

/** Where the suite writes its results, in the words of `readSuiteResults`. */
export const suiteResults = join(resultsFolder, 'integration.json');

/** What the suite's entry reads from its environment. */
export const suiteEnvironment = { TENSOR_LOUPE_TEST_RESULTS: suiteResults };

/** A copy of the example models that tests may write into; `remove()` deletes it. */
export function scratchWorkspace() {
  const folder = mkdtempSync(join(tmpdir(), 'loupe-workspace-'));
  cpSync(inRoot('examples'), folder, { recursive: true, filter: (path) => !/-INT8-/.test(path) });
  const remove = onEnd(() =>
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }),
  );
  return { folder, remove };
}

/** The results file of the last run: `{ passed, failed, skipped, failures }`, or undefined when it was not written. */
export function readSuiteResults() {
  return existsSync(suiteResults) ? JSON.parse(readFileSync(suiteResults, 'utf8')) : undefined;
}

/**
 * Runs the suite in the VS Code server through a headless browser, with the repository as the extension under
 * development. Resolves to the exit code that the suite gave: 0 all passed, 1 some failed, 3 none ran. Throws when the
 * host gives no answer: its crash is not a failed test.
 */
export async function runSuiteInServer({ kind = 'current', timeoutMs = 900_000 } = {}) {
  if (!findChrome()) throw new PlainError(chromeAdvice);
  mkdirSync(resultsFolder, { recursive: true });
  rmSync(suiteResults, { force: true });
  const { chromium } = await import('playwright-core');
  const workspace = scratchWorkspace();
  const host = await startHost({
    workspace: workspace.folder,
    kind,
    env: suiteEnvironment,
    testDriver: true,
  });
  const endBrowser = onEnd(async () => browser?.close());
  let browser;
  try {
    browser = await chromium.launch(launchOptions());
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const consoleLines = [];
    page.on('console', (message) => consoleLines.push(message.text()));
    let timer;
    const exit = new Promise((done, fail) => {
      const failWith = (what) =>
        fail(new Error(`${what}\n${[...consoleLines.slice(-20), host.log()].join('\n')}`));
      timer = setTimeout(
        () => failWith(`The in-host tests did not end within ${timeoutMs / 1000} s.`),
        timeoutMs,
      );
      page.on('crash', () => failWith('The workbench crashed.'));
      host.process.once('exit', () => failWith('The VS Code server ended during the tests.'));
      page.exposeFunction('codeAutomationExit', done).catch(fail);
      page.exposeFunction('codeAutomationLog', () => {}).catch(fail);
    });
    const remote = (path) => `vscode-remote://127.0.0.1:${host.port}${path}`;
    const payload = JSON.stringify([
      ['extensionDevelopmentPath', remote(root)],
      ['extensionTestsPath', remote(suiteEntry)],
    ]);
    exit.catch(() => {});
    await page.goto(`${host.url}&payload=${encodeURIComponent(payload)}`);
    const code = await exit.finally(() => clearTimeout(timer));
    if (readSuiteResults() === undefined) {
      throw new Error(
        `The extension host ended (${code}) before the tests did.\n${consoleLines.slice(-40).join('\n')}`,
      );
    }
    return code;
  } finally {
    await endBrowser();
    await host.stop();
    await workspace.remove();
  }
}
