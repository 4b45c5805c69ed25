/** The importance matrix of the Sensitivity tab at the host: how it is asked for, and how recipes carry it; VS Code is made up. */
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { tensorErrorReport } from '../../../src/commands/tensorErrorReport';
import { sensitivityHandlers } from '../../../src/editor/sensitivityHost';
import type { SensitivityCell } from '../../../src/protocol/engineApi';
import type { Recipe } from '../../../src/protocol/sensitivityPageApi';
import { parseRecipe } from '../../../src/quant/recipeFile';
import { fileHash } from '../../fixtures/fileHash';
import { newMatrix } from '../engine/gguf/ggufModels';
import { demoModel, failureOf, startEngine, temporaryFolder } from '../engine/support';

const { uriOf, answers, executed, failures, offered } = vi.hoisted(() => ({
  uriOf: (path: string) => ({ fsPath: path, path, scheme: 'file' }),
  answers: {
    found: [] as string[],
    picked: undefined as number | undefined,
    opened: undefined as string | undefined,
    saved: undefined as string | undefined,
  },
  executed: [] as unknown[][],
  failures: [] as string[],
  offered: [] as { label: string; description?: string }[],
}));

vi.mock('vscode', async () => {
  const files = await import('node:fs');
  return {
    Uri: {
      file: uriOf,
      joinPath: (uri: { path: string }, ...parts: string[]) => uriOf(join(uri.path, ...parts)),
    },
    RelativePattern: class {},
    window: {
      showQuickPick: async (items: { label: string }[]) => {
        offered.splice(0, offered.length, ...items);
        return answers.picked === undefined ? undefined : items[answers.picked];
      },
      showOpenDialog: async () => (answers.opened === undefined ? undefined : [uriOf(answers.opened)]),
      showSaveDialog: async () => (answers.saved === undefined ? undefined : uriOf(answers.saved)),
      showInformationMessage: async () => 'Quantize',
      showTextDocument: async () => undefined,
      showErrorMessage: async (text: string) => void failures.push(text),
    },
    workspace: {
      asRelativePath: (file: string) => `workspace/${file.split('/').at(-1)}`,
      findFiles: async () => answers.found.map(uriOf),
      fs: {
        writeFile: async (uri: { fsPath: string }, bytes: Uint8Array) =>
          files.writeFileSync(uri.fsPath, bytes),
      },
    },
    commands: { executeCommand: async (...given: unknown[]) => void executed.push(given) },
  };
});

const engine = startEngine();
const folder = join(temporaryFolder(), 'demo');
cpSync(demoModel, folder, { recursive: true });
const model = join(folder, 'model.safetensors');
const matrix = join(dirname(folder), 'demo-imatrix.gguf');
writeFileSync(matrix, newMatrix([['blk.1.ffn_down.weight', 768, 1]]));
const opened = () => engine.call('open', { path: model });
const handlers = sensitivityHandlers(engine, {
  uri: uriOf(model) as never,
  catalogue: opened,
  diskPath: async () => model,
});
const context = (cells: SensitivityCell[] = []) =>
  ({
    signal: new AbortController().signal,
    progress: (data: { cells: readonly SensitivityCell[] }) => void cells.push(...data.cells),
  }) as never;

beforeEach(() => {
  Object.assign(answers, { found: [], picked: undefined, opened: undefined, saved: undefined });
  executed.length = 0;
});

const down = 'model.layers.1.mlp.down_proj.weight';
const type = (scheme: 'iq2_xxs' | 'q8_0') => ({ scheme, granularity: 'none' }) as const;
const recipe: Recipe = {
  version: 1,
  name: 'mixed',
  default: type('q8_0'),
  rules: [{ match: down, choice: type('iq2_xxs') }],
};

