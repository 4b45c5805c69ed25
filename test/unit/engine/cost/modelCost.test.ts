import { cpSync, mkdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CheckpointCache } from '../../../../src/engine/checkpointCache';
import { indexCostJob } from '../../../../src/engine/cost/indexCostJob';
import { modelCostJob } from '../../../../src/engine/cost/modelCostJob';
import { lacking, roomVerdicts } from '../../../../src/engine/cost/roomVerdicts';
import { loadedBytes } from '../../../../src/estimate/loading';
import type { LoadSetting } from '../../../../src/estimate/loadSetting';
import { sourceFromConfig } from '../../../../src/estimate/memorySource';
import type { ModelPlaceParams } from '../../../../src/protocol/costApi';
import { f32Data, makeGguf } from '../../../fixtures/makeCheckpoint';
import { llama3 } from '../../../support/modelConfigs';
import { demoModel, temporaryFolder } from '../support';

const cache = new CheckpointCache();
const ask = (place: ModelPlaceParams, load: LoadSetting = {}) => modelCostJob(cache, { place, load });
/** Of the demo's header, by hand: 3,295,488 parameters in BF16. */
const parameters = 3_295_488;

describe('weights as loaded', () => {
  const width = 4096;
  const one = {
    modelType: 'llama',
    tensors: [
      { name: 'model.layers.*.mlp.up_proj.weight', dtype: 'BF16', shape: [width, width], copies: 2 },
      { name: 'model.layers.*.input_layernorm.weight', dtype: 'BF16', shape: [width], copies: 2 },
    ],
  };
  const bits = (load: LoadSetting) => (8 * (loadedBytes(one, load) - 2 * 2 * width)) / (2 * width * width);

  it('takes the bits that are published', () => {
    // QLoRA (arXiv:2305.14314): 0.5 bits a parameter for scales of blocks of 64, and 0.127 when they are quantized too.
    expect(bits({ quantization: 'nf4' })).toBeCloseTo(4.5, 3);
    // The tables that codes stand for take a kilobyte a tensor besides.
    expect(bits({ quantization: 'nf4', doubleQuant: true })).toBeCloseTo(4.127, 2);
    expect(bits({ quantization: 'fp4' })).toBeCloseTo(4.5, 3);
    // One float32 scale a row of 4,096.
    expect(bits({ quantization: 'int8' })).toBeCloseTo(8 + 32 / width, 3);
    expect(bits({ quantization: 'fp8' })).toBeCloseTo(8, 3);
    expect(bits({})).toBe(16);
    expect(loadedBytes(one, { dtype: 'f32' })).toBe(4 * 2 * (width * width + width));
    expect(loadedBytes(one, { dequantized: true, dtype: 'f16' })).toBe(2 * 2 * (width * width + width));
    // What is not quantized takes the type that is asked for.
    const rest =
      loadedBytes(one, { quantization: 'nf4', dtype: 'f32' }) - loadedBytes(one, { quantization: 'nf4' });
    expect(rest).toBe(2 * 2 * width);
  });
});

