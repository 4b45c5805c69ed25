import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { QuantizeReport } from '../../../../src/protocol/engineApi';
import type { Recipe } from '../../../../src/protocol/recipeApi';
import { fileHash } from '../../../fixtures/fileHash';
import { demoModel, failureOf, outlierModel, request, startEngine, temporaryFolder } from '../support';

const engine = startEngine();
const int4 = { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 } as const;
const int8 = { scheme: 'int8-absmax', granularity: 'row' } as const;
const mixed: Recipe = {
  version: 1,
  name: 'mixed',
  default: int4,
  rules: [
    { match: '**.down_proj.weight', choice: int8, note: 'outlier channels' },
    { match: 'model.layers.0.self_attn.**', choice: 'keep' },
    { match: '**.o_proj.weight', choice: { scheme: 'f8-e4m3', granularity: 'row' } },
    { match: '**.nothing.weight', choice: 'keep' },
  ],
};
const config = (folder: string) => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
const quantize = (recipe: Recipe, out: string, more = {}) =>
  engine.call('quantize', request(demoModel, out, { recipe, ...more }));

describe('a mixed output', () => {
  const out = join(temporaryFolder(), 'out');
  let report: QuantizeReport;
  beforeAll(async () => {
    report = await engine.call('quantize', request(outlierModel, out, { recipe: mixed }));
  });

  it('names the modules of each group, with its own format', () => {
    const { quantization_config: told } = config(out);
    expect(told).toMatchObject({ quant_method: 'compressed-tensors', format: 'mixed-precision' });
    const groups = Object.values(told.config_groups) as {
      targets: string[];
      format: string;
      weights: { num_bits: number; type: string; strategy: string; group_size?: number };
    }[];
    const found = groups.map(({ format, weights, targets }) => [
      format,
      weights.num_bits,
      weights.type,
      weights.strategy,
      targets.length,
    ]);
    // Four layers of seven projections: layer 0's four of attention are kept.
    expect(found).toContainEqual(['pack-quantized', 4, 'int', 'group', 3 * 3 + 2 * 4]);
    expect(found).toContainEqual(['pack-quantized', 8, 'int', 'channel', 4]);
    expect(found.find(([, , type]) => type === 'float')).toMatchObject([
      expect.any(String),
      8,
      'float',
      'channel',
      3,
    ]);
    expect(groups.flatMap(({ targets }) => targets)).not.toContain('Linear');
    expect(told.ignore).toEqual(
      expect.arrayContaining([
        'lm_head',
        ...['q', 'k', 'v', 'o'].map((p) => `model.layers.0.self_attn.${p}_proj`),
      ]),
    );
  });

  it('opens again, and compares equal to the preview to the last bit', async () => {
    const catalogue = await engine.call('open', { path: out });
    expect(catalogue.findings).toEqual([]);
    expect(catalogue.tensors.pieces.length).toBe(24);
    const rows = await engine.call('errors', { path: outlierModel, choice: int8, recipe: mixed });
    expect(report.tensors).toEqual(rows);
    const source = await engine.call('open', { path: outlierModel });
    for (const name of ['layers.1.mlp.down_proj', 'layers.2.mlp.up_proj', 'layers.3.self_attn.o_proj']) {
      const tensor = source.tensors.names.indexOf(`model.${name}.weight`);
      const against = { kind: 'file', path: join(out, 'model.safetensors') } as const;
      const written = await engine.call('errorDetail', { path: outlierModel, tensor, against });
      expect(written.tensor.mse).toBeGreaterThan(0);
      expect(written.tensor.mse).toBe(rows[tensor]!.mse);
      expect(written.tensor.maxAbs).toBe(rows[tensor]!.maxAbs);
    }
  });

  it('reports sizes that follow from the layouts, and what had no effect', () => {
    const bytes = (name: string) => report.tensors.find((row) => row.name === `model.${name}.weight`)!.bytes;
    // 256 x 768 8-bit codes, 256 BF16 scales, the shape as two 64-bit numbers.
    expect(bytes('layers.1.mlp.down_proj')).toBe(256 * 768 + 2 * 256 + 16);
    // 768 x 256 4-bit codes, a BF16 scale for 32.
    expect(bytes('layers.1.mlp.up_proj')).toBe((768 * 256) / 2 + (2 * 768 * 256) / 32 + 16);
    expect(bytes('layers.0.self_attn.q_proj')).toBe(2 * 256 * 256);
    expect(report.warnings).toEqual(["No tensor's name matches **.nothing.weight."]);
    expect(report).toMatchObject({ label: 'recipe mixed', recipe: mixed, scheme: 'int4-absmax' });
  });

  it('records recipe, source and version', () => {
    const record = JSON.parse(readFileSync(join(out, 'loupe-recipe.json'), 'utf8'));
    const source = join(outlierModel, 'model.safetensors');
    const bytes = readFileSync(source).length;
    const version = JSON.parse(readFileSync('package.json', 'utf8')).version;
    expect(record).toEqual({
      product: { name: 'tensor-loupe', version },
      recipe: mixed,
      source: [{ file: 'model.safetensors', bytes, sha256: fileHash(source), of: 'file' }],
    });
    expect(report.outputs).toContain(join(out, 'loupe-recipe.json'));
  });

  it('has the same bytes when it is made again, by another engine', async () => {
    const again = join(temporaryFolder(), 'again');
    const other = startEngine({ env: { TENSOR_LOUPE_WORKERS: '1' } });
    await other.call('quantize', request(outlierModel, again, { recipe: mixed }));
    const names = readdirSync(out).sort();
    expect(readdirSync(again).sort()).toEqual(names);
    for (const name of names) expect(fileHash(join(again, name)), name).toBe(fileHash(join(out, name)));
  });

  it('does not carry the record of a source along', async () => {
    const next = join(temporaryFolder(), 'next');
    const fake: Recipe = { version: 1, default: { ...int4, output: 'fake' }, rules: [] };
    const first = join(temporaryFolder(), 'first');
    await quantize(fake, first);
    await quantize({ ...fake, name: 'second' }, next, { path: first });
    expect(JSON.parse(readFileSync(join(next, 'loupe-recipe.json'), 'utf8')).recipe.name).toBe('second');
  });
});

