/** Cells that an importance matrix weighs, against the values of files that were written with the same matrix. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ComparedTensor, SensitivityCell } from '../../../../src/protocol/engineApi';
import type { Recipe } from '../../../../src/quant/recipe';
import type { SchemeChoice, SchemeName } from '../../../../src/quant/types';
import { f32Data, makeGguf, makeSafetensors } from '../../../fixtures/makeCheckpoint';
import { denseCover, denseModel, expertCover, expertModel, newMatrix, oldMatrix } from '../gguf/ggufModels';
import { demoModel, failureOf, randomValues, request, startEngine, temporaryFolder } from '../support';

const engine = startEngine();
const folder = temporaryFolder();
const place = (name: string): string => path.join(folder, name);
writeFileSync(place('dense.gguf'), denseModel());
writeFileSync(place('experts.gguf'), expertModel());
writeFileSync(place('dense-imatrix.gguf'), newMatrix(denseCover));
writeFileSync(place('dense.imatrix'), oldMatrix(denseCover));
writeFileSync(place('experts-imatrix.gguf'), newMatrix(expertCover));

const choiceOf = (scheme: SchemeName): SchemeChoice => ({ scheme, granularity: 'none' });
const figures = ({ bytes, mse, sqnr, maxAbs, cosine, meanAbs }: SensitivityCell | ComparedTensor) => ({
  ...{ bytes, mse, sqnr, maxAbs, cosine, meanAbs },
});

/** Writes the named tensors in one type with the matrix, and compares the file's values with the model's. */
async function writtenErrors(
  model: string,
  imatrix: string,
  scheme: SchemeName,
  names: readonly string[],
): Promise<Map<string, ComparedTensor>> {
  const rules = names.map((match) => ({ match, choice: choiceOf(scheme) }));
  const recipe: Recipe = { version: 1, default: 'keep', rules };
  const out = path.join(temporaryFolder(), 'out.gguf');
  const gguf = { fileType: 'F16', imatrix };
  await engine.call('quantize', request(model, out, { recipe, gguf }));
  const { tensors } = await engine.call('compare', { path: model, other: out });
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}

async function cellsOf(
  model: string,
  imatrix: string | undefined,
  schemes: readonly SchemeName[],
  sampleValues?: number,
) {
  const { names } = (await engine.call('open', { path: model })).tensors;
  const tensors = [...names.keys()];
  const choices = schemes.map(choiceOf);
  const { cells } = await engine.call('sensitivity', {
    ...{ path: model, tensors, choices, imatrix, sampleValues },
  });
  return (name: string, scheme: SchemeName) =>
    cells.find((cell) => names[cell.tensor] === name && cell.choice === schemes.indexOf(scheme))!;
}

const needing = ['iq1_s', 'iq2_xs', 'iq2_xxs'] as const;
const weighing = ['iq1_m', 'iq2_s', 'iq3_xxs', 'iq3_s', 'iq4_xs', 'q2_k', 'q4_k', 'q5_1'] as const;
const schemes = [...needing, ...weighing] as const;
const covered = denseCover.map(([name]) => name);

