/** What is read beside a model's weights for a GGUF file. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readTokenizerFiles, tokenizerStamp } from '../../../../src/engine/quantize/gguf/tokenizerSidecars';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'loupe-sidecars-'));
  write('config.json', { model_type: 'bert' });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: unknown): void {
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, name), JSON.stringify(content));
}

/** modules.json as sentence-transformers writes it. */
const modules = (place: unknown) => [
  { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
  { idx: 1, name: '1', path: place, type: 'sentence_transformers.models.Pooling' },
];

it('finds how a text becomes one vector', async () => {
  expect((await readTokenizerFiles(folder)).pooling).toBeUndefined();
  write('modules.json', modules('1_Pooling'));
  write('1_Pooling/config.json', { pooling_mode_cls_token: true });
  expect((await readTokenizerFiles(folder)).pooling).toEqual({ pooling_mode_cls_token: true });
});

it.each(['../outside', '/etc', '..', 'a/b', 7])('does not leave the folder for %j', async (place) => {
  write('modules.json', modules(place));
  await expect(readTokenizerFiles(folder)).rejects.toThrow('no folder of the model');
});

it('refuses modules.json that is cut short', async () => {
  writeFileSync(path.join(folder, 'modules.json'), '[{');
  await expect(readTokenizerFiles(folder)).rejects.toThrow('no JSON');
});

it('reads chat templates for other uses, in the order of their names, and the older file', async () => {
  write('additional_chat_templates/ignored.txt', '');
  const text = (name: string, content: string) => writeFileSync(path.join(folder, name), content);
  text('additional_chat_templates/tool_use.jinja', 'T');
  text('additional_chat_templates/rag.jinja', 'R');
  // Without a template for chats they are not those of this model.
  expect((await readTokenizerFiles(folder)).additionalTemplates).toBeUndefined();
  text('chat_template.jinja', 'J');
  write('chat_template.json', { chat_template: 'O' });
  expect(await readTokenizerFiles(folder)).toMatchObject({
    chatTemplate: 'J',
    additionalTemplates: [
      { name: 'rag', template: 'R' },
      { name: 'tool_use', template: 'T' },
    ],
    chatTemplateJson: { chat_template: 'O' },
  });
});

it('refuses a folder of more templates than any model has', async () => {
  writeFileSync(path.join(folder, 'chat_template.jinja'), 'J');
  for (let i = 0; i < 65; i++) write(`additional_chat_templates/${i}.jinja`, '');
  await expect(readTokenizerFiles(folder)).rejects.toThrow('There are 65 templates; at most 64');
});

it.skipIf(process.platform === 'win32')('does not read devices, which have no end', async () => {
  symlinkSync('/dev/zero', path.join(folder, 'tokenizer.model'));
  await expect(readTokenizerFiles(folder)).rejects.toThrow('no regular file');
});

it('notices a template that is written anew where it lay', async () => {
  write('additional_chat_templates/rag.jinja', 'short');
  const before = await tokenizerStamp(folder);
  expect(await tokenizerStamp(folder)).toBe(before);
  write('additional_chat_templates/rag.jinja', 'longer than before');
  expect(await tokenizerStamp(folder)).not.toBe(before);
});
