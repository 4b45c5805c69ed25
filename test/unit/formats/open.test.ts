import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CountingSource, countingSource, openFileSource } from '../../../src/bytes/byteSource';
import { toBrief } from '../../../src/engine/catalogue';
import type { Checkpoint } from '../../../src/formats/checkpoint';
import { openCheckpoint } from '../../../src/formats/open';
import { f32Data, makeGguf, makeSafetensors } from '../../fixtures/makeCheckpoint';
import { sharedPath } from '../../fixtures/shared';

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'loupe-open-'));
  folder = join(root, 'some-model');
  await mkdir(folder);
});
afterEach(() => rm(root, { recursive: true }));

const tensor = (name: string, value = 0) => ({
  name,
  dtype: 'F32',
  shape: [2],
  data: f32Data([value, value]),
});
const put = (name: string, content: Uint8Array | string) => writeFile(join(folder, name), content);
const shardName = (i: number, of: number) =>
  `model-${String(i).padStart(5, '0')}-of-${String(of).padStart(5, '0')}.safetensors`;
const names = (checkpoint: Checkpoint) => checkpoint.tensors.map(({ name }) => name);
const told = (checkpoint: Checkpoint) =>
  checkpoint.findings.map(({ severity, code, tensor }) => [severity, code, tensor]);

async function putShards(weightMap: Record<string, string> | undefined, totalSize?: number): Promise<void> {
  await put(shardName(1, 3), makeSafetensors([tensor('a', 1)]));
  await put(shardName(2, 3), makeSafetensors([tensor('b', 2), tensor('c', 3)]));
  await put(shardName(3, 3), makeSafetensors([tensor('d', 4)]));
  if (!weightMap) return;
  const metadata = totalSize === undefined ? {} : { metadata: { total_size: totalSize } };
  await put('model.safetensors.index.json', JSON.stringify({ ...metadata, weight_map: weightMap }));
}
const wholeMap = { a: shardName(1, 3), b: shardName(2, 3), c: shardName(2, 3), d: shardName(3, 3) };

