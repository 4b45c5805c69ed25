/** Every scheme through the real forked engine: previewed, written where a layout holds it, and read back. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Scheme } from '../../../../src/quant/scheme';
import { schemes } from '../../../../src/quant/schemes';
import type { SchemeChoice } from '../../../../src/quant/types';
import { f32Data, type TensorFixture } from '../../../fixtures/makeCheckpoint';
import { plainValues, readPlainSafetensors } from '../../../fixtures/plainSafetensors';
import { encodeWhole } from '../../quant/encodeWhole';
import { randomValues, request, startEngine, temporaryFolder, writeModel } from '../support';
import { schemeSources, shapes } from './schemeSources';

const engine = startEngine();
const folder = temporaryFolder();

/** Whether every weight's rows are whole blocks of a scheme. */
const takesShapes = ({ rowBlock = 1 }: Scheme) => shapes.every(({ shape }) => shape.at(-1)! % rowBlock === 0);

/** The default choice of each scheme, and the variants that store other pieces. */
const choices: readonly SchemeChoice[] = [
  ...schemes.filter(takesShapes).map(
    ({ name, options }): SchemeChoice => ({
      scheme: name,
      granularity: options.granularities[0]!,
      ...(name === 'prune-heads' ? { headSize: 1 } : {}),
      ...(name === 'prune-layers' ? { layers: [7] } : {}),
    }),
  ),
  ...(['int4-absmax', 'int4-zeropoint', 'int8-absmax', 'int8-zeropoint'] as const).flatMap((scheme) => [
    { scheme, granularity: 'block', blockSize: 32 } as const,
    { scheme, granularity: 'tensor', clip: 'mse' } as const,
  ]),
  { scheme: 'nf4', granularity: 'block', doubleQuant: true },
  { scheme: 'fp4', granularity: 'block', blockSize: 32, doubleQuant: true },
  { scheme: 'f8-e4m3', granularity: 'tensor' },
  { scheme: 'f8-e4m3', granularity: 'none' },
  { scheme: 'f8-e5m2', granularity: 'none' },
  { scheme: 'int8-absmax', granularity: 'row', prune: 'magnitude', ratio: 0.3 },
  { scheme: 'int4-zeropoint', granularity: 'row', prune: 'nm' },
  { scheme: 'int3-zeropoint', granularity: 'block', blockSize: 64, clip: 'hqq', output: 'fake' },
  { scheme: 'int5-absmax', granularity: 'column', output: 'fake' },
  { scheme: 'ternary', granularity: 'row', output: 'fake' },
  { scheme: 'llm-int8', granularity: 'row', outlierThreshold: 5, output: 'fake' },
];
const cases = choices.flatMap((choice) =>
  (['F32', 'BF16'] as const).map((dtype) => [choice, dtype] as const),
);

/** Schemes that no layout holds today. */
const unwritten = new Set<string>([
  ...[2, 3, 5, 6, 7].flatMap((bits) => [`int${bits}-absmax`, `int${bits}-zeropoint`]),
  'f8-e5m2',
  'llm-int8',
  'ternary',
  // GGUF files alone hold these.
  ...schemes.filter(({ family }) => family === 'ggml').map(({ name }) => name),
]);

