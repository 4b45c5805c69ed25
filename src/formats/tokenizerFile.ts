/** The vocabulary of a tokenizer.json (Hugging Face tokenizers) beside the weights. */
import { join } from 'node:path';
import { type FileStore, localFiles } from '../bytes/fileStore';
import { LoupeError } from '../errors';
import { asRecord, readJsonObject } from './jsonSidecar';

/** The largest known ones have about 35 MB. */
const capBytes = 128 * 1024 * 1024;

/**
 * Tokens by id: those of the model, then the added ones at their ids. "" where no token has an id. Throws `not-found`
 * without the file, and `malformed` when it is no tokenizer or its ids leave more places empty than it has tokens.
 */
export async function readTokens(folder: string, files: FileStore = localFiles): Promise<readonly string[]> {
  const path = join(folder, 'tokenizer.json');
  const root = await readJsonObject(path, capBytes, files);
  const model = asRecord(root.model);
  const pairs: [number, string][] = [];
  const add = (id: unknown, text: unknown) => {
    if (typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 && typeof text === 'string')
      pairs.push([id, text]);
  };
  const vocabulary = asRecord(model?.vocab);
  if (vocabulary) for (const [text, id] of Object.entries(vocabulary)) add(id, text);
  // Unigram models list pairs of a token and its score; the place is the id.
  else if (Array.isArray(model?.vocab))
    for (const [id, entry] of model.vocab.entries()) add(id, Array.isArray(entry) ? entry[0] : undefined);
  else throw new LoupeError('malformed', 'tokenizer.json holds no vocabulary.', { file: path });
  if (Array.isArray(root.added_tokens))
    for (const entry of root.added_tokens) {
      const token = asRecord(entry);
      add(token?.id, token?.content);
    }
  const length = pairs.reduce((most, [id]) => Math.max(most, id + 1), 0);
  // Ids are what the file claims: an array as long as the largest must be mostly filled.
  if (length > 2 * pairs.length + 1024)
    throw new LoupeError(
      'malformed',
      `tokenizer.json has ${pairs.length} tokens, but ids up to ${length - 1}.`,
      {
        file: path,
      },
    );
  const tokens = new Array<string>(length).fill('');
  for (const [id, text] of pairs) tokens[id] = text;
  return tokens;
}
