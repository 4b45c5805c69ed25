/** Outputs as loaders take them apart: one divisor for NVFP4 weights that vLLM joins, and heads that are in no file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SchemeChoice } from '../../../../src/quant/types';
import { f32Data, type TensorFixture } from '../../../fixtures/makeCheckpoint';
import { plainValues, readPlainSafetensors } from '../../../fixtures/plainSafetensors';
import { randomValues, request, startEngine, temporaryFolder, writeModel } from '../support';

const engine = startEngine();
const folder = temporaryFolder();
const columns = 64;

/** A weight whose largest magnitude is `peak`, at its third value. */
function weight(name: string, rows: number, peak: number, seed: number): TensorFixture {
  const values = Array.from(randomValues(rows * columns, seed), (value) => (value * peak) / 16);
  values[2] = -peak;
  return { name: `${name}.weight`, dtype: 'F32', shape: [rows, columns], data: f32Data(values) };
}

describe('NVFP4', () => {
  const layer = 'model.layers.0';
  const peaks = {
    [`${layer}.self_attn.q_proj`]: 1.5,
    [`${layer}.self_attn.k_proj`]: 6,
    [`${layer}.self_attn.v_proj`]: 0.25,
    [`${layer}.self_attn.o_proj`]: 3,
    [`${layer}.mlp.gate_proj`]: 2,
    [`${layer}.mlp.up_proj`]: 0.5,
    [`${layer}.mlp.down_proj`]: 0.125,
    [`${layer}.mlp.experts.0.w1`]: 0.75,
    [`${layer}.mlp.experts.0.w2`]: 8,
    [`${layer}.mlp.experts.0.w3`]: 1,
    'model.layers.1.mlp.up_proj': 4,
  };
  const model = (name: string): string =>
    writeModel(
      join(folder, name, 'model.safetensors'),
      Object.entries(peaks).map(([module, peak], i) => weight(module, 8 + i, peak, i + 1)),
    );
  const path = model('joined');
  /** What the weights share that vLLM joins, by their modules: the largest of their magnitudes. */
  const shared: Record<string, number> = {
    ...peaks,
    [`${layer}.self_attn.q_proj`]: 6,
    [`${layer}.self_attn.v_proj`]: 6,
    [`${layer}.mlp.up_proj`]: 2,
    [`${layer}.mlp.experts.0.w1`]: 1,
  };

  it.each([
    { scheme: 'nvfp4', granularity: 'block' },
    { scheme: 'nvfp4', granularity: 'block', prune: 'magnitude', ratio: 0.25 },
    // The column of the largest magnitude may go, in one of them or in all.
    { scheme: 'nvfp4', granularity: 'block', prune: 'columns', ratio: 0.9 },
  ] as const)('has one divisor for all weights that are joined: %j', async (choice) => {
    const out = join(folder, `joined-${Object.values(choice).join('-')}`);
    const report = await engine.call('quantize', request(path, out, choice));
    const written = readPlainSafetensors(report.open);
    const alone = /o_proj|down_proj|w2|layers\.1\./;
    const joined = Object.keys(peaks).filter((name) => !('prune' in choice && alone.test(name)));
    const divisors = joined.map((name) => [
      name,
      plainValues(written.get(`${name}.weight_global_scale`)!)[0],
    ]);
    const want = joined.map((name) => [name, Math.fround((448 * 6) / shared[name]!)]);
    expect(divisors).toEqual(want);
  });

  it('gives each figure the same whatever is looked at first, as a whole model, a tensor, a map or a file', async () => {
    const choice: SchemeChoice = { scheme: 'nvfp4', granularity: 'block' };
    const rows = await engine.call('errors', { path, choice });
    for (const index of [2, 0, 1, 5, 4]) {
      // A file that nothing is known of yet.
      const fresh = model(`alone-${index}`);
      expect(await engine.call('errors', { path: fresh, choice, tensors: [index] })).toEqual([rows[index]]);
      const detail = await engine.call('errorDetail', {
        path,
        tensor: index,
        against: { kind: 'scheme', choice },
      });
      expect(detail.tensor).toEqual(rows[index]);
    }
    const map = await engine.call('sensitivity', { path, tensors: rows.map((_, i) => i), choices: [choice] });
    expect(map.cells.map((cell) => cell.sqnr)).toEqual(rows.map(({ sqnr }) => sqnr));
    const out = join(folder, 'joined-again');
    const report = await engine.call('quantize', request(path, out, choice));
    expect(report.tensors).toEqual(rows);
    const compared = await engine.call('compare', { path, other: report.open });
    expect(compared.tensors.map(({ mse }) => mse)).toEqual(rows.map(({ mse }) => mse));
  });
});

describe('NVFP4 beside weights that stay as they are', () => {
  const attention = 'model.layers.0.self_attn';
  const keepsKeys = {
    version: 1,
    default: { scheme: 'nvfp4', granularity: 'block' },
    rules: [{ match: '**.k_proj.weight', choice: 'keep' }],
  } as const;
  const divisorsOf = async (name: string, key: TensorFixture) => {
    const others = [weight(`${attention}.q_proj`, 8, 1.5, 1), weight(`${attention}.v_proj`, 8, 2, 2)];
    const path = writeModel(join(folder, name, 'model.safetensors'), [...others, key]);
    const asked = request(path, join(folder, `${name}-out`), { recipe: keepsKeys });
    const written = readPlainSafetensors((await engine.call('quantize', asked)).open);
    expect(written.has(key.name)).toBe(true);
    return ['q_proj', 'v_proj'].map(
      (each) => plainValues(written.get(`${attention}.${each}.weight_global_scale`)!)[0],
    );
  };

  it('counts the kept ones, so that no weight depends on what is chosen for another', async () => {
    const key = weight(`${attention}.k_proj`, 8, 6, 3);
    expect(await divisorsOf('kept-key', key)).toEqual([448, 448]);
  });

  it('goes on without one that has NaN, which is kept', async () => {
    const values = [Number.NaN, ...randomValues(8 * columns - 1, 3)];
    const key: TensorFixture = {
      ...{ name: `${attention}.k_proj.weight`, dtype: 'F32', shape: [8, columns], data: f32Data(values) },
    };
    expect(await divisorsOf('nan-key', key)).toEqual([1344, 1344]);
  });
});