describe('a GGUF model', () => {
  const cells = cellsOf(place('dense.gguf'), place('dense-imatrix.gguf'), schemes);
  const plain = cellsOf(place('dense.gguf'), undefined, schemes);

  it.each(schemes)('has the errors of the written file in %s, to the last bit', async (scheme) => {
    const written = await writtenErrors(place('dense.gguf'), place('dense-imatrix.gguf'), scheme, covered);
    for (const name of covered) {
      const cell = (await cells)(name, scheme);
      expect(cell.state).toBe('quantized');
      expect(cell.note).toBeUndefined();
      expect(figures(cell)).toEqual(figures(written.get(name)!));
      expect(cell.mse).not.toBe((await plain)(name, scheme).mse);
    }
  });

  it('marks what a type cannot do without, and weighs nothing where the matrix says nothing', async () => {
    const name = 'blk.1.attn_k.weight';
    for (const scheme of needing) {
      expect((await cells)(name, scheme)).toMatchObject({
        state: 'failed',
        note: expect.stringMatching(
          /^The importance matrix lacks blk\.1\.attn_k\.weight; .*IQ\d_X*S .*garbage/,
        ),
      });
      expect((await plain)(name, scheme)).toMatchObject({
        state: 'failed',
        note: expect.stringContaining('needs an importance matrix'),
      });
    }
    for (const scheme of weighing) {
      const cell = (await cells)(name, scheme);
      expect(cell.note).toBe('Not weighed: the importance matrix lacks blk.1.attn_k.weight.');
      expect(figures(cell)).toEqual(figures((await plain)(name, scheme)));
    }
  });

  it('has the same cells with the older form, and those of types that ignore a matrix as without', async () => {
    const ignoring = ['q8_0', 'mxfp4-ggml', 'tq1_0', 'tq2_0'] as const;
    const all = [...ignoring, 'q4_k'] as const;
    const [both, old, none] = await Promise.all([
      cellsOf(place('dense.gguf'), place('dense-imatrix.gguf'), all),
      cellsOf(place('dense.gguf'), place('dense.imatrix'), all),
      cellsOf(place('dense.gguf'), undefined, all),
    ]);
    for (const name of ['blk.0.ffn_down.weight', 'blk.0.attn_k.weight'])
      for (const scheme of ignoring) expect(both(name, scheme)).toEqual(none(name, scheme));
    // Sums over calls are means already, so the numbers differ, and the errors with them.
    expect(old('blk.0.ffn_down.weight', 'q4_k').mse).not.toBe(none('blk.0.ffn_down.weight', 'q4_k').mse);
  });
});

describe('stacks of experts', () => {
  const names = ['blk.0.ffn_gate_exps.weight', 'blk.0.ffn_up_exps.weight'];
  const [model, imatrix] = [place('experts.gguf'), place('experts-imatrix.gguf')];

  it('weigh each expert by its own importance', async () => {
    const cells = await cellsOf(model, imatrix, ['iq2_xxs', 'q4_0']);
    for (const scheme of ['iq2_xxs', 'q4_0'] as const) {
      const written = await writtenErrors(model, imatrix, scheme, names);
      for (const name of names) expect(figures(cells(name, scheme))).toEqual(figures(written.get(name)!));
    }
  });

  it('are so weighed of a Hugging Face model, whose experts are tensors of their own', async () => {
    const own = place('mixtral');
    mkdirSync(own);
    const expert = (no: number, module: string) =>
      `model.layers.0.block_sparse_moe.experts.${no}.${module}.weight`;
    const experts = Array.from({ length: 8 }, (_, no) => ({
      name: expert(no, 'w1'),
      dtype: 'F32',
      shape: [32, 256],
      data: f32Data(randomValues(32 * 256, no + 1).map((value) => value ** 3)),
    }));
    const embedding = { name: 'model.embed_tokens.weight', dtype: 'F32', shape: [32, 256] };
    const file = path.join(own, 'model.safetensors');
    writeFileSync(
      file,
      makeSafetensors([...experts, { ...embedding, data: f32Data(randomValues(32 * 256, 99)) }]),
    );
    const config = { model_type: 'mixtral', num_hidden_layers: 1, num_attention_heads: 4, hidden_size: 256 };
    writeFileSync(
      path.join(own, 'config.json'),
      JSON.stringify({ ...config, num_local_experts: 8, intermediate_size: 32, vocab_size: 32 }),
    );
    // The same stack as a GGUF file has it.
    const stack = Float32Array.from(experts.flatMap((_, no) => [...floatsOf(experts[no]!.data)]));
    const metadata = [{ key: 'general.architecture', type: 'string', value: 'llama' }] as const;
    writeFileSync(
      place('stack.gguf'),
      makeGguf({
        metadata,
        tensors: [{ name: names[0]!, dtype: 'F32', shape: [8, 32, 256], data: f32Data(stack) }],
      }),
    );
    const cells = await cellsOf(file, imatrix, ['iq2_xs', 'q3_k']);
    for (const scheme of ['iq2_xs', 'q3_k'] as const) {
      const whole = (await cellsOf(place('stack.gguf'), imatrix, [scheme]))(names[0]!, scheme);
      const each = experts.map(({ name }) => cells(name, scheme));
      expect(each.every(({ state, note }) => state === 'quantized' && note === undefined)).toBe(true);
      expect(each.reduce((sum, { mse }) => sum + mse / 8, 0)).toBeCloseTo(whole.mse, 12);
      expect(Math.max(...each.map(({ maxAbs }) => maxAbs))).toBe(whole.maxAbs);
    }
  });
});

