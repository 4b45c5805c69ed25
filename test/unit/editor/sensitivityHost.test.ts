/** What the Sensitivity tab gets from the real compute process, and where its recipes go; VS Code is made up. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { tensorErrorReport } from '../../../src/commands/tensorErrorReport';
import { sensitivityHandlers } from '../../../src/editor/sensitivityHost';
import type { SensitivityCell } from '../../../src/protocol/engineApi';
import type { Recipe } from '../../../src/protocol/sensitivityPageApi';
import { parseRecipe } from '../../../src/quant/recipeFile';
import { plainInt8, plainValues, readPlainSafetensors } from '../../fixtures/plainSafetensors';
import { demoModel, startEngine, temporaryFolder } from '../engine/support';

const { uriOf, answers, executed } = vi.hoisted(() => ({
  uriOf: (path: string) => ({ fsPath: path, path, scheme: 'file' }),
  answers: { file: undefined as string | undefined, message: undefined as string | undefined },
  executed: [] as unknown[][],
}));

vi.mock('vscode', async () => {
  const { writeFileSync } = await import('node:fs');
  return {
    Uri: { joinPath: (uri: { path: string }, ...parts: string[]) => uriOf(join(uri.path, ...parts)) },
    window: {
      showSaveDialog: async () => (answers.file === undefined ? undefined : uriOf(answers.file)),
      showInformationMessage: async () => answers.message,
      showTextDocument: async () => undefined,
    },
    workspace: {
      fs: {
        writeFile: async (uri: { fsPath: string }, bytes: Uint8Array) => writeFileSync(uri.fsPath, bytes),
      },
    },
    commands: { executeCommand: async (...given: unknown[]) => void executed.push(given) },
  };
});

const engine = startEngine();
const model = join(demoModel, 'model.safetensors');
const opened = () => engine.call('open', { path: model });
const handlers = sensitivityHandlers(engine, {
  uri: uriOf(model) as never,
  catalogue: opened,
  diskPath: async () => model,
});
const context = (cells: SensitivityCell[] = []) => ({
  signal: new AbortController().signal,
  progress: (data: { cells: readonly SensitivityCell[] }) => void cells.push(...data.cells),
});

beforeEach(() => {
  answers.file = undefined;
  answers.message = undefined;
  executed.length = 0;
});

describe('the host of the Sensitivity tab', () => {
  it('compares the usual schemes over the whole model; every cell comes once, and 8 bits beat 4', async () => {
    const { offers, usual } = await handlers.schemes({}, context() as never);
    expect(usual.length).toBeGreaterThanOrEqual(6);
    const choices = usual.map((key) => offers.find((offer) => offer.key === key)!.choice);
    const { tensors } = await opened();
    const all = Array.from({ length: tensors.count }, (_, at) => at);
    const cells: SensitivityCell[] = [];
    const params = { tensors: all, choices, sampleValues: 4096 };
    const answer = await handlers.sensitivity(params, context(cells) as never);
    expect(answer).toEqual({ done: tensors.count * choices.length });
    expect(new Set(cells.map(({ tensor, choice }) => `${tensor} ${choice}`)).size).toBe(answer.done);
    const down = tensors.names.indexOf('model.layers.1.mlp.down_proj.weight');
    const sqnr = (key: string) =>
      cells.find(({ tensor, choice }) => tensor === down && choice === usual.indexOf(key))!.sqnr!;
    expect(sqnr('int8-absmax row')).toBeGreaterThan(sqnr('nf4 block 64') + 6);
    const tile = await handlers.schemeErrorTile(
      { tensor: down, choice: choices[0]!, rows: 4, columns: 8 },
      context() as never,
    );
    expect([tile.original.length, tile.error.length]).toEqual([32, 32]);
    expect(Math.max(...tile.error)).toBeGreaterThan(0);
  });

  it('offers pruning by heads of the size that the model tells, and not where nothing tells it', async () => {
    const { offers } = await handlers.schemes({}, context() as never);
    const heads = offers.find(({ key }) => key === 'prune-heads none')!;
    // head_dim of the demo's config.json.
    expect(heads.choice).toEqual({ scheme: 'prune-heads', granularity: 'none', headSize: 32 });
    expect(heads.detail).toContain('Heads of 32 rows, as the model tells.');
    expect(heads.detail).not.toContain('Cannot be written');
    expect(offers.filter(({ family }) => family === heads.family)).toHaveLength(6);
    const { tensors } = await opened();
    const [q, up] = ['self_attn.q_proj', 'mlp.up_proj'].map((name) =>
      tensors.names.indexOf(`model.layers.0.${name}.weight`),
    );
    const cells: SensitivityCell[] = [];
    const params = { tensors: [q!, up!], choices: [heads.choice] };
    await handlers.sensitivity(params, context(cells) as never);
    const [own, other] = [q, up].map((tensor) => cells.find((cell) => cell.tensor === tensor)!);
    expect([own!.state, other!.state]).toEqual(['quantized', 'kept']);
    const plain = readPlainSafetensors(model).get('model.layers.0.self_attn.q_proj.weight')!;
    const values = plainValues(plain);
    // 4 of the 8 heads of 32 rows, those of smallest norm, become 0.
    const squares = Array.from({ length: 8 }, (_, head) =>
      values.slice(head * 32 * 256, (head + 1) * 32 * 256).reduce((sum, value) => sum + value * value, 0),
    ).sort((a, b) => a - b);
    const lost = squares.slice(0, 4).reduce((sum, square) => sum + square, 0);
    expect(own!.mse / (lost / values.length)).toBeCloseTo(1, 9);

    const bare = sensitivityHandlers(engine, {
      uri: uriOf(model) as never,
      catalogue: async () => ({ ...(await opened()), config: undefined, architecture: undefined }),
      diskPath: async () => model,
    });
    const without = await bare.schemes({}, context() as never);
    expect(without.offers.map(({ key }) => key)).toEqual(
      offers.map(({ key }) => key).filter((key) => key !== heads.key),
    );
  });

  const recipe: Recipe = {
    version: 1,
    name: 'demo',
    default: { scheme: 'nf4', granularity: 'block', blockSize: 64 },
    rules: [{ match: 'lm_head.weight', choice: 'keep' }],
  };

  it('tells the sizes of a recipe as the written file has them, and of each scheme as its cells add up', async () => {
    const { offers, usual } = await handlers.schemes({}, context() as never);
    const mixed: Recipe = {
      version: 1,
      default: { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 },
      rules: [{ match: '**.down_proj.weight', choice: { scheme: 'int8-absmax', granularity: 'row' } }],
    };
    const plan = await handlers.recipePlan({ recipe: mixed }, context() as never);
    const out = join(temporaryFolder(), 'mixed');
    const { open } = await engine.call('quantize', {
      ...{ path: model, out, recipe: mixed, scheme: 'int4-absmax', granularity: 'block' },
      ...{ backend: 'cpu', overwrite: false, pure: false, dryRun: false },
    });
    const written = [...readPlainSafetensors(open).values()];
    expect(plan.bytesAfter).toBe(written.reduce((sum, { bytes }) => sum + bytes.length, 0));
    const { tensors } = await opened();
    const elements = Array.from(tensors.elements).reduce((sum, each) => sum + each, 0);
    expect(plan.bitsPerWeight).toBe((8 * plan.bytesAfter) / elements);
    expect([plan.rules, plan.cannotWrite]).toEqual([[{ decided: 4, matches: true }], undefined]);
    const choices = usual.map((key) => offers.find((offer) => offer.key === key)!.choice);
    const all = Array.from({ length: tensors.count }, (_, at) => at);
    const cells: SensitivityCell[] = [];
    await handlers.sensitivity({ tensors: all, choices, sampleValues: 4096 }, context(cells) as never);
    for (const [at, choice] of choices.entries()) {
      const own = cells.filter((cell) => cell.choice === at).reduce((sum, { bytes }) => sum + bytes, 0);
      const alone = { version: 1 as const, default: choice, rules: [] };
      const { bytesAfter } = await handlers.recipePlan({ recipe: alone }, context() as never);
      expect(bytesAfter, usual[at]).toBe(own);
    }
  });

  it('says before the run that two layouts cannot be in one model', async () => {
    const two: Recipe = {
      ...recipe,
      rules: [{ match: '**.down_proj.weight', choice: { scheme: 'int8-absmax', granularity: 'row' } }],
    };
    const { cannotWrite } = await handlers.recipePlan({ recipe: two }, context() as never);
    expect(cannotWrite).toContain('cannot be in one model');
  });

  it("hands a cell's tensor to the error report, whose figures are those of the formula", async () => {
    const { tensors, path } = await opened();
    const name = 'model.layers.1.mlp.down_proj.weight';
    const tensor = tensors.names.indexOf(name);
    const choice = { scheme: 'int8-absmax', granularity: 'row' } as const;
    await handlers.showErrors({ tensor, choice }, context() as never);
    expect(executed).toEqual([['tensorLoupe.showTensorErrors', { path, tensor, choice }]]);
    const report = await tensorErrorReport(engine, { path, tensor, choice });
    const plain = readPlainSafetensors(model).get(name)!;
    const [rows, columns] = plain.shape as [number, number];
    const own = plainInt8(plainValues(plain), rows, columns, choice.scheme, choice.granularity);
    expect(report.tensors.map((row) => row.name)).toEqual([name]);
    expect(report.tensors[0]!.sqnr).toBeCloseTo(own.sqnr, 9);
    expect(report.bytesBefore).toBe(plain.bytes.length);
    expect(report.label).toBe('INT8 absmax per row');
  });

  it('saves a recipe that reads back and names the model relative to it', async () => {
    await handlers.recipe({ purpose: 'save', recipe }, context() as never);
    answers.file = join(temporaryFolder(), 'demo.loupe.json');
    await handlers.recipe({ purpose: 'save', recipe }, context() as never);
    const { model: own, ...rest } = parseRecipe(readFileSync(answers.file, 'utf8'));
    expect(rest).toEqual(recipe);
    expect(join(answers.file, '..', own!)).toBe(model);
    const broken = { ...recipe, rules: [{ match: '/(/', choice: 'keep' as const }] };
    await expect(handlers.recipe({ purpose: 'save', recipe: broken }, context() as never)).rejects.toThrow(
      'recipe',
    );
  });

  it('quantizes only after a yes', async () => {
    await handlers.recipe({ purpose: 'quantize', recipe }, context() as never);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(executed).toEqual([]);
    answers.message = 'Quantize';
    await handlers.recipe({ purpose: 'quantize', recipe }, context() as never);
    await vi.waitFor(() => expect(executed).toHaveLength(1));
    expect(executed[0]).toEqual(['tensorLoupe.quantize', uriOf(model), { recipe }]);
  });
});
