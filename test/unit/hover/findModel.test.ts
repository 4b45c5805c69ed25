import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findModel } from '../../../src/hover/findModel';
import { hubAddress, hubName, ollamaName } from '../../../src/hover/hubNames';
import { noWords } from '../../../src/hover/loadWords';
import type { ModelMention } from '../../../src/hover/modelMention';

describe('names', () => {
  it('tells names on the Hub from paths', () => {
    expect(hubName('org/name')).toMatchObject({ name: 'org/name' });
    expect(hubName('org/name:Q4_K_M')).toMatchObject({ name: 'org/name', tag: 'Q4_K_M' });
    expect(hubName('org/name@v1')).toMatchObject({ name: 'org/name', revision: 'v1' });
    expect(hubName('gpt2')).toBeUndefined();
    expect(hubName('gpt2', true)).toMatchObject({ name: 'gpt2' });
    for (const text of [
      './x',
      '/x',
      '../x',
      'a/b/c',
      'a/b.gguf',
      'a b/c',
      '~/x',
      'a//b',
      '-a/b',
      'a/b.',
      'a--b/c',
      '',
    ])
      expect(hubName(text, true), text).toBeUndefined();
  });

  it('reads addresses', () => {
    expect(hubAddress('hf:org/name')).toMatchObject({ name: 'org/name' });
    expect(hubAddress('hf://org/name/x/y.gguf')).toMatchObject({ name: 'org/name', file: 'x/y.gguf' });
    expect(hubAddress('hf.co/org/name:Q8_0')).toMatchObject({ name: 'org/name', tag: 'Q8_0' });
    expect(hubAddress('https://huggingface.co/org/name/blob/main/a.gguf')).toMatchObject({
      name: 'org/name',
      revision: 'main',
      file: 'a.gguf',
    });
    expect(hubAddress('https://huggingface.co/org/name?library=x#y')).toMatchObject({ name: 'org/name' });
    expect(hubAddress('https://huggingface.co/datasets/org/name')).toBeUndefined();
    expect(hubAddress('https://example.org/org/name')).toBeUndefined();
    expect(hubAddress('org/name')).toBeUndefined();
  });

  it("reads Ollama's names", () => {
    const host = 'registry.ollama.ai';
    expect(ollamaName('llama3.2')).toEqual({ host, repository: 'library/llama3.2', tag: 'latest' });
    expect(ollamaName('me/model:7b')).toEqual({ host, repository: 'me/model', tag: '7b' });
    expect(ollamaName('hf.co/org/name:Q4')).toEqual({ host: 'hf.co', repository: 'org/name', tag: 'Q4' });
    for (const text of ['../../x', 'a:b:c', 'a/b/c/d', '', '/etc/passwd', 'a/..', '..:x'])
      expect(ollamaName(text), text).toBeUndefined();
  });
});

describe('findModel', () => {
  let root: string;
  let outside: string;
  const mention = (text: string, kind: ModelMention['kind'], load = noWords()): ModelMention => ({
    text,
    kind,
    line: 0,
    start: 0,
    end: 1,
    load,
  });
  const find = (text: string, kind: ModelMention['kind'], isTrusted = true, load = noWords()) =>
    findModel(mention(text, kind, load), { folder: join(root, 'src'), roots: [root], isTrusted });

  beforeAll(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'loupe-find-')));
    outside = realpathSync(mkdtempSync(join(tmpdir(), 'loupe-outside-')));
    const put = (path: string, text = '') => {
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, text);
    };
    put(join(root, 'src', 'a.gguf'));
    put(join(root, 'models', 'm', 'model.safetensors'));
    put(join(root, 'bare', 'config.json'));
    put(join(root, 'docs', 'x.txt'));
    put(join(root, 'org', 'local', 'model.safetensors'));
    put(join(outside, 'b.gguf'));
    put(join(root, 'hub', 'models--org--cached', 'snapshots', 'c0', 'config.json'));
    put(join(root, 'ollama', 'manifests', 'registry.ollama.ai', 'library', 'tiny', 'latest'));
    vi.stubEnv('HF_HUB_CACHE', join(root, 'hub'));
    vi.stubEnv('OLLAMA_MODELS', join(root, 'ollama'));
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    for (const folder of [root, outside]) rmSync(folder, { recursive: true });
  });

  const here = (...parts: string[]) => ({ at: 'here', place: { kind: 'path', path: join(root, ...parts) } });

  it('finds files and folders beside the document, then in the workspace', async () => {
    expect(await find('a.gguf', 'path')).toEqual(here('src', 'a.gguf'));
    expect(await find('models/m', 'path')).toEqual(here('models', 'm'));
    expect(await find('../models/m/model.safetensors', 'path')).toEqual(
      here('models', 'm', 'model.safetensors'),
    );
    expect(await find('bare', 'model')).toEqual(here('bare'));
    expect(await find('docs', 'path')).toBeUndefined();
    expect(await find('docs/x.txt', 'path')).toBeUndefined();
  });

  it('prefers a folder of that name to the Hub', async () => {
    expect(await find('org/local', 'model')).toEqual(here('org', 'local'));
  });

  it('looks outside of the workspace only where it is trusted', async () => {
    const path = join(outside, 'b.gguf');
    expect(await find(path, 'path', true)).toEqual({ at: 'here', place: { kind: 'path', path } });
    expect(await find(path, 'path', false)).toBeUndefined();
    expect(await find('//server/share/x.gguf', 'path')).toBeUndefined();
    expect(await find('\\\\server\\share\\x.gguf', 'path')).toBeUndefined();
  });

  it('looks into the caches of this machine', async () => {
    const folder = join(root, 'hub', 'models--org--cached');
    expect(await find('org/cached', 'model')).toEqual({ at: 'here', place: { kind: 'cache', folder } });
    const load = { ...noWords(), file: '*q4_k_m.gguf', revision: 'v2' };
    expect(await find('org/cached', 'model', true, load)).toEqual({
      at: 'here',
      place: { kind: 'cache', folder, tag: 'q4_k_m', revision: 'v2' },
    });
    expect(await find('tiny', 'ollama')).toMatchObject({
      place: { kind: 'ollama', manifest: expect.arrayContaining(['tiny', 'latest']) },
    });
    expect(await find('huge', 'ollama')).toBeUndefined();
  });

  it('takes org/name anywhere for a model that the cache has', async () => {
    const folder = join(root, 'hub', 'models--org--cached');
    expect(await find('org/cached', 'path')).toEqual({ at: 'here', place: { kind: 'cache', folder } });
  });

  it('names the Hub only where the place names models', async () => {
    expect(await find('org/other', 'model')).toEqual({
      at: 'hub',
      name: { name: 'org/other', revision: undefined },
    });
    expect(await find('org/other', 'perhaps')).toMatchObject({ at: 'hub' });
    expect(await find('org/other', 'path')).toBeUndefined();
    expect(await find('gpt2', 'perhaps')).toBeUndefined();
    expect(await find('gpt2', 'model')).toMatchObject({ at: 'hub', name: { name: 'gpt2' } });
    expect(await find('hf:org/other', 'path')).toMatchObject({ at: 'hub' });
  });
});
