/** The real forked engine for tests, and folders and files for it to work on. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { EngineClient, type EngineClientOptions } from '../../../src/engine/client';
import { LoupeError } from '../../../src/errors';
import type { QuantizeRequest } from '../../../src/protocol/engineApi';
import { makeSafetensors, type TensorFixture } from '../../fixtures/makeCheckpoint';

const repository = fileURLToPath(new URL('../../../', import.meta.url));

export const enginePath = join(repository, 'dist/engine.js');
export const demoModel = join(repository, 'examples/demo-llama-3m');
export const outlierModel = join(repository, 'examples/demo-llama-3m-outliers');

/** Registered while the test file is loaded, so that it sees what single tests make too. */
const engines: EngineClient[] = [];
const folders: string[] = [];
afterAll(() => {
  for (const engine of engines) engine.dispose();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** An engine that ends with the test file. */
export function startEngine(options: Partial<EngineClientOptions> = {}): EngineClient {
  const engine = new EngineClient({ enginePath, ...options });
  engines.push(engine);
  return engine;
}

/** A folder that is removed after the test file. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tensor-loupe-test-')));
  folders.push(folder);
  return folder;
}

/** Writes a model of one file, with its folder, and returns the file's path. */
export function writeModel(path: string, tensors: readonly TensorFixture[]): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, makeSafetensors(tensors, { format: 'pt' }));
  return path;
}

/** Numbers in -1..1 that are the same in every run. */
export function randomValues(count: number, seed = 1): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export const request = (path: string, out: string, more: Partial<QuantizeRequest> = {}): QuantizeRequest => ({
  path,
  out,
  scheme: 'int8-absmax',
  granularity: 'row',
  backend: 'cpu',
  overwrite: false,
  pure: false,
  dryRun: false,
  ...more,
});

/** The LoupeError that a promise rejects with; fails when it resolves. */
export async function failureOf(promise: Promise<unknown>): Promise<LoupeError> {
  try {
    await promise;
  } catch (thrown) {
    if (thrown instanceof LoupeError) return thrown;
    throw thrown;
  }
  throw new Error('it did not fail');
}
