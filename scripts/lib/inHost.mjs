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
  const parent = mkdtempSync(join(tmpdir(), 'loupe-workspace-'));
  const folder = join(parent, 'examples');
  cpSync(inRoot('examples'), folder, { recursive: true, filter: (path) => !/-INT8-/.test(path) });
  const remove = onEnd(() =>
    rmSync(parent, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }),
  );
  return { folder, remove };
}

/** What the last run wrote: `{ passed, failed, skipped, failures, lines, running, finished }`, or undefined. */
export function readSuiteResults() {
  return existsSync(suiteResults) ? JSON.parse(readFileSync(suiteResults, 'utf8')) : undefined;
}

/** How far a suite came that did not finish. */
function progress() {
  const results = readSuiteResults();
  if (!results) return ['The suite did not start.'];
  return [...results.lines, ...(results.running ? [`ran last: ${results.running}`] : [])];
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
    env: {
      ...suiteEnvironment,
      // Not the caches of whoever runs the tests.
      HF_HUB_CACHE: join(workspace.folder, '..', 'hub'),
      OLLAMA_MODELS: join(workspace.folder, '..', 'ollama'),
    },
    testDriver: true,
  });
  const endBrowser = onEnd(async () => browser?.close());
  let browser;
  try {
    browser = await chromium.launch(launchOptions());
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const consoleLines = [];
    page.on('console', (message) => consoleLines.push(message.text()));
    const broken = (what) => new Error([what, ...progress(), ...consoleLines.slice(-20)].join('\n'));
    let timer;
    let finish;
    const exit = new Promise((done, fail) => {
      finish = done;
      const late = `The in-host tests did not end within ${timeoutMs / 1000} s.`;
      timer = setTimeout(() => fail(broken(late)), timeoutMs);
      page.on('crash', () => fail(broken('The workbench crashed.')));
      host.process.once('exit', () => fail(broken('The VS Code server ended during the tests.')));
    });
    exit.catch(() => {});
    await page.exposeFunction('codeAutomationExit', (code) => finish(code));
    await page.exposeFunction('codeAutomationLog', () => {});
    const remote = (path) => `vscode-remote://127.0.0.1:${host.port}${path}`;
    const payload = JSON.stringify([
      ['extensionDevelopmentPath', remote(root)],
      ['extensionTestsPath', remote(suiteEntry)],
    ]);
    await page.goto(`${host.url}&payload=${encodeURIComponent(payload)}`);
    const code = await exit.finally(() => clearTimeout(timer));
    if (!readSuiteResults()?.finished) {
      throw broken(`The extension host ended (${code}) before the tests did.`);
    }
    return code;
  } finally {
    await endBrowser();
    await host.stop();
    await workspace.remove();
  }
}