describe('where it fits', () => {
  const source = sourceFromConfig(llama3);
  const gpu = (gibi: number) => ({ name: `GPU of ${gibi}`, memoryBytes: gibi * 2 ** 30 });
  const rooms = { gpus: [gpu(24), gpu(8)], memory: { name: 'memory', memoryBytes: 64 * 2 ** 30 } };
  const setting = {
    runtime: 'transformers',
    context: 4096,
    batch: 1,
    kvDtype: 'f16',
    flashAttention: true,
  } as const;
  const verdicts = (load: LoadSetting, runtime: 'transformers' | 'vllm' | 'llama.cpp' = 'transformers') =>
    roomVerdicts(source, { ...setting, runtime }, { ...load, runtime }, 16_060_522_496, rooms).map(
      ({ name, verdict }) => `${name} ${verdict}`,
    );

  it('asks about the memories that a program would take', () => {
    expect(verdicts({})).toEqual(['GPU of 24 fits', 'memory fits']);
    expect(verdicts({ device: 1 })).toEqual(['GPU of 8 no']);
    expect(verdicts({ device: 7 })).toEqual(['memory fits']);
    expect(verdicts({ device: 'cpu' })).toEqual(['memory fits']);
    expect(verdicts({ device: 'auto' })).toEqual(['2 GPUs fits', 'memory fits']);
    expect(verdicts({ tensorParallel: 2 }, 'vllm')).toEqual(['2 GPUs no', 'memory fits']);
    expect(verdicts({ gpuLayers: -1 }, 'llama.cpp')).toEqual(['2 GPUs fits']);
    expect(verdicts({ gpuLayers: 0 }, 'llama.cpp')).toEqual(['memory fits']);
    expect(verdicts({ tensorParallel: 4 }, 'vllm')).toEqual(['memory fits']);
  });

  it('puts so many layers on GPUs as a command says', () => {
    const [gpus] = roomVerdicts(
      source,
      { ...setting, runtime: 'llama.cpp' },
      { runtime: 'llama.cpp', gpuLayers: 8 },
      16_060_522_496,
      rooms,
    );
    expect(gpus?.layers).toEqual({ on: 8, of: 32 });
    // A quarter of 32 layers of 218,112,000 values in two bytes, and of the cache of 4,096 tokens; what computing needs besides.
    const least = 8 * 2 * 218_112_000 + (4096 * 131_072) / 4;
    expect(gpus!.neededBytes).toBeGreaterThanOrEqual(least);
    expect(gpus!.neededBytes).toBeLessThan(least + 2 ** 30);
  });

  it('says what the machine lacks', () => {
    expect(lacking({ tensorParallel: 4 }, rooms)).toEqual(['It asks for 4 GPUs, and 2 are here.']);
    expect(lacking({ device: 2 }, rooms)).toEqual(['It asks for GPU 2, and 2 are here.']);
    expect(lacking({ device: 'cuda' }, { ...rooms, gpus: [] })).toEqual([
      'It asks for a GPU, and none is found here.',
    ]);
    expect(lacking({ tensorParallel: 2, device: 1 }, rooms)).toEqual([]);
    expect(lacking({}, { ...rooms, gpus: [] })).toEqual([]);
  });
});

