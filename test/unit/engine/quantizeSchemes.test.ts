/** Every scheme through the real forked engine: previewed, written where a layout holds it, and read back. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Scheme } from '../../../src/quant/scheme';
import { schemes } from '../../../src/quant/schemes';
import type { SchemeChoice } from '../../../src/quant/types';
import { bf16Data, f32Data, type TensorFixture } from '../../fixtures/makeCheckpoint';
import { plainValues, readPlainSafetensors } from '../../fixtures/plainSafetensors';
import { encodeWhole } from '../quant/encodeWhole';
import { failureOf, randomValues, request, startEngine, temporaryFolder, writeModel } from './support';

const engine = startEngine();
const folder = temporaryFolder();

/** Two weights, a bias and a norm; rows of the first do not fill words of packed zero points. */
const shapes = [
  { name: 'model.layers.0.mlp.up_proj.weight', shape: [37, 256] },
  { name: 'model.layers.0.mlp.down_proj.weight', shape: [256, 128] },
  { name: 'model.layers.0.mlp.up_proj.bias', shape: [37] },
  { name: 'model.norm.weight', shape: [256] },
] as const;
const valuesOf = (index: number) => {
  const { shape } = shapes[index]!;
  const values = randomValues(
    shape.reduce((a, b) => a * b, 1),
    index + 3,
  );
  // A few outliers, as real weights have.
  for (let i = 5; i < values.length; i += 997) values[i]! *= 9;
  return values;
};
const model = (dtype: 'F32' | 'BF16'): string =>
  writeModel(
    join(folder, `source-${dtype}`, 'model.safetensors'),
    shapes.map(({ name, shape }, i): TensorFixture => {
      const data = dtype === 'F32' ? f32Data(valuesOf(i)) : bf16Data(valuesOf(i));
      return { name, dtype, shape: [...shape], data };
    }),
  );
const sources = { F32: model('F32'), BF16: model('BF16') };

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

