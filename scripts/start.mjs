/**
 * `npm start`: a real VS Code with the packed extension, on the example models, the checkpoint already open.
 *
 *   npm start                  VS Code in the browser, on a local address
 *   npm start -- --port N      on this port
 *   npm start -- --desktop     an installed desktop VS Code (VSCODE_EXECUTABLE names one)
 *   npm start -- --no-browser  only prints the address
 *   npm start -- --check       looks at it through a headless browser, says what it saw, and ends
 */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bold, PlainError, runMain, say } from './lib/announce.mjs';
import { openInBrowser } from './lib/browsers.mjs';
import { desktopAdvice, desktopFlags, findDesktop } from './lib/desktop.mjs';
import { hostRunsHere } from './lib/host.mjs';
import { startHost } from './lib/hostServer.mjs';
import { cacheFolder, inRoot } from './lib/paths.mjs';
import { cleanEnvironment, endAll, endGroup, run, start } from './lib/processes.mjs';
import { checkStart } from './lib/startCheck.mjs';
import { setUpStart } from './setup.mjs';

const workspace = inRoot('examples');
const opened = join(workspace, 'demo-llama-3m', 'model.safetensors');
const openVariable = { TENSOR_LOUPE_OPEN: opened };

/** The same port each time when it is free, so that the browser finds its remembered layout again. */
const usualPort = 7431;

async function freePort(port) {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(0));
    server.listen(port, '127.0.0.1', () => server.close(() => done(port)));
  });
}

/** Waits until the process ends or the user presses Ctrl-C, which ends this script by itself. */
const untilEnd = (child) => new Promise((done) => child.once('exit', done));

async function startDesktop(vsix) {
  const desktop = findDesktop();
  if (!desktop) throw new PlainError(desktopAdvice);
  const data = join(cacheFolder, 'desktop');
  const folders = [
    '--user-data-dir',
    join(data, 'user'),
    '--extensions-dir',
    join(data, 'extensions'),
    ...desktopFlags,
  ];
  const shell = process.platform === 'win32';
  const options = { env: cleanEnvironment(openVariable), shell };
  say(`Opening ${desktop.app}; close its window, or press Ctrl-C here, to end.`);
  await run(desktop.cli, [...folders, '--install-extension', vsix, '--force'], { ...options, quiet: true });
  const args = [...folders, '--new-window', '--wait', '--disable-workspace-trust', workspace];
  const child = start(desktop.cli, args, { ...options, stdio: 'inherit' });
  await untilEnd(child);
  await endGroup(child);
}

async function startServer(vsix, options) {
  const port =
    options.port === undefined ? (options.check ? 0 : await freePort(usualPort)) : Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new PlainError(`"${options.port}" is not a port.`);
  const host = await startHost({
    workspace,
    vsix,
    port,
    env: openVariable,
    dataFolder: options.check ? undefined : join(cacheFolder, 'start'),
  });
  say(`\n${bold('Tensor Loupe is open in VS Code at')}\n\n  ${host.url}\n`);
  if (options.check) {
    try {
      await checkStart(host.url);
    } finally {
      await host.stop();
    }
    return;
  }
  if (!options['no-browser'] && openInBrowser(host.url)) say('It opens in your browser now.');
  say('The address holds a secret token: it works on this machine only. Ctrl-C ends everything.');
  const code = await untilEnd(host.process);
  throw new PlainError(`The VS Code server ended by itself (${code}).\n${host.log()}`);
}

await runMain(async () => {
  const { values: options } = parseArgs({
    options: {
      desktop: { type: 'boolean' },
      port: { type: 'string' },
      check: { type: 'boolean' },
      'no-browser': { type: 'boolean' },
    },
  });
  const desktop = options.desktop ?? !hostRunsHere;
  if (desktop && !findDesktop()) {
    const why = options.desktop
      ? ''
      : `The VS Code server from npm runs on Linux x64 only, not on ${process.platform}-${process.arch}. `;
    throw new PlainError(why + desktopAdvice);
  }
  const vsix = await setUpStart({ desktop, needsBrowser: options.check });
  try {
    await (desktop ? startDesktop(vsix) : startServer(vsix, options));
  } finally {
    await endAll();
  }
});
