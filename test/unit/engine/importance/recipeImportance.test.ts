/** Recipes that go with an importance matrix: the file that they name, its hash, and what they make. */
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Recipe } from '../../../../src/quant/recipe';
import { matrixOptions, recipeMatrix } from '../../../../src/quant/recipeMatrix';
import { fileHash } from '../../../fixtures/fileHash';
import { denseCover, denseModel, newMatrix } from '../gguf/ggufModels';
import { failureOf, request, startEngine, temporaryFolder } from '../support';

const engine = startEngine();
const folder = temporaryFolder();
const place = (name: string): string => path.join(folder, name);
mkdirSync(place('matrices'));
const [model, imatrix] = [place('dense.gguf'), place('matrices/dense.gguf')];
writeFileSync(model, denseModel());
writeFileSync(imatrix, newMatrix(denseCover));
writeFileSync(place('other.gguf'), newMatrix(denseCover.slice(1)));

const type = (scheme: 'iq2_xxs' | 'q4_k' | 'f16') => ({ scheme, granularity: 'none' }) as const;
const named = { file: 'matrices/dense.gguf', sha256: fileHash(imatrix) };
const recipe: Recipe = {
  version: 1,
  imatrix: named,
  default: type('q4_k'),
  rules: denseCover.map(([match]) => ({ match, choice: type('iq2_xxs') })),
};
const out = (): string => path.join(temporaryFolder(), 'out.gguf');

describe('a recipe with an importance matrix', () => {
  it('makes a file by the matrix that lies where it says, of the size that was planned', async () => {
    const found = recipeMatrix(recipe, place('mine.loupe.json'))!;
    expect(found).toBe(imatrix);
    const plan = await engine.call('recipePlan', { path: model, recipe, imatrix: found });
    expect([plan.refusals, plan.cannotWrite]).toEqual([[], undefined]);
    const gguf = matrixOptions(found, named.file);
    const report = await engine.call('quantize', request(model, out(), { recipe, gguf }));
    const made = await engine.call('open', { path: report.open });
    const bytes = (sizes: ArrayLike<number>) => Array.from(sizes).reduce((sum, size) => sum + size, 0);
    expect(bytes(made.tensors.bytes)).toBe(plan.bytesAfter);
    const told = new Map(made.metadata.map(({ key, value }) => [key, value]));
    expect(told.get('quantize.imatrix.file')).toBe('matrices/dense.gguf');
    const at = made.tensors.names.indexOf(denseCover[0]![0]);
    expect(made.tensors.dtypes[made.tensors.dtype[at]!]).toBe('IQ2_XXS');
    const record = JSON.parse(readFileSync(`${report.open}.loupe-recipe.json`, 'utf8'));
    expect(record.recipe.imatrix).toEqual(named);
    const rows = await engine.call('errors', { path: model, choice: type('f16'), recipe, imatrix: found });
    for (const { name, to, mse } of rows.filter(({ from, to: made }) => from !== made))
      expect(report.tensors.find((row) => row.name === name)).toMatchObject({ to, mse });
  });

  it.each([
    ['without it', undefined, recipe, 'weighs errors by the importance matrix matrices/dense.gguf'],
    [
      'with another file',
      place('other.gguf'),
      recipe,
      'is not the importance matrix that the recipe was made with',
    ],
    [
      'with a file that is gone',
      place('gone.gguf'),
      { ...recipe, imatrix: { file: 'gone.gguf' } },
      'gone.gguf',
    ],
  ] as const)('is refused %s, planned, previewed and written', async (_, given, own, message) => {
    const gguf = given === undefined ? undefined : matrixOptions(given);
    const target = out();
    for (const run of [
      () => engine.call('recipePlan', { path: model, recipe: own, imatrix: given }),
      () => engine.call('errors', { path: model, choice: type('f16'), recipe: own, imatrix: given }),
      () => engine.call('quantize', request(model, target, { recipe: own, gguf })),
      () => engine.call('quantize', request(model, target, { recipe: own, gguf, dryRun: true })),
    ]) {
      const failure = await failureOf(run());
      expect(failure.message).toContain(message);
      if (given !== undefined) expect(failure.file).toBe(given);
    }
  });

  it('is not hashed where it is no file or too large for a matrix: recipes are untrusted, and checked while they are typed', async () => {
    const large = place('large.gguf');
    writeFileSync(large, '');
    truncateSync(large, 2 ** 30 + 1);
    const cases = [[large, 'too large for an importance matrix']];
    if (process.platform !== 'win32') {
      symlinkSync('/dev/zero', place('endless'));
      cases.push([place('endless'), 'no regular file']);
    }
    for (const [file, message] of cases) {
      const own = { ...recipe, imatrix: { ...named, file: path.basename(file!) } };
      const planning = engine.call('recipePlan', { path: model, recipe: own, imatrix: file! });
      expect(await failureOf(planning)).toMatchObject({ message: expect.stringContaining(message!), file });
    }
  });

  it('is hashed anew once the file is another', async () => {
    const file = place('changing.gguf');
    writeFileSync(file, readFileSync(imatrix));
    const own = { ...recipe, imatrix: { ...named, file: 'changing.gguf' } };
    const plan = () => engine.call('recipePlan', { path: model, recipe: own, imatrix: file });
    expect((await plan()).refusals).toEqual([]);
    writeFileSync(file, newMatrix(denseCover.slice(1)));
    expect((await failureOf(plan())).message).toContain('is not the importance matrix');
  });

  it('is refused by name where a type cannot do without what the matrix lacks', async () => {
    const own: Recipe = { ...recipe, default: type('iq2_xxs') };
    const plan = await engine.call('recipePlan', { path: model, recipe: own, imatrix });
    expect(plan.refusals).toEqual([
      { rule: undefined, tensor: 'token_embd.weight', message: expect.any(String), tensors: 8 },
    ]);
    expect(plan.refusals[0]!.message).toContain('lacks token_embd.weight');
    for (const dryRun of [true, false]) {
      const gguf = matrixOptions(imatrix);
      const failure = await failureOf(
        engine.call('quantize', request(model, out(), { recipe: own, gguf, dryRun })),
      );
      // The first of the output, whose order is llama-quantize's.
      expect(failure).toMatchObject({ code: 'refused', tensor: 'output.weight' });
      expect(failure.message).toContain('lacks output.weight');
    }
  });

  it('is refused where types need a matrix and none is named', async () => {
    const { imatrix: _, ...own } = recipe;
    const plan = await engine.call('recipePlan', { path: model, recipe: own });
    expect(plan.refusals[0]).toMatchObject({ rule: 0, tensor: denseCover[0]![0] });
    expect(plan.refusals[0]!.message).toContain('needs an importance matrix');
  });
});