describe.each(cases)('%j of %s', (choice, dtype) => {
  const path = sources[dtype];

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

/** Schemes that no layout holds today. */
const unwritten = new Set<string>([
  ...[2, 3, 5, 6, 7].flatMap((bits) => [`int${bits}-absmax`, `int${bits}-zeropoint`]),
  'f8-e5m2',
  'llm-int8',
  'ternary',
  // GGUF files alone hold these.
  ...schemes.filter(({ family }) => family === 'ggml').map(({ name }) => name),
]);

/** The config.json that a quantization writes beside the demo's first weight. */
async function configOf(
  choice: SchemeChoice,
  dtype: 'F32' | 'BF16' = 'BF16',
): Promise<Record<string, unknown>> {
  const out = join(folder, `config-${Object.values(choice).join('-')}`);
  await engine.call('quantize', request(sources[dtype], out, choice));
  return JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
}

describe('config.json', () => {
  const weights = (config: Record<string, unknown>) => {
    const { format, config_groups } = config.quantization_config as {
      format: string;
      config_groups: { group_0: { weights: unknown } };
    };
    return [format, config_groups.group_0.weights];
  };

  it('describes INT4 groups and FP8 channels as the variants of layouts.md', async () => {
    const group = {
      num_bits: 4,
      type: 'int',
      symmetric: true,
      strategy: 'group',
      group_size: 128,
      dynamic: false,
    };
    expect(weights(await configOf({ scheme: 'int4-absmax', granularity: 'block' }))).toEqual([
      'pack-quantized',
      group,
    ]);
    const channel = { num_bits: 8, type: 'float', symmetric: true, strategy: 'channel', dynamic: false };
    expect(weights(await configOf({ scheme: 'f8-e4m3', granularity: 'row' }))).toEqual([
      'float-quantized',
      channel,
    ]);
    const nv = {
      num_bits: 4,
      type: 'float',
      symmetric: true,
      strategy: 'tensor_group',
      group_size: 16,
      dynamic: false,
    };
    expect(weights(await configOf({ scheme: 'nvfp4', granularity: 'block' }))).toEqual([
      'nvfp4-pack-quantized',
      nv,
    ]);
  });

  it('describes bitsandbytes with its options, and what is skipped', async () => {
    const { quantization_config } = await configOf({
      scheme: 'nf4',
      granularity: 'block',
      doubleQuant: true,
    });
    expect(quantization_config).toEqual({
      quant_method: 'bitsandbytes',
      load_in_4bit: true,
      load_in_8bit: false,
      bnb_4bit_quant_type: 'nf4',
      bnb_4bit_use_double_quant: true,
      bnb_4bit_compute_dtype: 'bfloat16',
      bnb_4bit_quant_storage: 'uint8',
      llm_int8_skip_modules: [],
    });
  });

  it('of a cast model names the new type, and says nothing of a quantization', async () => {
    const path = writeModel(join(folder, 'typed', 'model.safetensors'), [
      { name: 'model.norm.weight', dtype: 'F32', shape: [4], data: f32Data([1, 2, 3, 4.0001]) },
      { name: 'steps', dtype: 'I32', shape: [1], data: new Uint8Array(4) },
    ]);
    writeFileSync(
      join(folder, 'typed', 'config.json'),
      '{"model_type": "llama", "rope_theta": 10000.0, "torch_dtype": "float32"}',
    );
    const out = join(folder, 'typed-bf16');
    const report = await engine.call('quantize', request(path, out, { scheme: 'bf16', granularity: 'none' }));
    expect(report.tensors.map(({ to, note }) => [to, note])).toEqual([
      ['BF16', undefined],
      ['I32', 'kept: I32 is not a float type that is cast'],
    ]);
    expect(readFileSync(join(out, 'config.json'), 'utf8')).toBe(
      '{"model_type": "llama", "rope_theta": 10000.0, "torch_dtype": "bfloat16"}',
    );
    const written = readPlainSafetensors(report.open).get('model.norm.weight')!;
    expect([written.dtype, written.shape, [...plainValues(written)]]).toEqual(['BF16', [4], [1, 2, 3, 4]]);
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

describe('what cannot be quantized', () => {
  const one = (values: number[], name: string) =>
    writeModel(join(folder, name, 'model.safetensors'), [
      { name: 'a.weight', dtype: 'F32', shape: [2, values.length / 2], data: f32Data(values) },
    ]);

  it('finds them behind many values, where sums tell first that something is wrong', async () => {
    const columns = 100_001;
    const at = columns + 99_990;
    for (const [bad, word] of [
      [Number.NaN, 'NaN'],
      [Number.NEGATIVE_INFINITY, '-Infinity'],
    ] as const) {
      const values = Array.from({ length: 2 * columns }, (_, i) => (i % 97) / 97 - 0.5);
      values[at] = bad;
      const path = one(values, `far-${word}`);
      const data = 8 + Number(readFileSync(path).readBigUInt64LE(0));
      for (const choice of [
        { scheme: 'int8-absmax', granularity: 'row' },
        { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32 },
        { scheme: 'nf4', granularity: 'block' },
        { scheme: 'f8-e4m3', granularity: 'none' },
        { scheme: 'bf16', granularity: 'none' },
        { scheme: 'prune-nm', granularity: 'none' },
        { scheme: 'int8-absmax', granularity: 'row', output: 'fake' },
      ] as const) {
        const error = await failureOf(engine.call('errors', { path, choice }));
        expect(error).toMatchObject({ code: 'non-finite', tensor: 'a.weight', byteOffset: data + 4 * at });
        expect(error.message).toContain(`${word} at row 1, column 99990`);
      }
    }
    const values = new Array<number>(2 * columns).fill(1);
    values[at] = 70000;
    const path = one(values, 'far-large');
    const refused = await failureOf(
      engine.call('errors', { path, choice: { scheme: 'f16', granularity: 'none' } }),
    );
    expect(refused.message).toContain('70000 at row 1, column 99990, which would become Infinity in F16');
  });

  it('names the row, column and byte of NaN, infinity, and of what does not fit the type', async () => {
    const path = one([1, 2, 3, 4, Number.NaN, 6], 'nan');
    const data = 8 + Number(readFileSync(path).readBigUInt64LE(0));
    for (const choice of [
      { scheme: 'nf4', granularity: 'block' },
      { scheme: 'int4-absmax', granularity: 'tensor' },
      { scheme: 'prune-magnitude', granularity: 'none' },
    ] as const) {
      const error = await failureOf(engine.call('errors', { path, choice }));
      expect(error).toMatchObject({ code: 'non-finite', tensor: 'a.weight', byteOffset: data + 16 });
      expect(error.message).toContain('NaN at row 1, column 1');
    }
    const large = one([1, 2, 70000, 4, 5, 6], 'large');
    const cast = await failureOf(
      engine.call(
        'quantize',
        request(large, join(folder, 'large-out'), { scheme: 'f16', granularity: 'none' }),
      ),
    );
    expect(cast).toMatchObject({ code: 'refused', tensor: 'a.weight', byteOffset: data + 8 });
    expect(cast.message).toContain('70000 at row 0, column 2, which would become Infinity in F16');
    const nan = await failureOf(
      engine.call('errors', {
        path: large,
        choice: { scheme: 'f8-e4m3', granularity: 'none', overflow: 'nan' },
      }),
    );
    expect(nan.message).toContain('would become NaN in F8_E4M3');
    const [saturated] = await engine.call('errors', {
      path: large,
      choice: { scheme: 'f8-e4m3', granularity: 'none' },
    });
    expect(saturated!.maxAbs).toBe(70000 - 448);
  });

  it('refuses to write what no loader reads, naming tensor and reason, and another backend for plain code', async () => {
    const path = one(
      Array.from({ length: 2 * 48 }, (_, i) => i),
      'uneven',
    );
    const refusal = await failureOf(
      engine.call(
        'quantize',
        request(path, join(folder, 'uneven-out'), {
          scheme: 'int4-absmax',
          granularity: 'block',
          blockSize: 32,
        }),
      ),
    );
    expect(refusal).toMatchObject({ code: 'refused', tensor: 'a.weight' });
    expect(refusal.message).toContain('48 columns do not divide into groups of 32');
    const backend = await failureOf(
      engine.call(
        'quantize',
        request(path, join(folder, 'uneven-out'), {
          scheme: 'prune-magnitude',
          granularity: 'none',
          backend: 'ort-cpu',
        }),
      ),
    );
    expect(backend).toMatchObject({ code: 'unsupported' });
    const plain = await failureOf(
      engine.call(
        'quantize',
        request(path, join(folder, 'uneven-out'), { scheme: 'nf4', granularity: 'block', output: 'plain' }),
      ),
    );
    expect(plain.message).toContain('the output "fake" writes dequantized values');
  });

  it('is planned all the same when only sizes are asked for', async () => {
    const path = one([1, 2, 3, 4, 5, 6], 'sizes');
    const choice = { scheme: 'ternary', granularity: 'row' } as const;
    const asked = request(path, join(folder, 'sizes-out'), { ...choice, dryRun: true, sizesOnly: true });
    const plan = await engine.call('quantize', asked);
    // Two rows of a byte and of a scale of 4 bytes.
    expect(plan.tensors).toMatchObject([{ name: 'a.weight', to: 'ternary', bytes: 2 * (1 + 4) }]);
    expect([plan.label, plan.choice]).toEqual(['Ternary (1.58 bit) per row', choice]);
    expect((await failureOf(engine.call('quantize', { ...asked, dryRun: false }))).code).toBe('refused');
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
});