const floatsOf = (data: Uint8Array): Float32Array =>
  new Float32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));

describe('a Hugging Face model', () => {
  const model = place('demo');
  cpSync(demoModel, model, { recursive: true });
  const file = path.join(model, 'model.safetensors');
  const modules = { attn_q: 'self_attn.q_proj', attn_v: 'self_attn.v_proj', ffn_down: 'mlp.down_proj' };
  const cover = Object.keys(modules).map(
    (name) => [`blk.2.${name}.weight`, name === 'ffn_down' ? 768 : 256, 1] as const,
  );
  writeFileSync(place('demo-imatrix.gguf'), newMatrix(cover));

  it('is matched by the names that its tensors get', async () => {
    const cells = await cellsOf(file, place('demo-imatrix.gguf'), ['iq2_xxs', 'q4_k']);
    for (const scheme of ['iq2_xxs', 'q4_k'] as const) {
      const names = Object.values(modules).map((name) => `model.layers.2.${name}.weight`);
      const written = await writtenErrors(model, place('demo-imatrix.gguf'), scheme, names);
      for (const [made, module] of Object.entries(modules)) {
        const cell = cells(`model.layers.2.${module}.weight`, scheme);
        const own = written.get(`blk.2.${made}.weight`)!;
        // A GGUF file has the rows of q in another order, in which sums of doubles end in another bit.
        if (made === 'attn_q') {
          expect(cell.mse / own.mse).toBeCloseTo(1, 12);
          expect(cell.maxAbs).toBe(own.maxAbs);
        } else expect(figures(cell)).toEqual(figures(own));
      }
    }
    expect(cells('model.layers.0.mlp.down_proj.weight', 'iq2_xxs')).toMatchObject({
      state: 'failed',
      note: expect.stringContaining(
        'lacks model.layers.0.mlp.down_proj.weight (blk.0.ffn_down.weight); without importance IQ2_XXS',
      ),
    });
  });

  it('is told what the matrix covers', async () => {
    const imatrix = place('demo-imatrix.gguf');
    const cover = await engine.call('importanceCover', { path: file, imatrix });
    expect(cover).toMatchObject({ file: imatrix, entries: 3, unused: 0, weighed: 3, chunks: 37 });
    expect(cover.unweighed).toContain('lm_head.weight');
    expect(cover.unweighed).toHaveLength(4 * 7 + 2 - 3);
    expect(cover.datasets).toEqual(['a text.raw', 'another.raw']);
  });

  it('is refused without its configuration, which tells the names', async () => {
    const bare = place('bare.safetensors');
    cpSync(file, bare);
    const failure = await failureOf(cellsOf(bare, place('demo-imatrix.gguf'), ['q4_k']));
    expect(failure).toMatchObject({ code: 'refused', file: place('demo-imatrix.gguf') });
    expect(failure.message).toContain('names of a GGUF file');
  });
});

describe('a matrix that cannot be used is refused as it is for quantizing', () => {
  const whole = newMatrix(denseCover);
  const wrong = denseCover.map(([name], no) => [name, no === 3 ? 128 : 256, 1] as const);
  it.each([
    ['cut.gguf', whole.subarray(0, whole.length - 700)],
    ['no-matrix.gguf', denseModel()],
    ['wrong.gguf', newMatrix(wrong)],
    ['old-cut.imatrix', oldMatrix(denseCover).subarray(0, 5000)],
    ['missing.gguf', undefined],
  ] as const)('%s', async (name, bytes) => {
    if (bytes) writeFileSync(place(name), bytes);
    const own = await failureOf(cellsOf(place('dense.gguf'), place(name), ['q4_k']));
    const quantizing = await failureOf(
      engine.call(
        'quantize',
        request(place('dense.gguf'), place('never.gguf'), {
          gguf: { fileType: 'Q4_K_S', imatrix: place(name) },
        }),
      ),
    );
    expect(own.toJSON()).toEqual(quantizing.toJSON());
    expect(own.file).toBe(place(name));
  });

  it('also when it weighs no tensor of the model', async () => {
    const failure = await failureOf(cellsOf(place('dense.gguf'), place('experts-other.gguf'), ['q4_k']));
    expect(failure).toMatchObject({ code: 'refused', file: place('experts-other.gguf') });
    expect(failure.message).toContain('has no tensor of this model');
  });
  writeFileSync(place('experts-other.gguf'), newMatrix([['blk.7.ffn_up.weight', 256, 1]]));
});

