/** Starting and ending a VS Code server: used by `npm start`, the in-host tests and the end-to-end tests. */
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PlainError } from './announce.mjs';
import { hostPaths } from './host.mjs';
import { cacheFolder } from './paths.mjs';
import { cleanEnvironment, endGroup, onEnd, run, start } from './processes.mjs';
import { doStep, hashOf } from './steps.mjs';

const wrapper = fileURLToPath(new URL('./hostProcess.mjs', import.meta.url));

/** Settings that keep the workbench to the point: no welcome page, no chat, no git, nothing fetched. */
export const quietSettings = {
  'workbench.startupEditor': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'workbench.layoutControl.enabled': false,
  'window.commandCenter': false,
  'chat.disableAIFeatures': true,
  'chat.commandCenter.enabled': false,
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'git.enabled': false,
  'remote.autoForwardPorts': false,
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
};

const noGallery = JSON.stringify({
  serviceUrl: '',
  itemUrl: '',
  resourceUrlTemplate: '',
  controlUrl: '',
  nlsBaseUrl: '',
});

/** A private folder with a short name: socket paths inside it must end within 107 bytes. */
function privateFolder() {
  const base = tmpdir().length <= 40 || process.platform === 'win32' ? tmpdir() : '/tmp';
  return mkdtempSync(join(base, 'loupe-'));
}

function folderArguments(folder) {
  return [
    ['--server-data-dir', join(folder, 'server')],
    ['--user-data-dir', join(folder, 'user')],
    ['--extensions-dir', join(folder, 'extensions')],
  ].flat();
}

function hostEnvironment(runtimeFolder, extra = {}) {
  return cleanEnvironment({
    EXTENSIONS_GALLERY: noGallery,
    XDG_RUNTIME_DIR: runtimeFolder,
    TMPDIR: runtimeFolder,
    ...extra,
  });
}

/** Installs a .vsix once a content and host, and returns the folder of extensions to be copied from. */
async function installedExtensions(vsix, kind) {
  const { node, main } = hostPaths(kind);
  const folder = join(cacheFolder, `installed-${kind}`);
  await doStep({
    title: `Installing the packed extension into the host (${kind})`,
    stamp: `installed-${kind}`,
    hash: hashOf([vsix]),
    outputs: [join(folder, 'extensions', 'extensions.json')],
    work: async () => {
      rmSync(folder, { recursive: true, force: true });
      const runtime = privateFolder();
      try {
        await run(node, [main, ...folderArguments(folder), '--install-extension', vsix, '--force'], {
          quiet: true,
          env: hostEnvironment(runtime),
          timeoutMs: 180_000,
        });
      } finally {
        rmSync(runtime, { recursive: true, force: true });
      }
    },
  });
  return join(folder, 'extensions');
}

/**
 * Starts a VS Code server and resolves when it listens.
 *
 * @param options.workspace folder that the workbench opens, an absolute path
 * @param options.vsix      packed extension to install (absolute path), or undefined for none
 * @param options.kind      'current' or 'min'
 * @param options.settings  user settings on top of `quietSettings`
 * @param options.env       variables that the server and so the extension host gets
 * @param options.port      0 for any
 * @param options.dataFolder where user data stays; without it, in a temporary folder that is removed at the end
 * @param options.testDriver lets the page run tests inside the extension host
 * @returns `{ url, port, token, settingsFile, logFolder, process, log(), stop() }`; `url` opens the workspace
 */
export async function startHost(options) {
  const {
    workspace,
    vsix,
    kind = 'current',
    settings = {},
    env = {},
    port = 0,
    testDriver = false,
  } = options;
  const { node, main, builtinExtensions } = hostPaths(kind);
  if (!existsSync(main))
    throw new PlainError(`The VS Code host is not installed: run \`node scripts/setup.mjs test\` first.`);
  const temporary = privateFolder();
  const dataFolder = options.dataFolder ?? join(temporary, 'data');
  const runtime = join(temporary, 'run');
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  const extensions = join(dataFolder, 'extensions');
  rmSync(extensions, { recursive: true, force: true });
  if (vsix) cpSync(await installedExtensions(vsix, kind), extensions, { recursive: true });
  const userSettings = join(dataFolder, 'user', 'User', 'settings.json');
  if (!options.dataFolder || !existsSync(userSettings)) {
    mkdirSync(join(dataFolder, 'user', 'User'), { recursive: true });
    writeFileSync(userSettings, JSON.stringify({ ...quietSettings, ...settings }, null, 2));
  }

  const token = randomBytes(16).toString('hex');
  const args = [
    ...['--host', '127.0.0.1', '--port', String(port), '--connection-token', token],
    ...folderArguments(dataFolder),
    ...['--accept-server-license-terms', '--telemetry-level', 'off', '--disable-workspace-trust'],
    ...['--builtin-extensions-dir', builtinExtensions],
    ...(testDriver ? ['--enable-smoke-test-driver'] : []),
  ];
  const child = start(node, [wrapper, String(process.pid), main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: hostEnvironment(runtime, env),
  });
  let log = '';
  const remove = () => rmSync(temporary, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  const forget = onEnd(remove);
  const stop = async () => {
    await endGroup(child);
    await forget();
  };
  const listening = new Promise((done, fail) => {
    const read = (chunk) => {
      log += chunk;
      const match = /Extension host agent listening on (\d+)/.exec(log);
      if (match) done(Number(match[1]));
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('error', fail);
    child.on('exit', (code) => fail(new Error(`The VS Code server ended with exit code ${code}:\n${log}`)));
    setTimeout(
      () => fail(new Error(`The VS Code server did not start within 120 s:\n${log}`)),
      120_000,
    ).unref();
  });
  listening.catch(() => {});
  try {
    const realPort = await listening;
    const url = `http://127.0.0.1:${realPort}/?tkn=${token}&folder=${encodeURIComponent(workspace)}`;
    return {
      url,
      port: realPort,
      token,
      settingsFile: userSettings,
      logFolder: join(dataFolder, 'user', 'logs'),
      log: () => log,
      stop,
      process: child,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
