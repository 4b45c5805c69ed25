/** Which files make a model, and what the caches of other programs hold. */
import { link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheFolders } from '../../../src/formats/localModels/cacheFolders';
import { hubCacheModels } from '../../../src/formats/localModels/hubCacheModels';
import { measureModel } from '../../../src/formats/localModels/localModel';
import { groupModelFiles, mayBeModelFile } from '../../../src/formats/localModels/modelGroups';
import { ollamaModels } from '../../../src/formats/localModels/ollamaModels';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loupe-local-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(name: string, content: string | Uint8Array = 'x'): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

async function linkTo(name: string, target: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await symlink(relative(dirname(path), join(folder, target)), path);
  return path;
}

const hash = (digit: string) => digit.repeat(64);

describe('files of models', () => {
  it('are told by their names', () => {
    const names = [
      'a.safetensors',
      'b.gguf',
      'c.onnx',
      'd.pt',
      'pytorch_model.bin',
      'x.safetensors.index.json',
    ];
    expect(names.filter(mayBeModelFile)).toEqual(names);
    const others = [
      'optimizer.pt',
      'training_args.bin',
      'data.bin',
      'x.npy',
      'config.json',
      'index.json',
      'rng_state_0.pth',
    ];
    expect(others.filter(mayBeModelFile)).toEqual([]);
  });

  it('go together by an index, by their numbers, or stand alone', async () => {
    const index = { weight_map: { a: 'model-00001-of-00002.safetensors', b: 'odd.safetensors' } };
    const paths = [
      await put('llama/model.safetensors.index.json', JSON.stringify(index)),
      await put('llama/model-00001-of-00002.safetensors'),
      await put('llama/odd.safetensors'),
      await put('m-00002-of-00002.gguf'),
      await put('m-00001-of-00002.gguf'),
      await put('bert/model.safetensors'),
      await put('bert/model.fp16.safetensors'),
      await put('notes.txt'),
    ];
    const groups = await groupModelFiles(paths);
    expect(groups.map(({ path, name, files }) => [relative(folder, path), name, files.length])).toEqual([
      [join('bert', 'model.fp16.safetensors'), 'model.fp16', 1],
      [join('bert', 'model.safetensors'), 'bert', 1],
      [join('llama', 'model.safetensors.index.json'), 'llama', 3],
      ['m-00001-of-00002.gguf', 'm', 2],
    ]);
  });

  it('go by their numbers where the index is broken', async () => {
    const paths = [
      await put('x/model.safetensors.index.json', '{'),
      await put('x/model-00001-of-00002.safetensors'),
      await put('x/model-00002-of-00002.safetensors'),
    ];
    const groups = await groupModelFiles(paths);
    expect(groups.map(({ path, files }) => [relative(folder, path), files.length])).toEqual([
      [join('x', 'model-00001-of-00002.safetensors'), 2],
    ]);
  });

  it('count once on the disk, whatever leads to them', async () => {
    const path = await put('a.gguf', 'four');
    await link(path, join(folder, 'b.gguf'));
    const soft = await linkTo('c.gguf', 'a.gguf');
    const files = [path, join(folder, 'b.gguf'), soft, join(folder, 'gone.gguf')];
    const model = await measureModel({ path, name: 'a', files }, 'workspace');
    expect(model).toMatchObject({ bytes: 4, missing: 1 });
    expect(
      await measureModel({ path, name: 'a', files: [join(folder, 'gone.gguf')] }, 'workspace'),
    ).toBeUndefined();
  });
});

