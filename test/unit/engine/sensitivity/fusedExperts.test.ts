/** Experts that a Hugging Face model stores in one tensor, weighed by an importance matrix as the GGUF file of the model is. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type {
  ComparedTensor,
  SchemeChoice,
  SchemeName,
  SensitivityCell,
} from '../../../../src/protocol/engineApi';
import type { Recipe } from '../../../../src/protocol/sensitivityPageApi';
import { Conversions } from '../gguf/conversionSupport';
import { newMatrix } from '../gguf/ggufModels';
import { randomValues } from '../support';

const conversions = new Conversions();
const [hidden, inner, experts] = [256, 256, 4];
const config = {
  model_type: 'qwen3_moe',
  hidden_size: hidden,
  intermediate_size: inner,
  moe_intermediate_size: inner,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_experts: experts,
  num_experts_per_tok: 2,
  rms_norm_eps: 1e-5,
  vocab_size: 5,
};

const weight = (seed: number, ...shape: number[]) => ({
  shape,
  values: randomValues(
    shape.reduce((product, size) => product * size, 1),
    seed,
  ).map((value) => value ** 3),
});

const layer = 'model.layers.0.mlp.experts';
const names = [`${layer}.gate_up_proj`, `${layer}.down_proj`] as const;
/** What the file has of each: of gate and up half of the rows of each expert. */
const madeOf = {
  [names[0]]: ['blk.0.ffn_gate_exps.weight', 'blk.0.ffn_up_exps.weight'],
  [names[1]]: ['blk.0.ffn_down_exps.weight'],
} as const;
const covered = Object.values(madeOf).flat();
const choiceOf = (scheme: SchemeName): SchemeChoice => ({ scheme, granularity: 'none' });
// One that needs a matrix, one that goes by whole rows, one by blocks of 256, and one that ignores a matrix.
const schemes = ['iq2_xxs', 'q4_0', 'q4_k', 'q8_0'] as const;

let [model, imatrix] = ['', ''];
beforeAll(() => {
  model = conversions.modelOf(
    'fused',
    config,
    new Map([
      ['model.embed_tokens.weight', weight(1, 5, hidden)],
      [names[0], weight(2, experts, 2 * inner, hidden)],
      [names[1], weight(3, experts, hidden, inner)],
    ]),
  );
  imatrix = path.join(conversions.work, 'imatrix.gguf');
  writeFileSync(imatrix, newMatrix(covered.map((name) => [name, 256, experts])));
});

async function written(scheme: SchemeName, matrix: string | undefined): Promise<Map<string, ComparedTensor>> {
  const rules = names.map((match) => ({ match, choice: choiceOf(scheme) }));
  const recipe: Recipe = { version: 1, default: 'keep', rules };
  const out = path.join(conversions.work, `${scheme}-${matrix !== undefined}.gguf`);
  await conversions.convert(model, 'F16', { recipe, out, gguf: { fileType: 'F16', imatrix: matrix } });
  const { tensors } = await conversions.engine.call('compare', { path: model, other: out });
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}

async function cellsOf(matrix: string | undefined, sampleValues?: number) {
  const { tensors } = await conversions.engine.call('open', { path: model });
  const choices = [...schemes, 'int8-absmax' as const].map((scheme) =>
    scheme === 'int8-absmax' ? { scheme, granularity: 'row' as const } : choiceOf(scheme),
  );
  const { cells, totals } = await conversions.engine.call('sensitivity', {
    ...{ path: model, tensors: [...tensors.names.keys()], choices, imatrix: matrix, sampleValues },
  });
  const of = (name: string, scheme: SchemeName) =>
    cells.find((cell) => tensors.names[cell.tensor] === name && choices[cell.choice]!.scheme === scheme)!;
  return { of, totals, index: (name: string) => tensors.names.indexOf(name) };
}

/** The cell of a tensor is what its tensors in the file come to together. */
function expectWritten(cell: SensitivityCell, parts: readonly ComparedTensor[]): void {
  expect(cell.state).toBe('quantized');
  expect(cell.bytes).toBe(parts.reduce((sum, { bytes }) => sum + bytes, 0));
  expect(cell.maxAbs).toBe(Math.max(...parts.map(({ maxAbs }) => maxAbs)));
  // Sums of the same doubles in another order.
  expect(cell.mse / (parts.reduce((sum, { mse }) => sum + mse, 0) / parts.length)).toBeCloseTo(1, 12);
  expect(cell.meanAbs / (parts.reduce((sum, { meanAbs }) => sum + meanAbs, 0) / parts.length)).toBeCloseTo(
    1,
    12,
  );
}