describe.each(cases)('%j of %s', (choice, dtype) => {
  const path = schemeSources[dtype];

  it('shows the errors of its plain code, and writes what compares equal to the last bit', async () => {
    const rows = await engine.call('errors', { path, choice });
    const original = readPlainSafetensors(path);
    for (const { name, to, mse, bytes, note } of rows) {
      const tensor = original.get(name)!;
      const isKept = note?.startsWith('kept: ') ?? false;
      if (isKept || tensor.shape.length === 1) continue;
      const values = plainValues(tensor);
      const want = encodeWhole(choice, values, tensor.shape[0]!, dtype, 2);
      const squares = want.dequantized.reduce((sum, y, i) => sum + (values[i]! - y) ** 2, 0);
      expect([name, to]).toEqual([name, want.to]);
      expect(Math.abs(mse - squares / values.length)).toBeLessThanOrEqual(1e-12 * mse);
      expect(bytes).toBe(want.pieces.reduce((sum, piece) => sum + piece.bytes, 0));
    }

    const out = join(folder, `${Object.values(choice).join('-')}-${dtype}`);
    const asked = request(path, out, choice);
    const plan = await engine.call('quantize', { ...asked, dryRun: true }).catch((thrown: Error) => thrown);
    if (plan instanceof Error) {
      expect(plan).toMatchObject({
        code: 'refused',
        message: expect.stringMatching(/cannot be written: .+\./),
      });
      expect(unwritten.has(choice.scheme)).toBe(true);
      return;
    }
    const report = await engine.call('quantize', asked);
    expect(report.tensors).toEqual(rows);
    expect(statSync(report.open).size).toBe(plan.bytesAfter);
    const catalogue = await engine.call('open', { path: out });
    expect(catalogue.findings).toEqual([]);
    expect(catalogue.tensors.count).toBe(shapes.length);
    const source = await engine.call('open', { path });
    for (const row of rows) {
      const tensor = source.tensors.names.indexOf(row.name);
      const ask = { path, tensor };
      const written = await engine.call('errorDetail', {
        ...ask,
        against: { kind: 'file', path: report.open },
      });
      const computed = await engine.call('errorDetail', { ...ask, against: { kind: 'scheme', choice } });
      const figures = ({ mse, sqnr, maxAbs, cosine, meanAbs }: typeof row) => ({
        mse,
        sqnr,
        maxAbs,
        cosine,
        meanAbs,
      });
      expect([row.name, figures(written.tensor)]).toEqual([row.name, figures(row)]);
      expect(computed.tensor).toEqual(row);
      expect(computed.rowError).toEqual(written.rowError);
      const region = { row0: 1, row1: Math.min(4, shapes[0].shape[0]), column0: 0, column1: 1 };
      const tile = { ...ask, region, rows: 3, columns: 1 };
      if (row.name.endsWith('_proj.weight'))
        expect(await engine.call('errorTile', { ...tile, against: { kind: 'scheme', choice } })).toEqual(
          await engine.call('errorTile', { ...tile, against: { kind: 'file', path: report.open } }),
        );
    }
  });
});

describe('pruning by layers', () => {
  it('finds the layers of smallest norm in the whole model, for previews and for writing', async () => {
    const norms = [3, 1, 2, 5];
    const path = writeModel(
      join(folder, 'layers', 'model.safetensors'),
      norms.flatMap((size, layer) =>
        ['up_proj', 'down_proj'].map((kind): TensorFixture => {
          const data = f32Data(randomValues(64, layer + 1).map((value) => value * size));
          return { name: `model.layers.${layer}.mlp.${kind}.weight`, dtype: 'F32', shape: [8, 8], data };
        }),
      ),
    );
    const choice = { scheme: 'bnb-int8', granularity: 'row', prune: 'layers', ratio: 0.5 } as const;
    const rows = await engine.call('errors', { path, choice });
    // Layers 1 and 2 become 0: their error is all they were, which is an SQNR of 0 dB.
    expect(rows.map(({ sqnr }) => sqnr === 0)).toEqual([false, false, true, true, true, true, false, false]);
    const out = join(folder, 'layers-out');
    const report = await engine.call('quantize', request(path, out, choice));
    expect(report.tensors).toEqual(rows);
    expect(report.choice?.layers).toEqual([1, 2]);
    const written = readPlainSafetensors(report.open);
    expect(written.get('model.layers.2.mlp.up_proj.weight')!.bytes.every((byte) => byte === 0)).toBe(true);
    const against = { kind: 'scheme', choice } as const;
    const detail = await engine.call('errorDetail', { path, tensor: 2, against });
    expect(detail.tensor).toEqual(rows[2]);
    const dry = await engine.call('quantize', { ...request(path, out, choice), dryRun: true });
    expect(dry.choice).toEqual(choice);
  });
});

it('gives the same bits with one worker and with three', async () => {
  const choice: SchemeChoice = { scheme: 'nf4', granularity: 'block', doubleQuant: true };
  const path = writeModel(join(folder, 'long', 'model.safetensors'), [
    { name: 'a.weight', dtype: 'F32', shape: [3, 1500001], data: f32Data(randomValues(4500003, 9)) },
  ]);
  const files = await Promise.all(
    [1, 3].map(async (workers) => {
      const own = startEngine({ env: { TENSOR_LOUPE_WORKERS: String(workers) } });
      const report = await own.call('quantize', request(path, join(folder, `long-${workers}`), choice));
      own.dispose();
      return { tensors: report.tensors, bytes: readFileSync(report.open) };
    }),
  );
  expect(files[0]!.tensors).toEqual(files[1]!.tensors);
  expect(Buffer.compare(files[0]!.bytes, files[1]!.bytes)).toBe(0);
});
