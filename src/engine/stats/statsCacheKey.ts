/** What statistics in the cache hang on: the very files, what the reader made of them, and how figures are defined. */
import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import type { Checkpoint } from '../../formats/checkpoint';
import type { OpenedCheckpoint } from '../checkpointCache';

/** To be raised whenever a figure's definition, or what is told with it, changes: older results are dropped then. */
const statsDefinition = 3;

/** Parameters that figures depend on; undefined stands for the default. */
export interface StatsParameters {
  readonly outlierFactor?: number | undefined;
  readonly int8Threshold?: number | undefined;
}

const catalogueHashes = new WeakMap<Checkpoint, Buffer>();

/**
 * 32 bytes that change with any file's place, identity, size or time (in nanoseconds), with any tensor's name, type,
 * shape or place, with the definition of the figures and with their parameters. Undefined when the files are no longer
 * the ones that were opened.
 */
export async function statsCacheKey(
  { checkpoint }: Pick<OpenedCheckpoint, 'checkpoint'>,
  { outlierFactor, int8Threshold }: StatsParameters,
): Promise<Buffer | undefined> {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([statsDefinition, outlierFactor ?? null, int8Threshold ?? null]));
  for (const file of checkpoint.files) {
    try {
      const path = await realpath(file.path);
      const found = await stat(path, { bigint: true });
      // As the reader saw it: a nanosecond time has no exact double.
      const { size, mtimeMs } = await stat(path);
      if (size !== file.bytes || mtimeMs !== file.mtimeMs) return undefined;
      // Windows has file numbers on some file systems only, and gives them anew on others.
      const identity = process.platform === 'win32' ? [] : [`${found.dev}`, `${found.ino}`];
      hash.update(JSON.stringify([path, ...identity, `${found.size}`, `${found.mtimeNs}`]));
    } catch {
      return undefined;
    }
  }
  return hash.update(catalogueHash(checkpoint)).digest();
}

/** Of everything that decides which bytes are read and how. */
function catalogueHash(checkpoint: Checkpoint): Buffer {
  let known = catalogueHashes.get(checkpoint);
  if (!known) {
    const hash = createHash('sha256');
    for (const { name, dtype, shape, file, byteOffset, bytes, pieces, unreadable } of checkpoint.tensors) {
      const text = JSON.stringify([
        name,
        dtype,
        shape,
        file,
        byteOffset,
        bytes,
        pieces ?? 0,
        unreadable ?? 0,
      ]);
      hash.update(text);
    }
    known = hash.digest();
    catalogueHashes.set(checkpoint, known);
  }
  return known;
}