describe('experts in one tensor', () => {
  it.each(schemes)('have the errors of the file that is written with the matrix: %s', async (scheme) => {
    const file = await written(scheme, imatrix);
    const [weighed, plain] = [await cellsOf(imatrix), await cellsOf(undefined)];
    for (const name of names) {
      const cell = weighed.of(name, scheme);
      expect(cell.note).toBeUndefined();
      expectWritten(
        cell,
        madeOf[name].map((made) => file.get(made)!),
      );
      if (scheme === 'q8_0') expect(cell).toEqual(plain.of(name, scheme));
      else expect(cell.mse).not.toBe(plain.of(name, scheme).mse);
    }
  });

  it('and of the file that is written without, where a type can do without', async () => {
    const { of } = await cellsOf(undefined);
    const file = await written('q4_0', undefined);
    for (const name of names)
      expectWritten(
        of(name, 'q4_0'),
        madeOf[name].map((made) => file.get(made)!),
      );
    expect(of(names[0], 'iq2_xxs')).toMatchObject({
      state: 'failed',
      note: expect.stringContaining('needs an importance matrix'),
    });
    expect(of(names[0], 'int8-absmax').note).toBe('kept: more than two dimensions');
  });

  it('are weighed alike in reports, details and pictures', async () => {
    const { of, index } = await cellsOf(imatrix);
    for (const scheme of ['iq2_xxs', 'q4_0'] as const)
      for (const name of names) {
        const choice = choiceOf(scheme);
        const [tensor, { mse, maxAbs, bytes }] = [index(name), of(name, scheme)];
        const [row] = await conversions.engine.call('errors', {
          ...{ path: model, choice, tensors: [tensor], imatrix },
        });
        expect(row).toMatchObject({ maxAbs, bytes });
        expect(row!.mse / mse).toBeCloseTo(1, 12);
        const against = { kind: 'scheme', choice, imatrix } as const;
        const detail = await conversions.engine.call('errorDetail', { path: model, tensor, against });
        expect(detail.tensor.maxAbs).toBe(maxAbs);
        expect(detail.tensor.mse / mse).toBeCloseTo(1, 12);
        // The viewer has an expert in a row: all values of each, some at a time.
        const [worst, width, step] = [[] as number[], detail.columnError.length, 2 ** 16];
        for (let expert = 0; expert < experts; expert++)
          for (let column0 = 0; column0 < width; column0 += step) {
            const region = { row0: expert, row1: expert + 1, column0, column1: column0 + step };
            const tile = await conversions.engine.call('errorTile', {
              ...{ path: model, tensor, against, region, rows: 1, columns: step },
            });
            worst.push(tile.error.reduce((most, error) => Math.max(most, error), 0));
          }
        expect(Math.max(...worst)).toBe(Math.fround(maxAbs));
      }
  });

  it('have sizes that a plan tells too, and samples that are near', async () => {
    const { of } = await cellsOf(imatrix);
    const some = await cellsOf(imatrix, 2 ** 15);
    const recipe: Recipe = {
      version: 1,
      default: 'keep',
      rules: names.map((match) => ({ match, choice: choiceOf('q4_0') })),
    };
    const plan = await conversions.engine.call('recipePlan', { path: model, recipe, imatrix });
    expect(plan.ruleSizes.map(({ bytesAfter }) => bytesAfter)).toEqual(
      names.map((name) => of(name, 'q4_0').bytes),
    );
    for (const name of names)
      for (const scheme of schemes) {
        const [exact, sampled] = [of(name, scheme), some.of(name, scheme)];
        expect(sampled.sampled?.of).toBe(experts * inner * hidden * madeOf[name].length);
        expect(sampled.bytes).toBe(exact.bytes);
        expect(Math.abs(exact.sqnr! - sampled.sqnr!)).toBeLessThan(0.3);
      }
  });

  it('count as weighed, and are not where the matrix lacks one of the tensors that they become', async () => {
    const { weighed, unweighed, unused } = await conversions.engine.call('importanceCover', {
      path: model,
      imatrix,
    });
    expect([weighed, unweighed, unused]).toEqual([2, ['model.embed_tokens.weight'], 0]);
    const partial = path.join(conversions.work, 'partial.gguf');
    writeFileSync(partial, newMatrix([[covered[0]!, 256, experts]]));
    const { of } = await cellsOf(partial);
    expect(of(names[0], 'q4_0').note).toBe(
      'Not weighed: the importance matrix lacks model.layers.0.mlp.experts.gate_up_proj (blk.0.ffn_up_exps.weight).',
    );
    expect(of(names[0], 'iq2_xxs').state).toBe('failed');
  });
});