describe('one group', () => {
  it('is written as without a recipe, but for the record', async () => {
    const [plain, made] = [join(temporaryFolder(), 'plain'), join(temporaryFolder(), 'made')];
    await engine.call('quantize', request(demoModel, plain, int4));
    await quantize({ version: 1, default: int4, rules: [] }, made);
    for (const name of readdirSync(plain))
      expect(fileHash(join(made, name)), name).toBe(fileHash(join(plain, name)));
    expect(existsSync(join(plain, 'loupe-recipe.json'))).toBe(false);
  });

  it('lists plain linear weights beside it as not quantized', async () => {
    const out = join(temporaryFolder(), 'out');
    const fake = { ...int4, output: 'fake' } as const;
    await quantize({ version: 1, default: int8, rules: [{ match: '**.k_proj.weight', choice: fake }] }, out);
    const { quantization_config: told } = config(out);
    expect(told.config_groups.group_0.targets).toEqual(['Linear']);
    expect(told.ignore).toEqual(expect.arrayContaining(['model.layers.3.self_attn.k_proj', 'lm_head']));
    const { findings, tensors } = await engine.call('open', { path: out });
    expect([findings.length, tensors.pieces.length]).toEqual([0, 24]);
  });
});

describe('what cannot be written is refused before the work', () => {
  const nf4 = { scheme: 'nf4', granularity: 'block', blockSize: 64 } as const;
  const cases: readonly [string, Recipe, string, RegExp][] = [
    [
      'two layouts in one model',
      { version: 1, default: int4, rules: [{ match: '**.q_proj.weight', choice: nf4 }] },
      'model.layers.0.self_attn.k_proj.weight',
      /cannot be in one model/,
    ],
    [
      'two options of bitsandbytes',
      { version: 1, default: nf4, rules: [{ match: '**.k_proj.weight', choice: { ...nf4, scheme: 'fp4' } }] },
      'model.layers.0.self_attn.k_proj.weight',
      /one set of options/,
    ],
    [
      'an embedding in a layout of linear layers',
      { version: 1, default: int4, rules: [{ match: 'model.embed_tokens.weight', choice: int8 }] },
      'model.embed_tokens.weight',
      /embedding/,
    ],
    [
      'a scheme without a layout',
      {
        version: 1,
        default: int4,
        rules: [{ match: '**.v_proj.weight', choice: { scheme: 'ternary', granularity: 'row' } }],
      },
      'model.layers.0.self_attn.v_proj.weight',
      /cannot be written/,
    ],
  ];
  it.each(cases)('%s', async (_what, recipe, tensor, reason) => {
    const out = join(temporaryFolder(), 'out');
    const failure = await failureOf(quantize(recipe, out));
    const file = join(demoModel, 'model.safetensors');
    expect(failure).toMatchObject({ code: 'refused', tensor, file });
    expect(failure.message).toMatch(reason);
    expect(existsSync(out)).toBe(false);
    // Its error can still be previewed, and its size told.
    const plan = await engine.call('recipePlan', { path: demoModel, recipe });
    expect(plan.refusals).toEqual([]);
    expect(plan.cannotWrite).toMatch(reason);
    const rows = await engine.call('errors', { path: demoModel, choice: int8, recipe });
    expect(rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(plan.bytesAfter);
  });

  it('a recipe that is none', async () => {
    const recipe = { version: 1, default: { scheme: 'int9' }, rules: [] } as unknown as Recipe;
    const failure = await failureOf(quantize(recipe, join(temporaryFolder(), 'out')));
    expect(failure.code).toBe('malformed');
    expect(failure.message).toContain('default.scheme');
  });
});

describe('a plan from headers alone', () => {
  it('tells sizes, rules without effect, and what fused layers make of it', async () => {
    const recipe: Recipe = {
      version: 1,
      default: int8,
      rules: [
        { match: '**.q_proj.weight', choice: int4 },
        { match: '/layers\\.[01]\\.self_attn\\.q_proj/', choice: 'keep' },
        { match: '*.gone', choice: 'keep' },
      ],
    };
    const plan = await engine.call('recipePlan', { path: demoModel, recipe });
    const dry = await quantize(recipe, join(temporaryFolder(), 'out'), { dryRun: true });
    expect(plan.rules).toEqual([
      { decided: 4, matches: true },
      { decided: 0, matches: true },
      { decided: 0, matches: false },
    ]);
    expect(plan).toMatchObject({ quantized: 28, kept: 11, refusals: [] });
    // One q_proj a layer; rules without effect have no tensors.
    expect(plan.ruleSizes.map(({ tensors }) => tensors)).toEqual([4, 0, 0]);
    expect(plan.ruleSizes[0]).toMatchObject({ bytesBefore: plan.ruleSizes[0]!.elements * 2 });
    expect(plan.restSize.tensors).toBe(35);
    const sizes = [...plan.ruleSizes, plan.restSize];
    expect(sizes.reduce((sum, { elements }) => sum + elements, 0)).toBe(3_295_488);
    expect(sizes.reduce((sum, { bytesAfter }) => sum + bytesAfter, 0)).toBe(plan.bytesAfter);
    expect(plan.file).toBe(join(demoModel, 'model.safetensors'));
    expect(plan.warnings).toEqual([
      expect.stringMatching(/vLLM joins model\.layers\.0\.self_attn\.\{q_proj,k_proj,v_proj\} and 3 more/),
    ]);
    expect(plan.bytesAfter).toBe(dry.tensors.reduce((sum, { bytes }) => sum + bytes, 0));
    const elements = plan.bytesBefore / 2;
    expect(plan.bitsPerWeight).toBeCloseTo((8 * plan.bytesAfter) / elements, 12);
    expect(dry.warnings).toEqual([
      expect.stringContaining('Rules before it'),
      expect.stringContaining('*.gone'),
      expect.stringContaining('vLLM'),
    ]);
  });

  it('names the rule whose tensors the scheme refuses', async () => {
    const heads = { scheme: 'prune-heads', granularity: 'none', headSize: 100 } as const;
    const recipe: Recipe = {
      version: 1,
      default: int4,
      rules: [{ match: '**.k_proj.weight', choice: heads }],
    };
    const { refusals, cannotWrite } = await engine.call('recipePlan', { path: demoModel, recipe });
    expect(refusals).toEqual([
      {
        rule: 0,
        tensor: 'model.layers.0.self_attn.k_proj.weight',
        tensors: 4,
        message: expect.stringMatching(/head/i),
      },
    ]);
    expect(cannotWrite).toBeUndefined();
  });

  it('names the target after the recipe as far as file names take it', async () => {
    const model = join(temporaryFolder(), 'm.safetensors');
    writeFileSync(model, readFileSync(join(demoModel, 'model.safetensors')));
    const recipe: Recipe = { version: 1, name: '../a b/', default: int8, rules: [] };
    const report = await engine.call('quantize', {
      ...request(model, ''),
      out: undefined,
      recipe,
      dryRun: true,
    });
    expect(report.open).toBe(join(model, '..', 'm-a-b', 'm.safetensors'));
  });
});
