/** Reads what lies beside a Hugging Face model's weights and makes a GGUF file's tokenizer. */
import { readFile, stat } from 'node:fs/promises';
import * as path from 'node:path';
import type { TokenizerFiles } from '../../../convert/tokenizer/tokenizerFiles';
import { LoupeError } from '../../../errors';
import { readJsonObject } from '../../../formats/jsonSidecar';

/** The largest known tokenizer.json has about 35 MB, the largest tokenizer.model 5 MB. */
const tokenizerCapBytes = 128 * 2 ** 20;
const otherCapBytes = 16 * 2 ** 20;

/** Files that are absent are left out. Throws `malformed` for one that cannot be used: it would make another tokenizer. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const json = (name: string, cap: number) => present(() => readJsonObject(path.join(folder, name), cap));
  const config = await json('config.json', otherCapBytes);
  if (!config)
    throw new LoupeError(
      'unsupported',
      'There is no config.json beside the weights: nothing tells what the model is.',
      {
        file: path.join(folder, 'config.json'),
      },
    );
  const sentencePiecePath = path.join(folder, 'tokenizer.model');
  const template = await present(() => readBounded(path.join(folder, 'chat_template.jinja'), otherCapBytes));
  return {
    config,
    tokenizerJson: await json('tokenizer.json', tokenizerCapBytes),
    tokenizerConfig: await json('tokenizer_config.json', otherCapBytes),
    addedTokens: await json('added_tokens.json', otherCapBytes),
    sentencePiece: await present(() => readBounded(sentencePiecePath, tokenizerCapBytes)),
    sentencePiecePath,
    chatTemplate: template && new TextDecoder().decode(template),
  };
}

/** Of those that opening a model does not read: to be compared, in order to see whether one has changed since. */
export async function tokenizerStamp(folder: string): Promise<string> {
  const names = ['tokenizer.json', 'tokenizer.model', 'added_tokens.json', 'chat_template.jinja'];
  const stamps = names.map((name) =>
    stat(path.join(folder, name)).then(
      ({ size, mtimeMs }) => `${size} ${mtimeMs}`,
      () => '',
    ),
  );
  return (await Promise.all(stamps)).join(', ');
}

/** undefined where there is no such file. */
async function present<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (thrown) {
    const error = LoupeError.from(thrown);
    if (error.code === 'not-found') return undefined;
    throw error;
  }
}

async function readBounded(file: string, capBytes: number): Promise<Uint8Array> {
  const { size } = await stat(file);
  if (size > capBytes)
    throw new LoupeError('malformed', `It has ${size} bytes; at most ${capBytes} are read.`, { file });
  return readFile(file);
}
