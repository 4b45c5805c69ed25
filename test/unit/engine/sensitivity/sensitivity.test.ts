/** The comparison of schemes through the real forked engine. */
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bandNeeds, sampleBands } from '../../../../src/engine/sensitivity/sampleBands';
import type { SensitivityCell, TensorError } from '../../../../src/protocol/engineApi';
import { settingFor } from '../../../../src/quant/choice';
import { encodingFor } from '../../../../src/quant/encoding';
import { schemes } from '../../../../src/quant/schemes';
import type { SchemeChoice } from '../../../../src/quant/types';
import { bf16Data, f32Data } from '../../../fixtures/makeCheckpoint';
import { smallOnnx } from '../../../fixtures/onnxModels';
import { randomNormal } from '../../kernels/randomValues';
import { encodeWhole } from '../../quant/encodeWhole';
import {
  demoModel,
  failureOf,
  randomValues,
  request,
  startEngine,
  temporaryFolder,
  writeModel,
} from '../support';

const engine = startEngine();
const folder = temporaryFolder();

/** The default choice of every scheme that takes rows of any length, and variants that know something of the whole tensor or prune first. */
const choices: readonly SchemeChoice[] = [
  ...schemes
    .filter(({ rowBlock }) => rowBlock === undefined)
    .map(
      ({ name, options }): SchemeChoice => ({
        scheme: name,
        granularity: options.granularities[0]!,
        ...(name === 'prune-heads' ? { headSize: 1 } : {}),
      }),
    ),
  { scheme: 'int8-absmax', granularity: 'tensor' },
  { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 },
  { scheme: 'int4-absmax', granularity: 'tensor', clip: 'mse' },
  { scheme: 'int5-zeropoint', granularity: 'column' },
  { scheme: 'int3-zeropoint', granularity: 'block', blockSize: 64, clip: 'hqq' },
  { scheme: 'nf4', granularity: 'block', doubleQuant: true },
  { scheme: 'f8-e4m3', granularity: 'tensor', prune: 'magnitude', ratio: 0.3 },
  { scheme: 'int8-absmax', granularity: 'row', output: 'fake' },
];

/** Odd widths, so that blocks begin within rows; one of several parts; a norm and a bias that are kept. */
const model = writeModel(join(folder, 'odd', 'model.safetensors'), [
  {
    name: 'model.layers.0.mlp.up_proj.weight',
    dtype: 'F32',
    shape: [37, 77],
    data: f32Data(randomValues(37 * 77)),
  },
  {
    name: 'model.layers.0.mlp.down_proj.weight',
    dtype: 'BF16',
    shape: [600, 513],
    data: bf16Data(randomValues(600 * 513, 2)),
  },
  { name: 'model.layers.0.mlp.up_proj.bias', dtype: 'F32', shape: [37], data: f32Data(randomValues(37, 3)) },
  { name: 'model.norm.weight', dtype: 'F32', shape: [77], data: f32Data(randomValues(77, 4)) },
]);

const figures = ({ to, bytes, mse, sqnr, maxAbs, cosine, meanAbs }: SensitivityCell | TensorError) => ({
  to,
  bytes,
  mse,
  sqnr,
  maxAbs,
  cosine,
  meanAbs,
});

describe('exact cells', () => {
  const compared = engine.call('sensitivity', { path: model, tensors: [0, 1, 2, 3], choices });

  it.each(choices.map((choice, i) => [JSON.stringify(choice), choice, i] as const))(
    'agree with the error report to the last bit: %s',
    async (_, choice, place) => {
      const { cells } = await compared;
      const own = cells.filter((cell) => cell.choice === place);
      expect(own.map(({ tensor }) => tensor)).toEqual([0, 1, 2, 3]);
      const rows = await engine.call('errors', { path: model, choice });
      for (const [i, row] of rows.entries()) {
        const cell = own[i]!;
        expect(cell.state).toBe(row.note?.startsWith('kept') ? 'kept' : 'quantized');
        expect(figures(cell)).toEqual({
          ...figures(row),
          ...(cell.state === 'kept' ? { to: row.from } : {}),
        });
        expect(cell.note).toBe(row.note);
        expect(cell.sampled).toBeUndefined();
      }
    },
  );
});

