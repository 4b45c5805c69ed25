/** The built command line, called as a script would call it. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';

export const root = path.resolve(import.meta.dirname, '../..');
export const cli = path.join(root, 'dist/cli.js');
/** The demo model's folder. */
export const demo = path.join(root, 'examples/demo-llama-3m');

/** A folder that goes with the tests of a file. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'loupe-cli-')));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs one command to its end. */
export function run(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [cli, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 120_000,
  });
}

/** Runs with --json and expects exactly one document on stdout. */
// biome-ignore lint/suspicious/noExplicitAny: the documents are checked field by field.
export function json(...args: string[]): { status: number | null; document: any } {
  const result = run(...args, '--json');
  return { status: result.status, document: JSON.parse(result.stdout) };
}
