/** Pages through a long array: of a GGUF file's metadata, or the vocabulary of the tokenizer.json beside a model. */
import { openFileSource } from '../bytes/byteSource';
import { LoupeError } from '../errors';
import { readGgufArray } from '../formats/gguf/reader';
import { readTokens } from '../formats/tokenizerFile';
import type { EngineContract, MetadataSlice } from '../protocol/engineApi';
import type { OpenedCheckpoint } from './checkpointCache';
import { headerCapBytes } from './headerCap';

const mostValues = 4096;
/** As the heads of arrays are cut, too. */
const longestText = 1024;

/** Vocabularies that were asked for, as long as their model is open. */
const vocabularies = new WeakMap<object, Promise<readonly string[]>>();

/**
 * Values of the array from `start` on. The array is found by walking the header, which is bounded as in opening; the
 * key "tokenizer.json" means the tokens of that file by id. Throws `usage` for a range that is none and for a key
 * without an array, `not-found` without a tokenizer.json, and `unsupported` for other keys of other formats.
 */
export async function metadataSliceJob(
  { checkpoint }: OpenedCheckpoint,
  { key, start, count }: EngineContract['metadataSlice']['params'],
  { signal }: { readonly signal: AbortSignal },
): Promise<MetadataSlice> {
  const file = checkpoint.path;
  const isVocabulary = key === 'tokenizer.json';
  if (checkpoint.format !== 'gguf' && !isVocabulary)
    throw new LoupeError('unsupported', 'Only GGUF files have arrays in their metadata.', { file });
  if (!Number.isSafeInteger(start) || start < 0 || !Number.isSafeInteger(count) || count < 1)
    throw new LoupeError('usage', 'A slice needs a start from 0 and a count from 1 on.', { file });
  if (isVocabulary) {
    const tokens = await vocabularyOf(checkpoint);
    const values = tokens
      .slice(start, start + Math.min(count, mostValues))
      .map((text) => (text.length > longestText ? `${text.slice(0, longestText - 1)}…` : text));
    return { key, type: 'string', length: tokens.length, start, values };
  }
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

function vocabularyOf(checkpoint: OpenedCheckpoint['checkpoint']): Promise<readonly string[]> {
  let reading = vocabularies.get(checkpoint);
  if (!reading) {
    reading = readTokens(checkpoint.folder);
    vocabularies.set(checkpoint, reading);
    reading.catch(() => vocabularies.delete(checkpoint));
  }
  return reading;
}