it('of a sample each row is weighed by its own expert, and figures are near the exact ones', async () => {
  const [experts, rows, columns] = [8, 64, 256];
  const values = randomValues(experts * rows * columns, 5).map((value) => value ** 3);
  const name = 'blk.0.ffn_up_exps.weight';
  writeFileSync(
    place('wide.gguf'),
    makeGguf({
      metadata: [{ key: 'general.architecture', type: 'string', value: 'llama' }],
      tensors: [{ name, dtype: 'F32', shape: [experts, rows, columns], data: f32Data(values) }],
    }),
  );
  const all = await cellsOf(place('wide.gguf'), place('experts-imatrix.gguf'), ['iq3_xxs']);
  const some = await cellsOf(place('wide.gguf'), place('experts-imatrix.gguf'), ['iq3_xxs'], 2 ** 14);
  const [exact, sampled] = [all(name, 'iq3_xxs'), some(name, 'iq3_xxs')];
  expect([exact.sampled, sampled.sampled?.of]).toEqual([undefined, values.length]);
  expect(sampled.bytes).toBe(exact.bytes);
  expect(Math.abs(sampled.sqnr! - exact.sqnr!)).toBeLessThan(0.3);
});

describe('pictures and reports of a weighed cell', () => {
  const model = place('dense.gguf');
  const name = 'blk.1.ffn_down.weight';
  it.each(['iq2_xxs', 'q4_k'] as const)('tell the same error: %s', async (scheme) => {
    const imatrix = place('dense-imatrix.gguf');
    const cell = (await cellsOf(model, imatrix, [scheme]))(name, scheme);
    const { names } = (await engine.call('open', { path: model })).tensors;
    const choice = choiceOf(scheme);
    const tensor = names.indexOf(name);
    const against = { kind: 'scheme', choice, imatrix } as const;
    const [row] = await engine.call('errors', { path: model, choice, tensors: [tensor], imatrix });
    expect(figures({ ...row!, state: 'different' })).toEqual(figures(cell));
    const detail = await engine.call('errorDetail', { path: model, tensor, against });
    expect(figures({ ...detail.tensor, state: 'different' })).toEqual(figures(cell));
    const tile = await engine.call('errorTile', { path: model, tensor, against, rows: 256, columns: 256 });
    expect(tile.error.reduce((most, error) => Math.max(most, error), 0)).toBe(Math.fround(cell.maxAbs));
    // One row of the tile by itself: its window is another, its weights are the same.
    const region = { row0: 200, row1: 201, column0: 64, column1: 128 };
    const part = await engine.call('errorTile', {
      ...{ path: model, tensor, against, region, rows: 1, columns: 64 },
    });
    expect([...part.dequantized]).toEqual([...tile.dequantized.subarray(200 * 256 + 64, 200 * 256 + 128)]);
  });

  it('tell of a stack of experts too, and what is not weighed', async () => {
    const [path, imatrix] = [place('experts.gguf'), place('experts-imatrix.gguf')];
    const { names } = (await engine.call('open', { path })).tensors;
    const cells = await cellsOf(path, imatrix, ['q4_0']);
    for (const own of ['blk.0.ffn_up_exps.weight', 'blk.0.attn_q.weight']) {
      const tensors = [names.indexOf(own)];
      const [row] = await engine.call('errors', { path, choice: choiceOf('q4_0'), tensors, imatrix });
      const { note, mse, maxAbs } = cells(own, 'q4_0');
      expect(row).toMatchObject({ mse, maxAbs });
      expect(row!.note).toBe(note);
    }
    const failure = await failureOf(
      engine.call('errors', {
        path,
        choice: choiceOf('iq2_xxs'),
        imatrix,
        tensors: [names.indexOf('blk.0.attn_q.weight')],
      }),
    );
    expect(failure).toMatchObject({ code: 'refused', tensor: 'blk.0.attn_q.weight', file: imatrix });
  });
});