describe("the Hub's cache", () => {
  it('gives the models of each snapshot, those of main first, shared files once', async () => {
    const repository = 'models--org--small';
    await put(`${repository}/blobs/${hash('a')}`, 'weights');
    await put(`${repository}/blobs/${hash('b')}`, 'older weights');
    await put(`${repository}/refs/main`, 'c2');
    await linkTo(`${repository}/snapshots/c2/model.safetensors`, `${repository}/blobs/${hash('a')}`);
    await linkTo(`${repository}/snapshots/c1/model.safetensors`, `${repository}/blobs/${hash('a')}`);
    await linkTo(`${repository}/snapshots/c0/model.safetensors`, `${repository}/blobs/${hash('b')}`);
    await linkTo(`${repository}/snapshots/c2/onnx/model.onnx`, `${repository}/blobs/${hash('c')}`);
    const many = 'models--org--many-gguf';
    await put(`${many}/snapshots/c/Q4_K_M/x-00001-of-00002.gguf`, '1');
    await put(`${many}/snapshots/c/Q4_K_M/x-00002-of-00002.gguf`, '2');
    await put(`${many}/snapshots/c/y-f16.gguf`, '345');
    await put('datasets--org--data/snapshots/c/z.gguf');
    const models = await hubCacheModels(folder);
    expect(models.map(({ name, bytes, place }) => [name, bytes, place]).sort()).toEqual([
      ['org/many-gguf: Q4_K_M/x', 2, 'huggingFace'],
      ['org/many-gguf: y-f16', 3, 'huggingFace'],
      ['org/small', 13, 'huggingFace'],
      // The link in onnx/ leads nowhere: its download has not finished.
      ['org/small', 7, 'huggingFace'],
    ]);
  });

  it('is where the environment says', () => {
    const at = (environment: Record<string, string>) => cacheFolders(environment, '/home/me').hub;
    expect(at({})).toBe(join('/home/me', '.cache', 'huggingface', 'hub'));
    expect(at({ XDG_CACHE_HOME: '/x' })).toBe(join('/x', 'huggingface', 'hub'));
    expect(at({ HF_HOME: '~/hf', XDG_CACHE_HOME: '/x' })).toBe(join('/home/me', 'hf', 'hub'));
    expect(at({ HF_HUB_CACHE: '/hub', HF_HOME: '/hf' })).toBe('/hub');
    expect(at({ HUGGINGFACE_HUB_CACHE: '/old', HF_HUB_CACHE: ' ' })).toBe('/old');
    expect(cacheFolders({ OLLAMA_MODELS: '/o' }, '/home/me').ollama).toBe('/o');
  });
});

describe("ollama's store", () => {
  const manifest = (digit: string, weights: string) =>
    JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: 'application/vnd.docker.container.image.v1+json', digest: `sha256:${hash('f')}` },
      layers: [
        { mediaType: 'application/vnd.ollama.image.template', digest: `sha256:${hash(digit)}`, size: 1 },
        { mediaType: 'application/vnd.ollama.image.model', digest: weights, size: 5 },
      ],
    });

  it('gives each file of weights once, under the names of its tags', async () => {
    const library = 'manifests/registry.ollama.ai/library';
    await put(`blobs/sha256-${hash('a')}`, 'llama');
    await put(`${library}/llama3.2/3b`, manifest('1', `sha256:${hash('a')}`));
    await put(`${library}/llama3.2/latest`, manifest('1', `sha256:${hash('a')}`));
    await put(`blobs/sha256-${hash('b')}`, 'other');
    await put('manifests/hf.co/org/repo/Q4_K_M', manifest('2', `sha256:${hash('b')}`));
    await put(`${library}/gone/latest`, manifest('3', `sha256:${hash('c')}`));
    // What a manifest names becomes no path outside of blobs/.
    await put(`${library}/evil/latest`, manifest('4', 'sha256:../../../etc/passwd'));
    await put(`${library}/broken/latest`, '{');
    const models = await ollamaModels(folder);
    expect(models.map(({ name, path, bytes }) => [name, relative(folder, path), bytes])).toEqual([
      ['hf.co/org/repo:Q4_K_M', join('blobs', `sha256-${hash('b')}`), 5],
      ['llama3.2:3b, llama3.2:latest', join('blobs', `sha256-${hash('a')}`), 5],
    ]);
  });

  it('may not be there', async () => {
    expect(await ollamaModels(join(folder, 'none'))).toEqual([]);
    expect(await hubCacheModels(join(folder, 'none'))).toEqual([]);
  });
});