describe('openCheckpoint on a set of shards', () => {
  it('opens the same model from the folder, the index and any shard', async () => {
    await putShards(wholeMap, 32);
    for (const path of ['', 'model.safetensors.index.json', shardName(1, 3), shardName(3, 3)]) {
      const checkpoint = await openCheckpoint(join(folder, path));
      expect(names(checkpoint)).toEqual(['a', 'b', 'c', 'd']);
      expect(checkpoint.tensors.map(({ file }) => file)).toEqual([0, 1, 1, 2]);
      expect(checkpoint.files.map((file) => basename(file.path))).toEqual(
        [1, 2, 3].map((i) => shardName(i, 3)),
      );
      expect(checkpoint.name).toBe('some-model');
      expect(checkpoint.findings).toEqual([]);
    }
  });

  it('finds the set by its names when there is no index', async () => {
    await putShards(undefined);
    for (const path of ['', shardName(2, 3)]) {
      const checkpoint = await openCheckpoint(join(folder, path));
      expect(names(checkpoint)).toEqual(['a', 'b', 'c', 'd']);
      expect(checkpoint.findings).toEqual([]);
    }
  });

  it.each([true, false])('tells of a missing shard (index: %s)', async (withIndex) => {
    await putShards(withIndex ? wholeMap : undefined);
    await rm(join(folder, shardName(2, 3)));
    const checkpoint = await openCheckpoint(join(folder, shardName(1, 3)));
    expect(names(checkpoint)).toEqual(['a', 'd']);
    expect(told(checkpoint)).toEqual([['error', 'missing-shard', undefined]]);
    expect(checkpoint.findings[0]!.message).toMatch(withIndex ? /lacks 2 tensors/ : /lacks its tensors/);
    expect(checkpoint.tensors[1]!.file).toBe(1);
  });

  it('shows the rest when one shard is broken', async () => {
    await putShards(wholeMap);
    await put(shardName(3, 3), 'version https://git-lfs.github.com/spec/v1\n');
    const checkpoint = await openCheckpoint(folder);
    expect(names(checkpoint)).toEqual(['a', 'b', 'c']);
    expect(told(checkpoint)).toEqual([['error', 'unreadable-shard', undefined]]);
    expect(checkpoint.findings[0]!.message).toMatch(/lacks 1 tensor\..*Git LFS/);
  });

  it('refuses when no shard is there', async () => {
    await put('model.safetensors.index.json', JSON.stringify({ weight_map: wholeMap }));
    await expect(openCheckpoint(folder)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('never opens what lies outside of the folder', async () => {
    await writeFile(join(root, 'secret.safetensors'), makeSafetensors([tensor('secret')]));
    await putShards({
      ...wholeMap,
      up: '../secret.safetensors',
      absolute: join(root, 'secret.safetensors'),
      hidden: 'x/../../secret.safetensors',
      windows: '..\\secret.safetensors',
      drive: 'C:secret.safetensors',
    });
    const opened: string[] = [];
    const openSource = (path: string) => {
      opened.push(path);
      return openFileSource(path);
    };
    const checkpoint = await openCheckpoint(folder, { openSource });
    expect(names(checkpoint)).toEqual(['a', 'b', 'c', 'd']);
    expect(opened.every((path) => path.startsWith(folder))).toBe(true);
    expect(told(checkpoint)).toEqual(
      ['up', 'absolute', 'hidden', 'windows', 'drive'].map((name) => ['error', 'index-escapes', name]),
    );
  });

  it('tells where the index and the shards disagree', async () => {
    await putShards({ a: shardName(1, 3), b: shardName(1, 3), d: shardName(3, 3), e: shardName(2, 3) }, 99);
    const checkpoint = await openCheckpoint(folder);
    expect(names(checkpoint)).toEqual(['a', 'b', 'c', 'd']);
    expect(told(checkpoint)).toEqual([
      ['warning', 'index-disagrees', 'b'],
      ['error', 'missing-tensor', 'e'],
      ['warning', 'extra-tensor', 'c'],
      ['info', 'index-total-size', undefined],
    ]);
  });

  it('keeps the tensor that the index means when two shards have it', async () => {
    await putShards({ ...wholeMap, a: shardName(3, 3) });
    await put(shardName(2, 3), makeSafetensors([tensor('a', 8), tensor('b', 2), tensor('c', 3)]));
    await put(shardName(3, 3), makeSafetensors([tensor('a', 9), tensor('d', 4)]));
    const checkpoint = await openCheckpoint(folder);
    const kept = checkpoint.tensors.filter(({ name }) => name === 'a');
    expect(kept.map(({ file }) => basename(checkpoint.files[file]!.path))).toEqual([shardName(3, 3)]);
    expect(told(checkpoint)).toEqual([['error', 'duplicate-tensor', 'a']]);
  });

  it.each([
    ['{', /not valid JSON/],
    ['[]', /no JSON object/],
    ['{"weight_map": []}', /no "weight_map"/],
    ['{"weight_map": {}}', /names no tensor/],
    ['{"weight_map": {"a": 1}}', /no file name for tensor "a"/],
    [`${'['.repeat(100_000)}`, /nests more than/],
  ])('refuses the index %.20s, and does without it for a shard', async (text, message) => {
    await putShards(undefined);
    await put('model.safetensors.index.json', text);
    await expect(openCheckpoint(folder)).rejects.toThrow(message);
    const checkpoint = await openCheckpoint(join(folder, shardName(1, 3)));
    expect(names(checkpoint)).toEqual(['a', 'b', 'c', 'd']);
    expect(told(checkpoint)).toEqual([['warning', 'index-unreadable', undefined]]);
  });

  it('does not believe a name that claims a million shards', async () => {
    await put('model-00001-of-999999.safetensors', makeSafetensors([tensor('a')]));
    const checkpoint = await openCheckpoint(join(folder, 'model-00001-of-999999.safetensors'));
    expect(names(checkpoint)).toEqual(['a']);
    expect(told(checkpoint)).toEqual([['warning', 'implausible-set', undefined]]);
  });

  it("opens a split GGUF as one model with the first part's metadata", async () => {
    const metadata = [{ key: 'general.architecture', type: 'string', value: 'llama' }] as const;
    await put('tiny-00001-of-00002.gguf', makeGguf({ metadata, tensors: [tensor('a')] }));
    await put('tiny-00002-of-00002.gguf', makeGguf({ metadata: [], tensors: [tensor('b')] }));
    const checkpoint = await openCheckpoint(join(folder, 'tiny-00002-of-00002.gguf'));
    expect(checkpoint).toMatchObject({ format: 'gguf', name: 'tiny', architecture: { name: 'llama' } });
    expect(names(checkpoint)).toEqual(['a', 'b']);
  });
});

describe('openCheckpoint on a folder', () => {
  it('takes model.safetensors among others, else the only file', async () => {
    await put('other.safetensors', makeSafetensors([tensor('other')]));
    expect(names(await openCheckpoint(folder))).toEqual(['other']);
    await put('model.safetensors', makeSafetensors([tensor('model')]));
    expect(names(await openCheckpoint(folder))).toEqual(['model']);
  });

  it('says what it finds when that is not one model', async () => {
    await expect(openCheckpoint(folder)).rejects.toThrow(/holds no .safetensors or .gguf/);
    await put('a.gguf', makeGguf({ metadata: [], tensors: [] }));
    await put('b.gguf', makeGguf({ metadata: [], tensors: [] }));
    await expect(openCheckpoint(folder)).rejects.toThrow(/2 models, among them a.gguf and b.gguf/);
  });

  it('tells a missing path from a wrong one', async () => {
    await expect(openCheckpoint(join(folder, 'no'))).rejects.toMatchObject({ code: 'not-found' });
    await mkdir(join(folder, 'x.safetensors'));
    await expect(openCheckpoint(join(folder, 'x.safetensors'))).rejects.toMatchObject({
      code: 'not-a-checkpoint',
    });
  });

  it('follows links, as download caches use them', async () => {
    await writeFile(join(root, 'blob'), makeSafetensors([tensor('a')]));
    await symlink(join(root, 'blob'), join(folder, 'model.safetensors'));
    expect(names(await openCheckpoint(folder))).toEqual(['a']);
  });
});

describe('openCheckpoint and config.json', () => {
  const open = () => openCheckpoint(join(folder, 'w.safetensors'));
  beforeEach(() => put('w.safetensors', makeSafetensors([tensor('a')])));

  it('is named after its file without one, after its folder with one', async () => {
    expect((await open()).name).toBe('w');
    await put('config.json', '{}');
    expect((await open()).name).toBe('some-model');
  });

  it.each([
    [
      { architectures: ['LlamaForCausalLM'], num_hidden_layers: 4, hidden_size: 8 },
      { name: 'LlamaForCausalLM', layers: 4, hiddenSize: 8 },
    ],
    [
      { model_type: 'gpt2', n_layer: 3, n_embd: 6, n_head: 2, n_ctx: 9 },
      { name: 'gpt2', layers: 3, hiddenSize: 6, heads: 2, contextLength: 9 },
    ],
    [
      { architectures: ['X'], text_config: { num_hidden_layers: 5, vocab_size: 7 } },
      { name: 'X', layers: 5, vocabulary: 7 },
    ],
    [{ architectures: ['X'], num_hidden_layers: 'many', hidden_size: -1 }, { name: 'X' }],
    [{ hidden_size: 5 }, undefined],
  ])('reads the architecture of %j', async (config, expected) => {
    await put('config.json', JSON.stringify(config));
    expect((await open()).architecture).toEqual(expected);
  });

  it.each(['{', '[1]', '"x"', '['.repeat(50_000), '\ufffe'])(
    'does without an unusable one: %.10s',
    async (text) => {
      await put('config.json', text);
      const checkpoint = await open();
      expect(checkpoint.config).toBeUndefined();
      expect(told(checkpoint)).toEqual([['warning', 'config-unreadable', undefined]]);
    },
  );

  it('is not harmed by keys that name prototypes', async () => {
    await put('config.json', '{"__proto__":{"model_type":"evil"},"constructor":1}');
    expect((await open()).architecture).toBeUndefined();
  });

  it('mentions a dtype that no tensor has', async () => {
    await put('config.json', '{"torch_dtype":"bfloat16"}');
    expect(told(await open())).toEqual([['info', 'dtype-differs', undefined]]);
  });
});

it('reads a file by its content where the name says nothing', async () => {
  await put('weights.bin', makeGguf({ metadata: [], tensors: [tensor('a')] }));
  expect((await openCheckpoint(join(folder, 'weights.bin'))).format).toBe('gguf');
  await put('weights.gguf', makeSafetensors([tensor('a')]));
  await expect(openCheckpoint(join(folder, 'weights.gguf'))).rejects.toThrow(
    /safetensors file under a .gguf name/,
  );
});

it('stops when aborted', async () => {
  await putShards(wholeMap);
  await expect(openCheckpoint(folder, { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'cancelled',
  });
});

const models = sharedPath('models');
describe.skipIf(!models)('openCheckpoint on real models', () => {
  it.each([
    ['demo-llama-3m', 'safetensors', 3_295_488, 6_590_976, { BF16: 39 }],
    ['demo-llama-3m-f32', 'safetensors', 3_295_488, 13_181_952, { F32: 39 }],
    ['demo-llama-3m-sharded', 'safetensors', 3_295_488, 6_590_976, { BF16: 39 }],
    [
      'demo-llama-3m-sharded/model-00002-of-00003.safetensors',
      'safetensors',
      3_295_488,
      6_590_976,
      { BF16: 39 },
    ],
    ['demo-llama-3m-sharded/model.safetensors.index.json', 'safetensors', 3_295_488, 6_590_976, { BF16: 39 }],
    ['demo-llama-3m.f16.gguf', 'gguf', 3_295_488, 6_595_584, { F16: 30, F32: 9 }],
    ['stories260K/stories260K.gguf', 'gguf', 292_800, 1_171_200, { F32: 48 }],
    ['stories260K/hf-f32-sharded', 'safetensors', 292_800, 1_171_200, { F32: 48 }],
    [
      '../golden/llama-quantize/stories260K-pure-Q8_0.gguf',
      'gguf',
      292_800,
      364_768,
      { Q8_0: 32, F16: 5, F32: 11 },
    ],
    [
      '../golden/llama-quantize/stories260K-pure-Q4_0.gguf',
      'gguf',
      292_800,
      246_240,
      { Q4_0: 32, F16: 5, F32: 11 },
    ],
    [
      '../golden/llama-quantize/stories260K-pure-IQ4_NL.gguf',
      'gguf',
      292_800,
      246_240,
      { IQ4_NL: 32, F16: 5, F32: 11 },
    ],
    ['gguf-vocab/ggml-vocab-qwen2.gguf', 'gguf', 0, 0, {}],
  ] as const)('%s', async (path, format, parameters, bytes, dtypes) => {
    const sources: CountingSource[] = [];
    const openSource = async (file: string) => {
      const source = countingSource(await openFileSource(file));
      sources.push(source);
      return source;
    };
    const checkpoint = await openCheckpoint(join(models!, path), { openSource });
    const brief = toBrief(checkpoint);
    expect(brief).toMatchObject({ format, parameters, bytes, errors: 0, warnings: 0 });
    expect(Object.fromEntries(brief.dtypes.map(({ dtype, tensors }) => [dtype, tensors]))).toEqual(dtypes);
    // No more than each header and 64 KiB beyond it, tensors' data beginning where the header ends.
    for (const [i, { bytesRead }] of sources.entries()) {
      const starts = checkpoint.tensors.filter(({ file }) => file === i).map(({ byteOffset }) => byteOffset);
      const headerBytes = Math.min(checkpoint.files[i]!.bytes, ...starts);
      expect(bytesRead).toBeLessThanOrEqual(headerBytes + 65_536);
    }
  });

  it('reads the figures of the demo model from config.json and from GGUF', async () => {
    const figures = { layers: 4, hiddenSize: 256, heads: 8, kvHeads: 4, vocabulary: 288, contextLength: 256 };
    const safetensors = await openCheckpoint(join(models!, 'demo-llama-3m'));
    expect(safetensors.architecture).toEqual({ name: 'LlamaForCausalLM', ...figures });
    const gguf = await openCheckpoint(join(models!, 'demo-llama-3m.f16.gguf'));
    expect(gguf.architecture).toEqual({ name: 'llama', ...figures });
  });
});