/** Rows of differing size, so that a sample is not the whole in small. */
function unevenRows(rows: number, columns: number, seed: number): Float32Array {
  const values = randomNormal(rows * columns, seed);
  return values.map((value, i) => value * (1 + 0.5 * Math.sin(Math.floor(i / columns))));
}

const large = { rows: 2048, columns: 192, values: unevenRows(2048, 192, 7) };
const sampledModel = writeModel(join(folder, 'large', 'model.safetensors'), [
  {
    name: 'model.layers.0.self_attn.q_proj.weight',
    dtype: 'F32',
    shape: [large.rows, large.columns],
    data: f32Data(large.values),
  },
  { name: 'model.norm.weight', dtype: 'F32', shape: [192], data: f32Data(randomValues(192, 4)) },
]);
const sampleValues = 2 ** 14;

describe('sampled cells', () => {
  const blockwise: readonly SchemeChoice[] = [
    { scheme: 'int4-absmax', granularity: 'row' },
    { scheme: 'int4-zeropoint', granularity: 'row' },
    { scheme: 'nf4', granularity: 'block', blockSize: 64 },
    { scheme: 'nf4', granularity: 'block', blockSize: 128 },
    { scheme: 'mxfp4', granularity: 'block' },
  ];

  it('are those of the same rows in the whole tensor', async () => {
    const params = { path: sampledModel, tensors: [0], choices: blockwise, sampleValues };
    const { cells } = await engine.call('sensitivity', params);
    const { cells: exact } = await engine.call('sensitivity', { ...params, sampleValues: undefined });
    for (const [i, choice] of blockwise.entries()) {
      const cell = cells[i]!;
      const { dequantized } = encodeWhole(choice, large.values, large.rows);
      const setting = settingFor(choice, 'F32', large);
      const unit = encodingFor(setting).valueUnit ?? encodingFor(setting).unit;
      const bands = sampleBands(
        'model.layers.0.self_attn.q_proj.weight',
        large,
        sampleValues,
        bandNeeds(encodingFor(setting), large.columns, 1),
      )!;
      let [count, error, signal, largest] = [0, 0, 0, 0];
      for (const { row, rows, columns } of bands) {
        for (let at = row * columns; at < (row + rows) * columns; at++) {
          const block = at - (at % unit);
          // Blocks that a band holds a part of are left out.
          if (block < row * columns || block + unit > (row + rows) * columns) continue;
          const e = large.values[at]! - dequantized[at]!;
          count++;
          error += e * e;
          signal += large.values[at]! ** 2;
          largest = Math.max(largest, Math.abs(e));
        }
      }
      expect(cell.sampled).toMatchObject({ values: count, of: large.values.length });
      expect(Math.abs(cell.mse / (error / count) - 1)).toBeLessThan(1e-12);
      expect(Math.abs(cell.relative / Math.sqrt(error / signal) - 1)).toBeLessThan(1e-12);
      expect(Math.abs(cell.sqnr! - 10 * Math.log10(signal / error))).toBeLessThan(1e-9);
      expect(cell.maxAbs).toBe(largest);
      expect(cell.bytes).toBe(exact[i]!.bytes);
      expect(cell.sampled!.sqnrLow!).toBeLessThan(cell.sqnr!);
      expect(cell.sampled!.sqnrHigh!).toBeGreaterThan(cell.sqnr!);
      // Fixed numbers: this sample's interval holds the truth, and its divergence is close.
      expect(exact[i]!.sqnr!).toBeGreaterThan(cell.sampled!.sqnrLow!);
      expect(exact[i]!.sqnr!).toBeLessThan(cell.sampled!.sqnrHigh!);
      expect(Math.abs(cell.kl / exact[i]!.kl - 1)).toBeLessThan(0.25);
    }
  });

  it('are the same with one worker and with four, and small tensors are read whole', async () => {
    const params = { path: sampledModel, tensors: [0, 1], choices, sampleValues };
    const results = [];
    for (const workers of ['1', '4']) {
      const own = startEngine({ env: { TENSOR_LOUPE_WORKERS: workers } });
      results.push(await own.call('sensitivity', params));
      results.push(await own.call('sensitivity', { ...params, path: model, tensors: [1] }));
      own.dispose();
    }
    expect(results.slice(2)).toEqual(results.slice(0, 2));
    // 307,800 values are more than twice as many as asked for; 37 x 77 are not.
    const { cells } = await engine.call('sensitivity', { ...params, path: model, tensors: [0, 1] });
    const byRow = cells.filter(({ choice }) => choice === 0);
    expect(byRow.map(({ sampled }) => sampled === undefined)).toEqual([true, false]);
  });

  it('take the extremes of the whole tensor from its statistics once there are any', async () => {
    const choice = { scheme: 'int8-absmax', granularity: 'tensor' } as const;
    const own = startEngine();
    const ask = async () =>
      (await own.call('sensitivity', { path: sampledModel, tensors: [0], choices: [choice], sampleValues }))
        .cells[0]!;
    const guessed = await ask();
    expect(guessed.note).toMatch(/taken from the sample/);
    await own.call('stats', { path: sampledModel, tensors: [0], channels: 'none' });
    const known = await ask();
    expect(known.note).toBeUndefined();
    // With the true scale the sampled rows have the errors that they have in the whole.
    const { dequantized } = encodeWhole(choice, large.values, large.rows);
    const bands = sampleBands('model.layers.0.self_attn.q_proj.weight', large, sampleValues, {
      rowMultiple: 1,
      elements: 0,
    })!;
    let [count, error] = [0, 0];
    for (const { row, rows, columns } of bands) {
      for (let at = row * columns; at < (row + rows) * columns; at++, count++)
        error += (large.values[at]! - dequantized[at]!) ** 2;
    }
    expect(Math.abs(known.mse / (error / count) - 1)).toBeLessThan(1e-12);
    expect(guessed.mse).not.toBe(known.mse);
    own.dispose();
  });
});

