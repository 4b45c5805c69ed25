/** Reads what lies beside a Hugging Face model's weights and makes a GGUF file's tokenizer. */
import { readdir } from 'node:fs/promises';
import * as path from 'node:path';
import { openFileSource } from '../../../bytes/byteSource';
import { fileStamp } from '../../../bytes/fileStamp';
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
  const files = await templateNames(folder);
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

/** Names of the files in the folder of templates, sorted; none where there is no such folder. */
async function templateNames(folder: string): Promise<string[]> {
  const names = (await present(() => readdir(path.join(folder, templateFolder)))) ?? [];
  return names.filter((name) => name.endsWith('.jinja')).sort();
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
    ...['modules.json', path.join('1_Pooling', 'config.json')],
  ];
  // The folder's own time tells of files that come and go, and of none that is written anew.
  const templates = (await templateNames(folder).catch(() => [])).slice(0, templateCap + 1);
  names.push(...templates.map((name) => path.join(templateFolder, name)));
  const stamps = await Promise.all(names.map((name) => fileStamp(path.join(folder, name))));
  return names.map((name, at) => `${name} ${stamps[at]}`).join(', ');
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
  const source = await openFileSource(file);
  try {
    const { size } = source;
    if (size > capBytes)
      throw new LoupeError('malformed', `It has ${size} bytes; at most ${capBytes} are read.`, { file });
    return await source.read(0, size);
  } finally {
    await source.close();
  }
}