describe('microscaling', () => {
  it.each([
    ['mxfp4', 'mxfp4-pack-quantized', 4],
    ['mxfp8', 'mxfp8-quantized', 8],
  ] as const)('%s says that its scales are exponents', async (scheme, format, bits) => {
    const path = writeModel(join(folder, scheme, 'model.safetensors'), [weight('a.q_proj', 8, 1, 1)]);
    const out = join(folder, `${scheme}-out`);
    await engine.call('quantize', request(path, out, { scheme, granularity: 'block' }));
    const { quantization_config: config } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    expect(config.format).toBe(format);
    // As in the configurations of published models (moonshotai/Kimi-K3 for MXFP4).
    expect(config.config_groups.group_0.weights).toEqual({
      num_bits: bits,
      type: 'float',
      symmetric: true,
      strategy: 'group',
      group_size: 32,
      dynamic: false,
      scale_dtype: 'torch.uint8',
    });
  });
});

describe('what vLLM has no kernel for', () => {
  const path = writeModel(join(folder, 'kernels', 'model.safetensors'), [weight('a.o_proj', 8, 1, 1)]);
  const warningsOf = async (choice: SchemeChoice) =>
    (await engine.call('quantize', { ...request(path, join(folder, 'none'), choice), dryRun: true }))
      .warnings;

  it('is written with a word on it, as transformers loads it', async () => {
    expect(await warningsOf({ scheme: 'int4-absmax', granularity: 'block', blockSize: 16 })).toEqual([
      expect.stringMatching(/groups of 32, 64 and 128 columns, and these have 16:.* at most in F16/),
    ]);
    expect(await warningsOf({ scheme: 'int8-zeropoint', granularity: 'row' })).toEqual([
      expect.stringContaining('Hopper'),
    ]);
  });

  it('is not said of what it has', async () => {
    for (const choice of [
      { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 },
      { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 64 },
      { scheme: 'int8-absmax', granularity: 'row' },
      { scheme: 'nvfp4', granularity: 'block' },
      { scheme: 'int8-zeropoint', granularity: 'row', output: 'fake' },
    ] as const)
      expect([choice, await warningsOf(choice)]).toEqual([choice, undefined]);
  });
});

describe('an output head that is quantized, too', () => {
  it('is a target by its name, since its class is another in vLLM', async () => {
    const path = writeModel(join(folder, 'pure', 'model.safetensors'), [
      weight('model.layers.0.mlp.up_proj', 8, 1, 1),
      weight('lm_head', 8, 1, 2),
    ]);
    const out = join(folder, 'pure-out');
    const asked = request(path, out, { scheme: 'int8-absmax', granularity: 'row', pure: true });
    const report = await engine.call('quantize', asked);
    expect(report.warnings).toEqual([expect.stringContaining('output head')]);
    const { quantization_config: config } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    expect(config.config_groups.group_0.targets).toEqual(['Linear', 'lm_head']);
    expect(config.ignore).toEqual([]);
  });
});

describe('an output head that takes its weight from the embedding', () => {
  const int4: SchemeChoice = { scheme: 'int4-absmax', granularity: 'row' };
  const nf4: SchemeChoice = { scheme: 'nf4', granularity: 'block' };
  const projection = weight('model.layers.0.mlp.up_proj', 8, 1, 3);

  async function skipped(name: string, tensors: readonly TensorFixture[], choice: SchemeChoice) {
    const path = writeModel(join(folder, name, 'model.safetensors'), [...tensors]);
    const out = join(folder, `${name}-${choice.scheme}`);
    await engine.call('quantize', request(path, out, choice));
    const { quantization_config: config } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    return config.ignore ?? config.llm_int8_skip_modules;
  }

  it('is left alone by loaders, which make it as a Linear like others', async () => {
    const tied = [weight('model.embed_tokens', 16, 1, 1), projection];
    expect(await skipped('tied', tied, int4)).toEqual(['lm_head']);
    expect(await skipped('tied', tied, nf4)).toEqual(['lm_head']);
    const gpt = [weight('transformer.wte', 16, 1, 1), weight('transformer.wpe', 16, 1, 2), projection];
    expect(await skipped('gpt', gpt, int4)).toEqual(['lm_head']);
  });

  it('lies beside the part of a model that holds the embedding', async () => {
    const parts = [weight('language_model.model.embed_tokens', 16, 1, 1), projection];
    expect(await skipped('parts', parts, int4)).toEqual(['lm_head', 'language_model.lm_head']);
  });

  it('is not thought of where the files hold a head, or no embedding', async () => {
    const own = [weight('model.embed_tokens', 16, 1, 1), projection, weight('lm_head', 16, 1, 4)];
    expect(await skipped('own', own, int4)).toEqual(['lm_head']);
    expect(await skipped('none', [projection], nf4)).toEqual([]);
  });
});
