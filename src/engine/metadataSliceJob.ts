/** Pages through a long array of a GGUF file's metadata, such as its vocabulary. */
import { openFileSource } from '../bytes/byteSource';
import { LoupeError } from '../errors';
import { readGgufArray } from '../formats/gguf/reader';
import type { EngineContract, MetadataSlice } from '../protocol/engineApi';
import type { OpenedCheckpoint } from './checkpointCache';
import { headerCapBytes } from './headerCap';

const mostValues = 4096;

/**
 * Values of the array from `start` on. The array is found by walking the header, which is bounded as in opening.
 * Throws `usage` for a range that is none and for a key without an array, and `unsupported` for other formats.
 */
export async function metadataSliceJob(
  { checkpoint }: OpenedCheckpoint,
  { key, start, count }: EngineContract['metadataSlice']['params'],
  { signal }: { readonly signal: AbortSignal },
): Promise<MetadataSlice> {
  const file = checkpoint.path;
  if (checkpoint.format !== 'gguf')
    throw new LoupeError('unsupported', 'Only GGUF files have arrays in their metadata.', { file });
  if (!Number.isSafeInteger(start) || start < 0 || !Number.isSafeInteger(count) || count < 1)
    throw new LoupeError('usage', 'A slice needs a start from 0 and a count from 1 on.', { file });
  // The parts of a split model repeat some keys: as in the catalogue, the first file's value counts.
  for (const { path } of checkpoint.files) {
    const source = await openFileSource(path);
    try {
      const range = { key, start, take: Math.min(count, mostValues) };
      const slice = await readGgufArray(source, range, { signal, headerCapBytes: headerCapBytes() });
      if (slice) return { key, start, ...slice };
    } finally {
      await source.close();
    }
  }
  throw new LoupeError('usage', `The metadata have no array ${JSON.stringify(key.slice(0, 120))}.`, { file });
}