describe('weights of an ONNX graph, which lie the other way round', () => {
  const path = join(folder, 'graph.onnx');
  const shape = [4100, 96] as const;
  writeFileSync(
    path,
    smallOnnx({
      nodes: [{ opType: 'MatMul', input: ['x', 'w'], output: ['y'] }],
      weights: [{ name: 'w', shape, values: unevenRows(shape[0], shape[1], 12) }],
      inputs: [{ name: 'x', shape: [1, shape[0]] }],
      outputs: ['y'],
    }),
  );
  const graphChoices: readonly SchemeChoice[] = [
    { scheme: 'int8-absmax', granularity: 'row' },
    { scheme: 'int8-absmax', granularity: 'tensor' },
    { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 },
    { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 128 },
  ];

  it('have the errors of the error report, and samples whose interval holds them', async () => {
    const params = { path, tensors: [0], choices: graphChoices };
    const { cells } = await engine.call('sensitivity', params);
    const { cells: sampled } = await engine.call('sensitivity', { ...params, sampleValues: 2 ** 15 });
    for (const [i, choice] of graphChoices.entries()) {
      const [row] = await engine.call('errors', { path, choice });
      expect(row!.note?.startsWith('kept') ?? false).toBe(cells[i]!.state === 'kept');
      expect(figures(cells[i]!)).toEqual(figures(row!));
      if (cells[i]!.state !== 'quantized' || !sampled[i]!.sampled) continue;
      expect(sampled[i]!.bytes).toBe(cells[i]!.bytes);
      expect(sampled[i]!.sampled!.sqnrLow!).toBeLessThan(cells[i]!.sqnr!);
      expect(sampled[i]!.sampled!.sqnrHigh!).toBeGreaterThan(cells[i]!.sqnr!);
    }
    expect(cells.filter(({ state }) => state === 'quantized').length).toBeGreaterThanOrEqual(3);
    // What is known of whole columns and tensors alone is not taken from a sample.
    expect(sampled.map(({ sampled: of }) => of !== undefined)).toEqual([false, false, true, true]);
  });
});