describe('modelCost', () => {
  let folder: string;
  beforeAll(() => {
    folder = temporaryFolder();
  });

  it('reads a folder, a file, and what is asked of them', async () => {
    for (const path of [demoModel, join(demoModel, 'model.safetensors')]) {
      const cost = await ask({ kind: 'path', path });
      expect(cost).toMatchObject({
        name: 'demo-llama-3m',
        parameters,
        bytes: 2 * parameters,
        fileCount: 1,
        source: 'files',
      });
      // 4 layers, 4 KV heads of 32, keys and values in two bytes.
      expect(cost.cache).toMatchObject({ bytesPerToken: 4 * 2 * 4 * 32 * 2 });
      expect(cost.memory.map(({ bytes }) => bytes)).toEqual([4, 2, 1, 0.5].map((each) => each * parameters));
      expect(cost.loaded).toMatchObject({
        weightBytes: 2 * parameters,
        context: 256,
        f32Bytes: 4 * parameters,
      });
      expect(cost.rooms.at(-1)?.kind).toBe('memory');
    }
    const quantized = await ask({ kind: 'path', path: demoModel }, { quantization: 'int8', context: 100 });
    expect(quantized.loaded.context).toBe(100);
    expect(quantized.loaded.weightBytes).toBeLessThan(1.1 * parameters);
  });

  it('names the files that the answer depends on', async () => {
    const path = join(folder, 'stamped');
    cpSync(demoModel, path, { recursive: true });
    const { stamps } = await ask({ kind: 'path', path });
    const stampFor = (name: string) => stamps.find((each) => each.path === join(path, name))?.stamp;
    const { size, mtimeMs } = statSync(join(path, 'model.safetensors'));
    expect(stampFor('model.safetensors')).toBe(`${size} ${mtimeMs}`);
    expect(stampFor('config.json')).toBeDefined();
    utimesSync(join(path, 'config.json'), 1, 1);
    expect(
      (await ask({ kind: 'path', path })).stamps.find((each) => each.path.endsWith('config.json'))?.stamp,
    ).not.toBe(stampFor('config.json'));
  });

  it('counts from config.json where there are no weights', async () => {
    const path = join(folder, 'bare');
    mkdirSync(path);
    cpSync(join(demoModel, 'config.json'), join(path, 'config.json'));
    expect(await ask({ kind: 'path', path })).toMatchObject({
      source: 'config',
      parameters,
      name: 'bare',
    });
    writeFileSync(join(path, 'config.json'), '{}');
    await expect(ask({ kind: 'path', path })).rejects.toMatchObject({ code: 'unsupported' });
    rmSync(join(path, 'config.json'));
    await expect(ask({ kind: 'path', path })).rejects.toMatchObject({ code: 'not-a-checkpoint' });
  });

  it("reads the cache of the Hub's client, by revision, file and type", async () => {
    const repository = join(folder, 'models--org--cached');
    const [first, second] = ['1'.repeat(40), '2'.repeat(40)];
    for (const commit of [first, second])
      mkdirSync(join(repository, 'snapshots', commit), { recursive: true });
    mkdirSync(join(repository, 'refs'));
    writeFileSync(join(repository, 'refs', 'main'), first);
    writeFileSync(join(repository, 'refs', 'old'), second);
    cpSync(join(demoModel, 'config.json'), join(repository, 'snapshots', first, 'config.json'));
    symlinkSync(
      join(demoModel, 'model.safetensors'),
      join(repository, 'snapshots', first, 'model.safetensors'),
    );
    const gguf = (elements: number) =>
      makeGguf({
        metadata: [{ key: 'general.architecture', type: 'string', value: 'llama' }],
        tensors: [
          {
            name: 'token_embd.weight',
            dtype: 'F32',
            shape: [1, elements],
            data: f32Data(new Float32Array(elements)),
          },
        ],
      });
    writeFileSync(join(repository, 'snapshots', second, 'x-Q4_K_M.gguf'), gguf(64));
    writeFileSync(join(repository, 'snapshots', second, 'x-Q8_0.gguf'), gguf(128));
    const place = { kind: 'cache', folder: repository } as const;
    expect(await ask(place)).toMatchObject({ name: 'org/cached', parameters });
    expect(await ask({ ...place, revision: 'old', tag: 'q8_0' })).toMatchObject({ parameters: 128 });
    expect(await ask({ ...place, revision: 'old', file: 'x-Q4_K_M.gguf' })).toMatchObject({ parameters: 64 });
    expect(await ask({ ...place, revision: second }, { runtime: 'llama.cpp' })).toMatchObject({
      parameters: 64,
    });
    await expect(ask({ ...place, revision: 'old' })).rejects.toMatchObject({ code: 'not-a-checkpoint' });
    await expect(ask({ ...place, revision: '../x' })).rejects.toMatchObject({ code: 'not-found' });
    await expect(ask({ ...place, file: '../../../x' })).rejects.toMatchObject({ code: 'not-found' });
    // Another commit under refs/main is another model.
    expect((await ask(place)).stamps.map(({ path }) => path)).toContain(join(repository, 'refs', 'main'));
  });

  it("reads Ollama's manifests", async () => {
    const store = join(folder, 'ollama');
    const hash = 'ab'.repeat(32);
    const manifest = ['registry.ollama.ai', 'library', 'tiny', 'latest'];
    mkdirSync(join(store, 'manifests', ...manifest.slice(0, 3)), { recursive: true });
    mkdirSync(join(store, 'blobs'));
    const weights = { mediaType: 'application/vnd.ollama.image.model', digest: `sha256:${hash}` };
    writeFileSync(join(store, 'manifests', ...manifest), JSON.stringify({ layers: [weights] }));
    const tensors = [
      { name: 'token_embd.weight', dtype: 'F32', shape: [1, 32], data: f32Data(new Float32Array(32)) },
    ];
    writeFileSync(join(store, 'blobs', `sha256-${hash}`), makeGguf({ metadata: [], tensors }));
    expect(await ask({ kind: 'ollama', folder: store, manifest })).toMatchObject({
      name: 'tiny:latest',
      parameters: 32,
    });
    writeFileSync(
      join(store, 'manifests', ...manifest),
      JSON.stringify({ layers: [{ ...weights, digest: 'sha256:../x' }] }),
    );
    await expect(ask({ kind: 'ollama', folder: store, manifest })).rejects.toMatchObject({
      code: 'not-found',
    });
  });
});

describe('indexCost', () => {
  it('counts tensors and shards, and says which are missing', async () => {
    const folder = join(temporaryFolder(), 'sharded');
    cpSync(`${demoModel}-sharded`, folder, { recursive: true });
    const path = join(folder, 'model.safetensors.index.json');
    const whole = await indexCostJob(cache, { path });
    expect(whole).toMatchObject({ parameters, bytes: 2 * parameters, tensors: 39 });
    expect(whole.shards.map(({ tensors }) => tensors).reduce((a, b) => a + b)).toBe(39);
    rmSync(join(folder, 'model-00002-of-00003.safetensors'));
    const cut = await indexCostJob(cache, { path });
    expect(cut.parameters).toBeUndefined();
    expect(cut.shards.filter(({ fileBytes }) => fileBytes === undefined).map(({ name }) => name)).toEqual([
      'model-00002-of-00003.safetensors',
    ]);
  });
});
