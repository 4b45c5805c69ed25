/**
 * Every process that the scripts start, each in a process group of its own, so that one Ctrl-C ends them and all
 * that they started: extension hosts outlive their server, and npm its children, when only the parent is told.
 */
import { spawn } from 'node:child_process';
import { PlainError } from './announce.mjs';

const isWindows = process.platform === 'win32';
const running = new Set();
const cleanups = new Set();
let stopping = false;

/** Sends a signal to a child's whole group; a group that is gone already is no error. */
function signalGroup(child, signal) {
  try {
    if (isWindows) spawn('taskkill', ['/pid', String(child.pid), '/T', '/F'], { stdio: 'ignore' });
    else process.kill(-child.pid, signal);
  } catch {}
}

function groupLives(child) {
  if (isWindows) return child.exitCode === null && child.signalCode === null;
  try {
    process.kill(-child.pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Starts a process in a group of its own, remembered until `endGroup` or the end of this script. */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { detached: !isWindows, ...options });
  if (child.pid !== undefined) running.add(child);
  child.on('exit', () => {
    if (!groupLives(child)) running.delete(child);
  });
  return child;
}

/** Ends a child's group: asks with SIGTERM, and after `graceMs` milliseconds insists with SIGKILL. */
export async function endGroup(child, graceMs = 3000) {
  if (child.pid === undefined) return;
  signalGroup(child, 'SIGTERM');
  const end = Date.now() + graceMs;
  while (groupLives(child) && Date.now() < end) await new Promise((done) => setTimeout(done, 50));
  if (groupLives(child)) signalGroup(child, 'SIGKILL');
  running.delete(child);
}

/** Registers what must happen before this script ends, whatever ends it; returns a function that does it now. */
export function onEnd(cleanup) {
  cleanups.add(cleanup);
  return async () => {
    if (cleanups.delete(cleanup)) await cleanup();
  };
}

/** Ends every process started here and runs the cleanups. */
export async function endAll() {
  await Promise.all([...running].map((child) => endGroup(child)));
  for (const cleanup of [...cleanups].reverse()) {
    cleanups.delete(cleanup);
    await cleanup();
  }
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.on(signal, async () => {
    if (stopping) return;
    stopping = true;
    await endAll();
    process.exit(code);
  });
}
// The last resort, where nothing asynchronous runs any more.
process.on('exit', () => {
  for (const child of running) signalGroup(child, 'SIGKILL');
});

/**
 * Runs a command to its end and returns `{ code, output }`. Its output is passed through, or with `quiet` kept and
 * shown only in the error. Throws when the exit code is not 0, unless `allowFailure`. `timeoutMs` ends its group.
 */
export async function run(command, args, options = {}) {
  const { quiet = false, allowFailure = false, timeoutMs, ...spawnOptions } = options;
  if (stopping) throw new PlainError('Stopped.');
  const child = start(command, args, {
    stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    ...spawnOptions,
  });
  const chunks = [];
  child.stdout?.on('data', (chunk) => chunks.push(chunk));
  child.stderr?.on('data', (chunk) => chunks.push(chunk));
  let timer;
  let timedOut = false;
  if (timeoutMs) {
    timer = setTimeout(() => {
      timedOut = true;
      void endGroup(child);
    }, timeoutMs);
  }
  const code = await new Promise((done, fail) => {
    child.on('error', (error) => fail(new PlainError(`${command} could not be started: ${error.message}`)));
    child.on('close', (exitCode, signal) => done(exitCode ?? (signal ? 128 : 1)));
  }).finally(() => clearTimeout(timer));
  // A signal handler is ending everything: say nothing about the children that it killed.
  if (stopping) await new Promise(() => {});
  const output = Buffer.concat(chunks).toString();
  if (code !== 0 && !allowFailure) {
    const what = [command, ...args].join(' ');
    const why = timedOut ? `did not end within ${timeoutMs / 1000} s` : `ended with exit code ${code}`;
    throw new PlainError(`${output ? `${output.trimEnd()}\n\n` : ''}\`${what}\` ${why}.`);
  }
  return { code, output };
}

/** Runs npm with this Node, whether or not the script itself was started by npm. */
export function npm(args, options = {}) {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('.js')) return run(process.execPath, [cli, ...args], options);
  return run(isWindows ? 'npm.cmd' : 'npm', args, { shell: isWindows, ...options });
}

/** The environment without what an outer npm, VS Code or Electron put into it: a nested one would obey it. */
export function cleanEnvironment(extra = {}) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(VSCODE_|npm_|ELECTRON_|INIT_CWD$|NODE_OPTIONS$)/i.test(name),
  );
  return { ...Object.fromEntries(kept), ...extra };
}