describe('an importance matrix', () => {
  it('makes the types offered that need one, and columns that fit the model', async () => {
    const { offers, weighing } = await handlers.schemes({}, context());
    const keys = offers.map(({ key }) => key);
    expect(weighing!.needing).toEqual(['iq2_xs none', 'iq2_xxs none', 'iq1_s none']);
    expect(keys).toEqual(expect.arrayContaining([...weighing!.needing, ...weighing!.usual]));
    expect(weighing!.keys).toContain('q4_k none');
    expect(weighing!.keys).not.toContain('q8_0 none');
    expect(weighing!.usual).toHaveLength(7);
  });

  it('is picked among those that lie about, those beside the model first, or in the dialog of files', async () => {
    expect(await handlers.matrix({}, context())).toBeNull();
    answers.opened = matrix;
    expect(await handlers.matrix({}, context())).toMatchObject({
      file: matrix,
      sha256: fileHash(matrix),
      weighed: 1,
    });
    const beside = join(folder, 'own.imatrix');
    answers.found = [matrix, beside, join(folder, 'notes-on-imatrix.txt')];
    expect(await handlers.matrix({}, context())).toBeNull();
    expect(offered.map(({ label }) => label)).toEqual([
      'demo-imatrix.gguf',
      'own.imatrix',
      '$(folder-opened) Another file...',
    ]);
    expect(offered[1]!.description).toBe('beside the model');
    answers.picked = 0;
    expect(await handlers.matrix({}, context())).toMatchObject({ file: matrix });
    answers.picked = 2;
    answers.opened = model;
    const failure = await failureOf(Promise.resolve(handlers.matrix({}, context())));
    expect(failure.file).toBe(model);
  });

  it('weighs cells, pictures and reports', async () => {
    const { tensors, path } = await opened();
    const tensor = tensors.names.indexOf(down);
    const choice = type('iq2_xxs');
    const cells: SensitivityCell[] = [];
    await handlers.sensitivity({ tensors: [tensor], choices: [choice], imatrix: matrix }, context(cells));
    expect(cells[0]!.state).toBe('quantized');
    const tile = await handlers.schemeErrorTile(
      { tensor, choice, imatrix: matrix, rows: 256, columns: 768 },
      context(),
    );
    expect(tile.error.reduce((most, error) => Math.max(most, error), 0)).toBe(Math.fround(cells[0]!.maxAbs));
    await handlers.showErrors({ tensor, choice, imatrix: matrix }, context());
    expect(executed).toEqual([['tensorLoupe.showTensorErrors', { path, tensor, choice, imatrix: matrix }]]);
    const report = await tensorErrorReport(engine, { path, tensor, choice, imatrix: matrix });
    expect(report.tensors[0]!.mse).toBe(cells[0]!.mse);
  });

  it('is named by a saved recipe, from its place and with its hash', async () => {
    const plan = await handlers.recipePlan({ recipe, imatrix: matrix }, context());
    expect([plan.refusals, plan.cannotWrite]).toEqual([[], undefined]);
    answers.saved = join(folder, 'mixed.loupe.json');
    await handlers.recipe({ purpose: 'save', recipe, imatrix: matrix }, context());
    const named = { file: '../demo-imatrix.gguf', sha256: fileHash(matrix) };
    expect(parseRecipe(readFileSync(answers.saved, 'utf8')).imatrix).toEqual(named);
    // A recipe whose types weigh nothing names none.
    const plain: Recipe = { version: 1, default: type('q8_0'), rules: [] };
    await handlers.recipe({ purpose: 'save', recipe: plain, imatrix: matrix }, context());
    expect(parseRecipe(readFileSync(answers.saved, 'utf8')).imatrix).toBeUndefined();
  });

  it('goes to the quantization of a recipe', async () => {
    await handlers.recipe({ purpose: 'quantize', recipe, imatrix: matrix }, context());
    await vi.waitFor(() => expect(executed).toHaveLength(1));
    const imatrix = { file: '../demo-imatrix.gguf', sha256: fileHash(matrix) };
    const gguf = { fileType: 'F16', imatrix: matrix, imatrixName: imatrix.file };
    expect(executed[0]).toEqual([
      'tensorLoupe.quantize',
      uriOf(model),
      { recipe: { ...recipe, imatrix }, gguf },
    ]);
  });

  it.skipIf(process.platform === 'win32')(
    'is refused aloud under a name that no recipe can say',
    async () => {
      const odd = join(folder, 'odd:imatrix.gguf');
      cpSync(matrix, odd);
      answers.saved = join(folder, 'odd.loupe.json');
      const saving = handlers.recipe({ purpose: 'save', recipe, imatrix: odd }, context());
      expect((await failureOf(Promise.resolve(saving))).message).toContain('imatrix.file');
      expect(existsSync(answers.saved)).toBe(false);
      await handlers.recipe({ purpose: 'quantize', recipe, imatrix: odd }, context());
      await vi.waitFor(() => expect(failures).toEqual([expect.stringContaining('imatrix.file')]));
      expect(executed).toEqual([]);
    },
  );
});
