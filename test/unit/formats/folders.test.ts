/** Split GGUF models, the Hub's cache, adapters, sidecars, and what config.json gets wrong. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Checkpoint } from '../../../src/formats/checkpoint';
import { openCheckpoint } from '../../../src/formats/open';
import { f32Data, type GgufValue, makeGguf, makeSafetensors } from '../../fixtures/makeCheckpoint';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loupe-folders-'));
});
afterEach(() => rm(folder, { recursive: true }));

const put = async (name: string, content: Uint8Array | string) => {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
};
const tensor = (name: string, rows = 1, columns = 2) => ({
  name,
  dtype: 'F32',
  shape: [rows, columns],
  data: f32Data(new Array(rows * columns).fill(0)),
});
const codes = ({ findings }: Checkpoint) => findings.map(({ severity, code }) => `${severity} ${code}`);

describe('a split GGUF model', () => {
  const partName = (i: number, of = 3) =>
    `m-${String(i).padStart(5, '0')}-of-${String(of).padStart(5, '0')}.gguf`;
  const keys = (no: number, count = 3, tensors = 3): GgufValue[] => [
    { key: 'split.no', type: 'u16', value: no },
    { key: 'split.count', type: 'u16', value: count },
    { key: 'split.tensors.count', type: 'i32', value: tensors },
  ];
  const general: GgufValue = { key: 'general.architecture', type: 'string', value: 'llama' };
  const part = (i: number, metadata: GgufValue[]) =>
    makeGguf({ metadata: i === 1 ? [general, ...metadata] : metadata, tensors: [tensor(`t${i}`)] });
  const putParts = async (metadata: (i: number) => GgufValue[]) => {
    for (const i of [1, 2, 3]) await put(partName(i), part(i, metadata(i)));
  };

  it('is one model from its folder and from any part', async () => {
    await putParts((i) => keys(i - 1));
    for (const path of ['', partName(1), partName(3)]) {
      const checkpoint = await openCheckpoint(join(folder, path));
      expect(checkpoint.findings).toEqual([]);
      expect(checkpoint.tensors.map(({ name, file }) => [name, file])).toEqual([
        ['t1', 0],
        ['t2', 1],
        ['t3', 2],
      ]);
      expect(checkpoint.architecture?.name).toBe('llama');
      expect(checkpoint.name).toBe('m');
    }
  });

  it('tells of a missing part', async () => {
    await putParts((i) => keys(i - 1));
    await rm(join(folder, partName(2)));
    const checkpoint = await openCheckpoint(join(folder, partName(3)));
    expect(codes(checkpoint)).toEqual(['error missing-shard']);
    expect(checkpoint.tensors).toHaveLength(2);
  });

  it.each<[string, (i: number) => GgufValue[], string[]]>([
    [
      'parts in another order',
      (i) => keys(3 - i),
      ['error split-contradiction', 'error split-contradiction'],
    ],
    ['another number of parts', (i) => keys(i - 1, 4), new Array(3).fill('error split-contradiction')],
    ['another number of tensors', (i) => keys(i - 1, 3, 9), ['error split-contradiction']],
    ['one that knows nothing of it', (i) => (i === 2 ? [] : keys(i - 1)), ['error split-contradiction']],
    ['none that knows of it', () => [], ['warning split-undeclared']],
  ])('tells of %s', async (_, metadata, expected) => {
    await putParts(metadata);
    const checkpoint = await openCheckpoint(join(folder, partName(1)));
    expect(codes(checkpoint)).toEqual(expected);
    expect(checkpoint.tensors).toHaveLength(3);
  });

  it('tells of a part under a name that does not lead to the others', async () => {
    const path = await put('renamed.gguf', part(2, keys(1)));
    const checkpoint = await openCheckpoint(path);
    expect(codes(checkpoint)).toEqual(['error split-alone']);
    expect(checkpoint.findings[0]!.message).toMatch(/part 2 of 3/);
  });

  it('takes a file that was split into one part for whole', async () => {
    const checkpoint = await openCheckpoint(await put('x.gguf', part(1, keys(0, 1, 1))));
    expect(checkpoint.findings).toEqual([]);
  });
});

describe("the Hub's cache", () => {
  const commit = '0123456789abcdef0123456789abcdef01234567';
  const repository = 'models--some--model-7b';

  async function putCache(): Promise<string> {
    const blob = await put(`${repository}/blobs/aaaa`, makeSafetensors([tensor('a')]));
    const config = await put(`${repository}/blobs/bbbb`, JSON.stringify({ model_type: 'llama' }));
    const snapshot = join(folder, repository, 'snapshots', commit);
    await mkdir(snapshot, { recursive: true });
    await symlink(blob, join(snapshot, 'model.safetensors'));
    await symlink(config, join(snapshot, 'config.json'));
    return snapshot;
  }

  it('opens from the repository, the snapshot and its link, by the names in the snapshot', async () => {
    const snapshot = await putCache();
    await put(`${repository}/refs/main`, `${commit}\n`);
    for (const path of [join(folder, repository), snapshot, join(snapshot, 'model.safetensors')]) {
      const checkpoint = await openCheckpoint(path);
      expect(checkpoint.name).toBe('some/model-7b');
      expect(checkpoint.files.map((file) => file.path)).toEqual([join(snapshot, 'model.safetensors')]);
      expect(checkpoint.architecture?.name).toBe('llama');
      expect(checkpoint.findings).toEqual([]);
    }
  });

  it('takes the only snapshot when refs/main leads nowhere, or out of the cache', async () => {
    await putCache();
    for (const ref of ['fedcba', '../../../..', '..']) {
      await put(`${repository}/refs/main`, ref);
      expect((await openCheckpoint(join(folder, repository))).name).toBe('some/model-7b');
    }
  });

  it('asks to choose among snapshots that no branch names, and says when there is none', async () => {
    await putCache();
    await mkdir(join(folder, repository, 'snapshots', 'other'));
    await expect(openCheckpoint(join(folder, repository))).rejects.toThrow(/2 snapshots/);
    await mkdir(join(folder, 'models--a--b/snapshots'), { recursive: true });
    await expect(openCheckpoint(join(folder, 'models--a--b'))).rejects.toThrow(/not finished/);
  });

  it('tells of a link to a blob that is not there', async () => {
    const snapshot = await putCache();
    await rm(join(folder, repository, 'blobs/aaaa'));
    await expect(openCheckpoint(snapshot)).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('an adapter', () => {
  const lora = { peft_type: 'LORA', r: 16, base_model_name_or_path: 'meta/Llama-3-8B' };

  it('names its kind, rank and base', async () => {
    await put('adapter_model.safetensors', makeSafetensors([tensor('base.lora_A.weight')]));
    await put('adapter_config.json', JSON.stringify(lora));
    const checkpoint = await openCheckpoint(folder);
    expect(checkpoint.architecture).toEqual({ name: 'LoRA r=16 on Llama-3-8B' });
    expect(checkpoint.name).toBe(basename(folder));
    expect(checkpoint.sidecars).toEqual([
      { name: 'adapter_config.json', bytes: JSON.stringify(lora).length, value: lora },
    ]);
    expect(checkpoint.findings).toEqual([]);
  });

  it('leaves the base model beside it what it is', async () => {
    await put('model.safetensors', makeSafetensors([tensor('a')]));
    await put('adapter_model.safetensors', makeSafetensors([tensor('base.lora_A.weight')]));
    await put('adapter_config.json', JSON.stringify(lora));
    await put('config.json', JSON.stringify({ model_type: 'llama', num_hidden_layers: 4 }));
    expect((await openCheckpoint(folder)).architecture?.name).toBe('llama');
    const adapter = await openCheckpoint(join(folder, 'adapter_model.safetensors'));
    expect(adapter.architecture).toEqual({ name: 'LoRA r=16 on Llama-3-8B', layers: 4 });
  });
});

describe('sidecars', () => {
  it('come parsed, in a fixed order, with an error where they cannot be used', async () => {
    await put('model.safetensors', makeSafetensors([tensor('a')]));
    await put('tokenizer_config.json', '{"chat_template":"<b>{{ x }}</b>","__proto__":{"a":1}}');
    await put('generation_config.json', '[1]');
    await put('config.json', '{"model_type":"gpt2"}');
    await put('special_tokens_map.json', `{"a":${'['.repeat(100_000)}`);
    await put('quantize_config.json', `{"a":"${'x'.repeat(5_000_000)}"}`);
    await put('other.json', '{}');
    const { sidecars, findings } = await openCheckpoint(folder);
    expect(sidecars!.map(({ name, error }) => [name, error?.replace(/\d{3,}/g, 'N')])).toEqual([
      ['config.json', undefined],
      ['generation_config.json', 'It is no JSON object.'],
      ['tokenizer_config.json', undefined],
      ['special_tokens_map.json', 'It nests more than 64 levels.'],
      ['quantize_config.json', 'It has N bytes; at most N are read.'],
    ]);
    expect(sidecars![2]!.value!.chat_template).toBe('<b>{{ x }}</b>');
    expect(findings.map(({ code }) => code)).toEqual(new Array(3).fill('sidecar-unreadable'));
  });
});

describe('config.json against the tensors', () => {
  const config = { model_type: 'llama', vocab_size: 8, hidden_size: 4, num_hidden_layers: 2 };
  const layers = (count: number) =>
    Array.from({ length: count }, (_, i) => tensor(`model.layers.${i}.mlp.up_proj.weight`));
  const embedding = (rows: number, columns: number) => tensor('model.embed_tokens.weight', rows, columns);

  it.each<[string, object, ReturnType<typeof tensor>[], string[]]>([
    ['agrees', config, [embedding(8, 4), ...layers(2)], []],
    ['has another vocabulary', config, [embedding(9, 4), ...layers(2)], ['config-shape-differs']],
    ['has another width', config, [embedding(8, 5), ...layers(2)], ['config-shape-differs']],
    ['has more layers', config, [embedding(8, 4), ...layers(1)], ['config-layers-differ']],
    ['has fewer layers', config, [embedding(8, 4), ...layers(3)], ['config-layers-differ']],
    [
      'counts layers for further tokens apart',
      { ...config, num_nextn_predict_layers: 1 },
      [embedding(8, 4), ...layers(3)],
      [],
    ],
    [
      'projects a narrow embedding',
      { ...config, word_embed_proj_dim: 2 },
      [embedding(8, 2), ...layers(2)],
      [],
    ],
    [
      'has another type',
      { ...config, torch_dtype: 'bfloat16' },
      [embedding(8, 4), ...layers(2)],
      ['dtype-differs'],
    ],
  ])('%s', async (_, json, tensors, expected) => {
    await put('model.safetensors', makeSafetensors(tensors));
    await put('config.json', JSON.stringify(json));
    expect((await openCheckpoint(folder)).findings.map(({ code }) => code)).toEqual(expected);
  });

  it('says nothing of layers when a shard is missing', async () => {
    await put('model-00001-of-00002.safetensors', makeSafetensors([...layers(1)]));
    await put('config.json', JSON.stringify(config));
    const { findings } = await openCheckpoint(join(folder, 'model-00001-of-00002.safetensors'));
    expect(findings.map(({ code }) => code)).toEqual(['missing-shard']);
  });
});
