import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unfinishedRecordName } from '../../../src/engine/quantize/temporaryOutput';
import type { QuantizeRequest } from '../../../src/protocol/engineApi';
import { fileHash } from '../../fixtures/fileHash';
import { bf16Data } from '../../fixtures/makeCheckpoint';
import { randomValues, request, writeModel } from './support';

export const largeTensors = 24;

/**
 * Writes it as `folder`/model.safetensors with a configuration, and returns the file's path. With `times` as many tensors, whose
 * values repeat themselves.
 */
export function writeLarge(folder: string, times = 1): string {
  const data = Array.from({ length: largeTensors }, (_, i) => bf16Data(randomValues(2 ** 19, i + 1)));
  const tensors = Array.from({ length: times * largeTensors }, (_, i) => ({
    name: `layers.${i}.proj.weight`,
    dtype: 'BF16',
    shape: [512, 1024],
    data: data[i % largeTensors]!,
  }));
  const path = writeModel(join(folder, 'model.safetensors'), tensors);
  writeFileSync(join(folder, 'config.json'), '{}');
  return path;
}

/** A job that takes a second or more: the search of scales runs per block. */
export const slowRequest = (path: string, out: string, more: Partial<QuantizeRequest> = {}) =>
  request(path, out, { scheme: 'int4-absmax', granularity: 'block', blockSize: 32, clip: 'mse', ...more });

/** SHA-256 of each file of a folder, by name. */
export const hashesOf = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, fileHash(join(folder, name))]),
  );

export const hiddenIn = (parent: string) => readdirSync(parent).filter((name) => name.startsWith('.'));

export async function until(condition: () => boolean, what: string, stepMs = 5): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, stepMs));
  }
  throw new Error(`never happened: ${what}`);
}

/** How many tensors the records of hidden folders beside an output call finished, those of finished shards among them. */
export function tensorsNotedIn(parent: string): number {
  return hiddenIn(parent).reduce((sum, name) => {
    try {
      const record = JSON.parse(readFileSync(join(parent, name, unfinishedRecordName), 'utf8'));
      const shards = [...record.shards, ...(record.begun ? [record.begun] : [])];
      return shards.reduce((count: number, { rows }) => count + rows.length, sum);
    } catch {
      return sum;
    }
  }, 0);
}

/** Names of the shards that the records of hidden folders beside an output call finished. */
export function finishedIn(parent: string): string[] {
  return hiddenIn(parent).flatMap((name) => {
    try {
      const record = JSON.parse(readFileSync(join(parent, name, unfinishedRecordName), 'utf8'));
      return record.shards.map((shard: { name: string }) => shard.name);
    } catch {
      return [];
    }
  });
}