describe('a comparison', () => {
  it('has the totals of the whole model: sizes of a dry run, errors weighted by size', async () => {
    const path = demoModel;
    const { tensors } = await engine.call('open', { path });
    const all = Array.from({ length: tensors.count }, (_, i) => i);
    const pair: readonly SchemeChoice[] = [
      { scheme: 'int8-absmax', granularity: 'row' },
      { scheme: 'nf4', granularity: 'block', blockSize: 64 },
      { scheme: 'f8-e5m2', granularity: 'none' },
    ];
    const told: SensitivityCell[] = [];
    const progress: { done: number; total: number }[] = [];
    const { cells, totals } = await engine.call(
      'sensitivity',
      { path, tensors: all, choices: pair },
      {
        progress: ({ done, total, cells: fresh }) => {
          told.push(...fresh);
          progress.push({ done, total });
        },
      },
    );
    const order = (a: SensitivityCell, b: SensitivityCell) => a.tensor - b.tensor || a.choice - b.choice;
    expect([...told].sort(order)).toEqual(cells);
    expect(progress.at(-1)).toEqual({ done: all.length, total: all.length });
    const parameters = tensors.elements.reduce((a, b) => a + b, 0);
    for (const [i, choice] of pair.entries()) {
      const dry = await engine.call(
        'quantize',
        request(path, join(folder, 'never'), { ...choice, dryRun: true }),
      );
      const rows = await engine.call('errors', { path, choice });
      const bytes = dry.tensors.reduce((sum, row) => sum + row.bytes, 0);
      expect(totals[i]).toMatchObject({ bytes, bitsPerWeight: (8 * bytes) / parameters, failed: 0 });
      // e of each tensor is mse times its size; the originals' energy follows from the SQNR.
      let [values, error, signal, quantized] = [0, 0, 0, 0];
      for (const [index, row] of rows.entries()) {
        if (row.note?.startsWith('kept')) continue;
        quantized++;
        values += tensors.elements[index]!;
        error += row.mse * tensors.elements[index]!;
        signal += row.mse * tensors.elements[index]! * 10 ** (row.sqnr! / 10);
      }
      expect(totals[i]!.quantized).toBe(quantized);
      expect(totals[i]!.kept).toBe(all.length - quantized);
      expect(Math.abs(totals[i]!.mse / (error / values) - 1)).toBeLessThan(1e-12);
      expect(Math.abs(totals[i]!.sqnr! - 10 * Math.log10(signal / error))).toBeLessThan(1e-6);
    }
    // Of some tensors alone: their errors, and the size of the model all the same.
    const some = await engine.call('sensitivity', { path, tensors: [all.at(-1)!], choices: pair });
    for (const [i, { bytes }] of some.totals.entries()) expect(bytes).toBe(totals[i]!.bytes);
  });

  it('fails for the tensor and the choice alone that cannot be', async () => {
    const values = randomValues(64 * 64, 9);
    const bad = values.slice();
    bad[70] = Number.NaN;
    const huge = values.map((value) => 1e30 * value);
    const weight = (name: string, data: Float32Array) =>
      ({ name, dtype: 'F32', shape: [64, 64], data: f32Data(data) }) as const;
    const path = writeModel(join(folder, 'bad', 'model.safetensors'), [
      weight('a.q_proj.weight', values),
      weight('b.q_proj.weight', bad),
      weight('c.q_proj.weight', huge),
    ]);
    const { cells, totals } = await engine.call('sensitivity', {
      path,
      tensors: [0, 1, 2],
      choices: [
        { scheme: 'int8-absmax', granularity: 'row' },
        { scheme: 'f8-e4m3', granularity: 'none', overflow: 'nan' },
        { scheme: 'prune-heads', granularity: 'none', headSize: 48 },
      ],
    });
    const states = cells.map(({ tensor, choice, state }) => `${tensor}${choice} ${state}`);
    expect(states).toEqual([
      ...['00 quantized', '01 quantized', '02 failed'],
      ...['10 failed', '11 failed', '12 failed'],
      ...['20 quantized', '21 failed', '22 failed'],
    ]);
    expect(cells[3]!.note).toMatch(/NaN at row 1, column 6/);
    expect(cells[7]!.note).toMatch(/would become NaN/);
    expect(cells[2]!.note).toMatch(/64 rows are no whole number of heads of 48 rows/);
    expect(totals[0]).toMatchObject({ quantized: 2, kept: 0, failed: 1 });
  });

  it('refuses what does not exist, and a generation that has gone', async () => {
    const ask = (more: object) =>
      failureOf(
        engine.call('sensitivity', {
          path: model,
          tensors: [0],
          choices: [{ scheme: 'int8-absmax', granularity: 'row' }],
          ...more,
        }),
      );
    expect((await ask({ tensors: [99] })).code).toBe('usage');
    expect((await ask({ choices: [{ scheme: 'int9', granularity: 'row' }] })).code).toBe('usage');
    expect((await ask({ sampleValues: 0 })).code).toBe('usage');
    expect((await ask({ generation: 'older' })).code).toBe('changed');
  });

  it('keeps its cells: asking again reads nothing', async () => {
    const path = writeModel(join(folder, 'kept', 'model.safetensors'), [
      { name: 'a.q_proj.weight', dtype: 'F32', shape: [64, 64], data: f32Data(randomValues(64 * 64, 1)) },
    ]);
    const old = new Date(1_600_000_000_000);
    utimesSync(path, old, old);
    const first: SchemeChoice = { scheme: 'int8-absmax', granularity: 'row' };
    const ask = (wanted: readonly SchemeChoice[]) =>
      engine.call('sensitivity', { path, tensors: [0], choices: wanted });
    const before = await ask([first]);
    // Other values of the same size and time: only what is not kept can notice.
    writeModel(path, [
      {
        name: 'a.q_proj.weight',
        dtype: 'F32',
        shape: [64, 64],
        data: f32Data(randomValues(64 * 64, 2).map((x) => 2 * x)),
      },
    ]);
    utimesSync(path, old, old);
    const after = await ask([{ scheme: 'nf4', granularity: 'block' }, first]);
    expect({ ...after.cells[1]!, choice: 0 }).toEqual(before.cells[0]);
    const fresh = startEngine();
    const anew = await fresh.call('sensitivity', { path, tensors: [0], choices: [first] });
    expect(anew.cells[0]!.mse).not.toBe(before.cells[0]!.mse);
    fresh.dispose();
  });

  it('stops when told to, and the engine goes on', async () => {
    const controller = new AbortController();
    const slow: SchemeChoice = { scheme: 'int4-absmax', granularity: 'tensor', clip: 'mse' };
    const job = engine.call(
      'sensitivity',
      { path: sampledModel, tensors: [0], choices: [slow, { ...slow, scheme: 'int3-absmax' }] },
      { signal: controller.signal },
    );
    setTimeout(() => controller.abort(), 30);
    const started = performance.now();
    expect((await failureOf(job)).code).toBe('cancelled');
    console.log(`  stopped ${(performance.now() - started - 30).toFixed(0)} ms after it was told to`);
    const { cells } = await engine.call('sensitivity', { path: sampledModel, tensors: [1], choices: [slow] });
    expect(cells[0]!.state).toBe('kept');
  });
});
