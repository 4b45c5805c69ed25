/** Reads what lies beside a Hugging Face model's weights and makes a GGUF file's tokenizer. */
import { readdir, readFile, stat } from 'node:fs/promises';
import * as path from 'node:path';
import type { ChatTemplate, TokenizerFiles } from '../../../convert/tokenizer/tokenizerFiles';
import { LoupeError } from '../../../errors';
import { asRecord, readJsonObject } from '../../../formats/jsonSidecar';

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
    additionalTemplates: template && (await additionalTemplates(folder)),
    chatTemplateJson: await json('chat_template.json', otherCapBytes),
    pooling: await poolingOf(folder),
  };
}

const templateFolder = 'additional_chat_templates';
/** More templates than any model has. */
const templateCap = 64;

/** Templates for other uses than a chat, by their files' names, in the order of these. */
async function additionalTemplates(folder: string): Promise<ChatTemplate[]> {
  const names = (await present(() => readdir(path.join(folder, templateFolder)))) ?? [];
  const files = names.filter((name) => name.endsWith('.jinja')).sort();
  if (files.length > templateCap)
    throw new LoupeError(
      'malformed',
      `There are ${files.length} templates; at most ${templateCap} are read.`,
      {
        file: path.join(folder, templateFolder),
      },
    );
  return Promise.all(
    files.map(async (name) => ({
      name: path.basename(name, '.jinja'),
      template: new TextDecoder().decode(
        await readBounded(path.join(folder, templateFolder, name), otherCapBytes),
      ),
    })),
  );
}

/** The config of the first module of modules.json that pools. */
async function poolingOf(folder: string): Promise<TokenizerFiles['pooling']> {
  const bytes = await present(() => readBounded(path.join(folder, 'modules.json'), otherCapBytes));
  if (!bytes) return undefined;
  const file = path.join(folder, 'modules.json');
  const modules = parsed(new TextDecoder().decode(bytes), file);
  const module = (Array.isArray(modules) ? modules : [])
    .map(asRecord)
    .find((entry) => typeof entry?.type === 'string' && entry.type.endsWith('Pooling'));
  const place = module?.path;
  if (place === undefined) return undefined;
  // A name within the model's folder, and nothing else.
  if (typeof place !== 'string' || !/^[\w-][\w.-]{0,99}$/.test(place))
    throw new LoupeError('malformed', 'modules.json names a module that is no folder of the model.', {
      file,
    });
  return readJsonObject(path.join(folder, place, 'config.json'), otherCapBytes);
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new LoupeError('malformed', `It is no JSON: ${String(thrown)}`, { file });
  }
}

/** Of those that opening a model does not read: to be compared, in order to see whether one has changed since. */
export async function tokenizerStamp(folder: string): Promise<string> {
  const names = [
    ...[
      'tokenizer.json',
      'tokenizer.model',
      'added_tokens.json',
      'chat_template.jinja',
      'chat_template.json',
    ],
    ...['modules.json', templateFolder, path.join('1_Pooling', 'config.json')],
  ];
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
