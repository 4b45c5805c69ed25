/**
 * `npm run test:electron`: the in-host suite in a desktop VS Code. VSCODE_EXECUTABLE names an installed one; without it,
 * @vscode/test-electron downloads one, which needs the ordinary internet. On Linux without a screen it runs under xvfb.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { green, PlainError, red, runMain, say } from './lib/announce.mjs';
import { onPath } from './lib/browsers.mjs';
import { buildIntegrationTests } from './lib/build.mjs';
import { desktopAdvice, desktopFlags, findDesktop } from './lib/desktop.mjs';
import {
  readSuiteResults,
  scratchWorkspace,
  suiteEntry,
  suiteEnvironment,
  suiteResults,
} from './lib/inHost.mjs';
import { root } from './lib/paths.mjs';
import { endAll, run } from './lib/processes.mjs';
import { build } from './setup.mjs';

/** The executable to test in: the installed one, or a downloaded one. */
async function executable() {
  if (process.env.VSCODE_EXECUTABLE) {
    const named = findDesktop();
    if (!named) throw new PlainError(desktopAdvice);
    return named.app;
  }
  const { downloadAndUnzipVSCode } = await import('@vscode/test-electron');
  try {
    return await downloadAndUnzipVSCode('stable');
  } catch (error) {
    const installed = findDesktop();
    if (installed) return installed.app;
    throw new PlainError(
      `No desktop VS Code to test in. The download failed (${error.message}). ${desktopAdvice}\n` +
        'The same suite runs in the VS Code server with `npm test -- integration`.',
    );
  }
}

function needsScreen() {
  return process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY;
}

await runMain(async () => {
  await build();
  await buildIntegrationTests();
  const app = await executable();
  if (needsScreen()) {
    const xvfb = onPath('xvfb-run');
    if (!xvfb)
      throw new PlainError('There is no screen. Install xvfb (Debian: apt-get install xvfb) and try again.');
    const again = [process.execPath, process.argv[1], ...process.argv.slice(2)];
    const { code } = await run(xvfb, ['-a', ...again], {
      allowFailure: true,
      env: { ...process.env, VSCODE_EXECUTABLE: app },
    });
    return code;
  }
  const { runTests } = await import('@vscode/test-electron');
  const workspace = scratchWorkspace();
  const data = mkdtempSync(join(tmpdir(), 'loupe-electron-'));
  rmSync(suiteResults, { force: true });
  let failure;
  try {
    await runTests({
      vscodeExecutablePath: app,
      extensionDevelopmentPath: root,
      extensionTestsPath: suiteEntry,
      extensionTestsEnv: suiteEnvironment,
      launchArgs: [
        workspace.folder,
        '--disable-extensions',
        '--disable-workspace-trust',
        ...['--user-data-dir', data],
        ...desktopFlags,
      ],
    });
  } catch (error) {
    failure = error;
  } finally {
    rmSync(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    await endAll();
  }
  const results = readSuiteResults();
  if (!results?.finished) {
    const last = results?.running ? ` It ended in "${results.running}".` : '';
    throw new PlainError(`VS Code ended before the tests did.${last} ${failure?.message ?? ''}`);
  }
  for (const line of results.lines) say(line.startsWith('FAILED') ? red(line) : line);
  const { passed, failed, skipped } = results;
  say((failed === 0 ? green : red)(`${failed === 0 ? 'ok' : 'FAILED'}: ${app}`));
  say(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return failed > 0 || passed === 0 ? 1 : 0;
});
