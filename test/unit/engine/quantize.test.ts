/** Quantizing through the real forked engine, checked against formulas computed here. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LoupeError } from '../../../src/errors';
import type { SchemeName, TensorError } from '../../../src/protocol/engineApi';
import { bf16Data, f32Data, makeGguf } from '../../fixtures/makeCheckpoint';
import { plainInt8, plainValues, readPlainSafetensors } from '../../fixtures/plainSafetensors';
import { sharedPath } from '../../fixtures/shared';
import { readTruth } from '../stats/demoModels';
import {
  demoModel,
  failureOf,
  outlierModel,
  randomValues,
  request,
  startEngine,
  temporaryFolder,
  writeModel,
} from './support';

const engine = startEngine();
const folder = temporaryFolder();
const schemes = ['int8-absmax', 'int8-zeropoint'] as const;
const variants = schemes.flatMap((scheme) =>
  (['row', 'tensor'] as const).map((granularity) => [scheme, granularity] as const),
);

const hash = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
const close = (got: number, want: number, tolerance: number) =>
  expect(Math.abs(got - want)).toBeLessThanOrEqual(tolerance * Math.abs(want));

/** Codes (signed), scales and zero points of a written weight, read with plain code. */
function pieces(file: string, name: string, rows: number, columns: number) {
  const stored = readPlainSafetensors(file);
  const packed = stored.get(`${name}_packed`)!;
  const stride = 4 * Math.ceil(columns / 4);
  expect([packed.dtype, ...packed.shape]).toEqual(['I32', rows, stride / 4]);
  const shape = stored.get(`${name}_shape`)!;
  const shapeView = new DataView(shape.bytes.buffer, shape.bytes.byteOffset);
  expect([shape.dtype, ...shape.shape]).toEqual(['I64', 2]);
  expect([shapeView.getBigInt64(0, true), shapeView.getBigInt64(8, true)]).toEqual([
    BigInt(rows),
    BigInt(columns),
  ]);
  const codes = new Int8Array(rows * columns);
  let padding = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < stride; column++) {
      const code = packed.bytes[row * stride + column]!;
      if (column < columns) codes[row * columns + column] = code - 128;
      else padding += code;
    }
  }
  expect(padding).toBe(0);
  const scale = stored.get(`${name}_scale`)!;
  expect(scale.shape).toEqual([rows, 1]);
  const zeroPoint = stored.get(`${name}_zero_point`);
  return { codes, scaleDtype: scale.dtype, scales: plainValues(scale), zeroPoint };
}

describe.each(variants)('%s by %s', (scheme, granularity) => {
  const out = join(folder, `demo-${scheme}-${granularity}`);

  it('writes the codes of the formulas, and reports their errors', async () => {
    const report = await engine.call('quantize', request(outlierModel, out, { scheme, granularity }));
    const source = readPlainSafetensors(join(outlierModel, 'model.safetensors'));
    expect(report.tensors.map(({ name }) => name).sort()).toEqual([...source.keys()].sort());
    let quantized = 0;
    for (const row of report.tensors) {
      const original = source.get(row.name)!;
      if (row.to === 'BF16') {
        expect(row).toMatchObject({ from: 'BF16', mse: 0, sqnr: null, maxAbs: 0, cosine: 1 });
        expect(row.note).toMatch(/^kept: (embedding|normalization|output head)$/);
        const copy = readPlainSafetensors(report.open).get(row.name)!;
        expect(Buffer.compare(copy.bytes, original.bytes)).toBe(0);
        continue;
      }
      quantized++;
      const [rows, columns] = original.shape as [number, number];
      const values = plainValues(original);
      const want = plainInt8(values, rows, columns, scheme, granularity);
      const got = pieces(report.open, row.name, rows, columns);
      expect(got.scaleDtype).toBe('BF16');
      expect(Buffer.compare(Buffer.from(got.scales.buffer), Buffer.from(want.scales.buffer))).toBe(0);
      expect(Buffer.compare(Buffer.from(got.codes.buffer), Buffer.from(want.codes.buffer))).toBe(0);
      if (scheme === 'int8-absmax') expect(got.zeroPoint).toBeUndefined();
      else {
        expect([got.zeroPoint!.dtype, ...got.zeroPoint!.shape]).toEqual(['I32', Math.ceil(rows / 4), 1]);
        expect([...got.zeroPoint!.bytes.subarray(0, rows)]).toEqual([...want.zeroPoints].map((z) => z + 128));
      }
      close(row.mse, want.mse, 1e-12);
      close(row.sqnr!, want.sqnr, 1e-12);
      expect(row.maxAbs).toBe(want.maxAbs);
    }
    expect(quantized).toBe(28);
    const weights = readdirSync(out).filter((name) => name.endsWith('.safetensors'));
    expect(weights).toEqual(['model.safetensors']);
    expect(report.bytesAfter).toBe(statSync(report.open).size);
    expect(report.bytesBefore).toBe(statSync(join(outlierModel, 'model.safetensors')).size);
  });

  it('opens again as logical weights that show the same errors', async () => {
    const file = join(out, 'model.safetensors');
    const catalogue = await engine.call('open', { path: out });
    expect(catalogue.findings).toEqual([]);
    expect(catalogue.tensors.count).toBe(39);
    expect(catalogue.tensors.pieces.length).toBe(28);
    const rows = await engine.call('errors', { path: outlierModel, choice: { scheme, granularity } });
    const source = await engine.call('open', { path: outlierModel });
    const choice = { scheme, granularity };
    for (const name of ['model.layers.1.mlp.down_proj.weight', 'model.norm.weight']) {
      const tensor = source.tensors.names.indexOf(name);
      const row = rows[tensor]!;
      const written = await engine.call('errorDetail', {
        path: outlierModel,
        tensor,
        against: { kind: 'file', path: file },
      });
      const computed = await engine.call('errorDetail', {
        path: outlierModel,
        tensor,
        against: { kind: 'scheme', choice },
      });
      // Every digit is the same: the sums have one order, wherever the values come from.
      const { note: _, ...figures } = row;
      expect(written.tensor).toEqual(figures);
      expect(computed.tensor).toEqual(row);
      expect(computed.rowError).toEqual(written.rowError);
      expect(computed.columnError).toEqual(written.columnError);
      const sum = (counts: Float64Array) => counts.reduce((a, b) => a + b, 0);
      const elements = source.tensors.elements[tensor];
      expect([sum(written.original.counts), sum(written.dequantized.counts)]).toEqual([elements, elements]);
      const mean = written.rowError.reduce((a, b) => a + b, 0) / written.rowError.length;
      expect(Math.abs(mean - row.meanAbs)).toBeLessThanOrEqual(1e-6 * row.meanAbs);
    }
  });

  it('gives error tiles of the originals, the dequantized values and their distance', async () => {
    const name = 'model.layers.0.mlp.up_proj.weight';
    const { tensors } = await engine.call('open', { path: outlierModel });
    const tensor = tensors.names.indexOf(name);
    const region = { row0: 10, row1: 14, column0: 3, column1: 10 };
    const ask = { path: outlierModel, tensor, region, rows: 4, columns: 7 };
    const file = { kind: 'file', path: join(out, 'model.safetensors') } as const;
    const written = await engine.call('errorTile', { ...ask, against: file });
    const computed = await engine.call('errorTile', {
      ...ask,
      against: { kind: 'scheme', choice: { scheme, granularity } },
    });
    expect(computed).toEqual(written);
    const original = readPlainSafetensors(join(outlierModel, 'model.safetensors')).get(name)!;
    const values = plainValues(original);
    const want = plainInt8(values, 768, 256, scheme, granularity);
    for (let cell = 0; cell < 28; cell++) {
      const row = 10 + Math.floor(cell / 7);
      const at = row * 256 + 3 + (cell % 7);
      const value = Math.fround((want.codes[at]! - want.zeroPoints[row]!) * want.scales[row]!);
      expect([written.original[cell], written.dequantized[cell]]).toEqual([values[at], value]);
      expect(written.error[cell]).toBe(Math.fround(Math.abs(values[at]! - value)));
    }
    const whole = await engine.call('errorTile', {
      ...ask,
      region: undefined,
      rows: 1,
      columns: 1,
      against: file,
    });
    close(
      whole.error[0]!,
      (
        await engine.call('errors', {
          path: outlierModel,
          choice: { scheme, granularity },
          tensors: [tensor],
        })
      )[0]!.meanAbs,
      1e-6,
    );
  });
});

describe('errors', () => {
  const truth = readTruth<{
    runs: Record<
      string,
      Record<string, Record<string, { mse: number; max_abs_err: number; sqnr_db: number }>>
    >;
  }>('truth_quant.json').runs;
  const kinds = [
    ['int8-absmax', 'tensor', 'int8_absmax_per_tensor'],
    ['int8-absmax', 'row', 'int8_absmax_per_row'],
    ['int8-zeropoint', 'tensor', 'int8_zeropoint_per_tensor'],
  ] as const;

  it.each(kinds)(
    'of %s by %s with F32 scales agree with truth_quant.json',
    async (scheme, granularity, kind) => {
      for (const [model, path] of [
        ['demo-llama-3m/from_BF16', demoModel],
        ['demo-llama-3m-outliers/from_BF16', outlierModel],
      ] as const) {
        const choice = { scheme, granularity, scaleDtype: 'F32' } as const;
        const rows = await engine.call('errors', { path, choice });
        let compared = 0;
        for (const row of rows) {
          const want = truth[model]![row.name]?.[kind];
          if (!want) continue;
          compared++;
          // The truth divides where the product multiplies by the reciprocal: ties may fall either way.
          close(row.mse, want.mse, 2e-5);
          close(row.maxAbs, want.max_abs_err, 2e-3);
          expect(Math.abs(row.sqnr! - want.sqnr_db)).toBeLessThan(1e-4);
        }
        expect(compared).toBe(28);
      }
    },
  );

  it('are the same for any number of workers, as is the file', async () => {
    // One tensor with rows longer than a segment, one with more rows than a part.
    const long = randomValues(1_800_003);
    const path = writeModel(join(folder, 'wide/model.safetensors'), [
      { name: 'a.weight', dtype: 'F32', shape: [3, 600_001], data: f32Data(long) },
      { name: 'b.weight', dtype: 'BF16', shape: [70_000, 66], data: bf16Data(randomValues(4_620_000, 9)) },
    ]);
    const tall = plainValues(readPlainSafetensors(path).get('b.weight')!);
    for (const [scheme, granularity] of variants) {
      const results = await Promise.all(
        ['1', '3'].map(async (workers) => {
          const other = startEngine({ env: { TENSOR_LOUPE_WORKERS: workers } });
          const out = join(folder, `wide-${workers}-${scheme}-${granularity}`);
          const report = await other.call('quantize', request(path, out, { scheme, granularity }));
          other.dispose();
          return { rows: report.tensors, hash: hash(report.open), open: report.open };
        }),
      );
      expect(results[0]!.rows).toEqual(results[1]!.rows);
      expect(results[0]!.hash).toBe(results[1]!.hash);
      const [a, b] = results[0]!.rows as [TensorError, TensorError];
      for (const [row, rows, columns, values] of [
        [a, 3, 600_001, long],
        [b, 70_000, 66, tall],
      ] as const) {
        const got = pieces(results[0]!.open, row.name, rows, columns);
        // With F32 scales the plain formulas differ; the codes follow from the scales as stored.
        const codes = plainCodes(values, columns, scheme, got);
        expect(Buffer.compare(Buffer.from(got.codes.buffer), Buffer.from(codes.buffer))).toBe(0);
      }
    }
  });
});

/** Signed codes from stored scales and zero points, in plain steps. */
function plainCodes(
  values: Float32Array,
  columns: number,
  scheme: SchemeName,
  { scales, zeroPoint }: ReturnType<typeof pieces>,
): Int8Array {
  const low = scheme === 'int8-absmax' ? -127 : -128;
  const codes = new Int8Array(values.length);
  for (let row = 0; row < scales.length; row++) {
    const zero = zeroPoint ? zeroPoint.bytes[row]! - 128 : 0;
    const inverse = Math.fround(1 / scales[row]!);
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      const scaled = Math.fround(values[i]! * inverse);
      const floor = Math.floor(scaled);
      const rounded = scaled - floor === 0.5 ? floor + Math.abs(floor % 2) : Math.round(scaled);
      codes[i] = Math.min(127, Math.max(low, rounded + zero));
    }
  }
  return codes;
}

describe('the output folder', () => {
  it('lies beside the model under the scheme, holds its other files, and says how it is quantized', async () => {
    const model = join(folder, 'family/model');
    cpSync(demoModel, model, { recursive: true });
    writeFileSync(join(model, 'pytorch_model.bin'), 'other weights');
    writeFileSync(join(model, 'LICENSE'), 'text');
    chmodSync(join(model, 'LICENSE'), 0o444);
    mkdirSync(join(model, 'runs'));
    writeFileSync(join(folder, 'family/chat.jinja'), 'template');
    symlinkSync('../chat.jinja', join(model, 'chat_template.jinja'));
    symlinkSync('nowhere', join(model, 'broken.json'));
    const { out: _, ...ask } = request(model, '', { scheme: 'int8-zeropoint', granularity: 'tensor' });
    const dry = await engine.call('quantize', { ...ask, dryRun: true });
    expect(readdirSync(join(folder, 'family')).sort()).toEqual(['chat.jinja', 'model']);
    const report = await engine.call('quantize', ask);
    const out = join(folder, 'family/model-INT8-zeropoint-tensor');
    expect(report.open).toBe(join(out, 'model.safetensors'));
    expect(readdirSync(join(folder, 'family')).sort()).toEqual(['chat.jinja', 'model', basename(out)]);
    const names = [
      'LICENSE',
      'chat_template.jinja',
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ];
    expect(readdirSync(out).sort()).toEqual(names);
    expect(report.outputs.map((path) => basename(path)).sort()).toEqual(names);
    expect(readFileSync(join(out, 'chat_template.jinja'), 'utf8')).toBe('template');
    expect(hash(join(out, 'tokenizer.json'))).toBe(hash(join(model, 'tokenizer.json')));
    const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    const { quantization_config: quantization, ...rest } = config;
    const sourceText = readFileSync(join(model, 'config.json'), 'utf8');
    expect(rest).toEqual(JSON.parse(sourceText));
    // Numbers keep their spelling: readers with types tell 10000.0 from 10000.
    const body = sourceText.slice(0, sourceText.lastIndexOf('}')).trimEnd();
    expect(readFileSync(join(out, 'config.json'), 'utf8').startsWith(`${body},`)).toBe(true);
    expect(quantization).toMatchObject({
      quant_method: 'compressed-tensors',
      format: 'pack-quantized',
      ignore: ['lm_head'],
    });
    expect(quantization.config_groups.group_0.weights).toMatchObject({ num_bits: 8, symmetric: false });
    // The dry run told the exact sizes and places.
    expect([dry.bytesAfter, dry.open, dry.outputs]).toEqual([statSync(report.open).size, report.open, []]);
    expect(dry.tensors.map(({ name, to, bytes }) => [name, to, bytes])).toEqual(
      report.tensors.map(({ name, to, bytes }) => [name, to, bytes]),
    );
  });

  it('has the shards of the source and an index of them', async () => {
    const sharded = join(dirname(demoModel), 'demo-llama-3m-sharded');
    const path = existsSync(sharded) ? sharded : sharedPath('models/demo-llama-3m-sharded');
    if (!path) return;
    const out = join(folder, 'sharded');
    const report = await engine.call('quantize', request(path, out));
    const shards = [1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`);
    expect(readdirSync(out).filter((name) => name.endsWith('.safetensors'))).toEqual(shards);
    expect(report.open).toBe(join(out, 'model.safetensors.index.json'));
    const index = JSON.parse(readFileSync(report.open, 'utf8'));
    let total = 0;
    const map: Record<string, string> = {};
    for (const shard of shards) {
      for (const [name, tensor] of readPlainSafetensors(join(out, shard))) {
        map[name] = shard;
        total += tensor.bytes.length;
      }
    }
    expect(index).toEqual({ metadata: { total_size: total }, weight_map: map });
    const catalogue = await engine.call('open', { path: out });
    expect([catalogue.findings, catalogue.tensors.count]).toEqual([[], 39]);
    // Sharding changes where tensors lie, not what becomes of them.
    const single = await engine.call('errors', {
      path: demoModel,
      choice: { scheme: 'int8-absmax', granularity: 'row' },
    });
    const byName = (rows: readonly TensorError[]) => [...rows].sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(byName(report.tensors)).toEqual(byName(single));
  });

  it('of a file among unrelated ones is named after the file and takes only what it knows', async () => {
    const path = writeModel(join(folder, 'downloads/adapter.safetensors'), [
      { name: 'x.weight', dtype: 'F32', shape: [2, 3], data: f32Data([1, 2, 3, -4, 5, 6]) },
      { name: 'x.bias', dtype: 'F32', shape: [2], data: f32Data([1, 2]) },
    ]);
    for (const name of ['taxes.pdf', 'notes.json', 'tokenizer.json', 'other.safetensors']) {
      writeFileSync(join(folder, 'downloads', name), name);
    }
    const { out: _, ...ask } = request(path, '');
    const report = await engine.call('quantize', ask);
    const out = join(folder, 'downloads/adapter-INT8-absmax-row');
    expect(readdirSync(out).sort()).toEqual(['adapter.safetensors', 'config.json', 'tokenizer.json']);
    // F32 in, F32 scales; three columns are padded to a word.
    const got = pieces(report.open, 'x.weight', 2, 3);
    expect([got.scaleDtype, ...got.codes]).toEqual(['F32', 42, 85, 127, -85, 106, 127]);
    expect([...got.scales]).toEqual([Math.fround(3 / 127), Math.fround(6 / 127)]);
  });

  it('is not overwritten unless asked, and then replaced whole', async () => {
    const out = join(folder, 'again');
    await engine.call('quantize', request(demoModel, out));
    const before = hash(join(out, 'model.safetensors'));
    const next = request(demoModel, out, { granularity: 'tensor' });
    expect((await failureOf(engine.call('quantize', next))).code).toBe('exists');
    expect(hash(join(out, 'model.safetensors'))).toBe(before);
    await engine.call('quantize', { ...next, overwrite: true });
    expect(hash(join(out, 'model.safetensors'))).not.toBe(before);
  });
});

describe('what would lose data is refused', () => {
  const refusal = async (path: string, out = join(folder, 'never'), more = {}) => {
    const error = await failureOf(engine.call('quantize', request(path, out, { overwrite: true, ...more })));
    expect(existsSync(join(folder, 'never'))).toBe(false);
    return error;
  };

  it('a quantized model', async () => {
    const out = join(folder, 'once');
    await engine.call('quantize', request(demoModel, out));
    expect(await refusal(out)).toMatchObject({ code: 'refused', message: 'The model is quantized already.' });
  });

  it('a target that is the source, holds it, or is it by another name', async () => {
    const model = join(folder, 'own/model');
    cpSync(demoModel, model, { recursive: true });
    symlinkSync(model, join(folder, 'own/alias'));
    const before = hash(join(model, 'model.safetensors'));
    for (const out of [model, dirname(model), folder, join(folder, 'own/alias')]) {
      expect((await refusal(model, out)).code).toBe('refused');
    }
    expect(hash(join(model, 'model.safetensors'))).toBe(before);
  });

  it('a model with a fault', async () => {
    const path = writeModel(join(folder, 'short/model.safetensors'), [
      { name: 'x.weight', dtype: 'F32', shape: [2, 2], data: f32Data([1, 2, 3, 4]) },
    ]);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, bytes.length - 4));
    expect((await refusal(path)).code).toBe('refused');
  });

  it('NaN and infinity, by name and place', async () => {
    const values = f32Data([1, 2, 3, 4, Number.NaN, 6]);
    const path = writeModel(join(folder, 'nan/model.safetensors'), [
      { name: 'x.weight', dtype: 'F32', shape: [2, 3], data: values },
    ]);
    const { byteOffset } = readPlainSafetensors(path).get('x.weight')!;
    for (const granularity of ['row', 'tensor'] as const) {
      const error = await refusal(path, undefined, { granularity });
      expect(error.toJSON()).toEqual({
        code: 'non-finite',
        message: 'x.weight holds NaN at row 1, column 1, and cannot be quantized.',
        file: path,
        tensor: 'x.weight',
        byteOffset: byteOffset + 16,
      });
    }
  });

  it('a config.json that cannot be used, since the quantization belongs there', async () => {
    const path = writeModel(join(folder, 'config/model.safetensors'), [
      { name: 'x.weight', dtype: 'F32', shape: [1, 2], data: f32Data([1, 2]) },
    ]);
    writeFileSync(join(folder, 'config/config.json'), '{"rope_theta": NaN}');
    expect(await refusal(path)).toMatchObject({ code: 'refused' });
    writeFileSync(join(folder, 'config/config.json'), '{}');
    const report = await engine.call('quantize', request(path, join(folder, 'config-out')));
    const config = JSON.parse(readFileSync(join(dirname(report.open), 'config.json'), 'utf8'));
    expect(Object.keys(config)).toEqual(['quantization_config']);
  });

  it('a scale that its type cannot hold, naming the tensor', async () => {
    const path = writeModel(join(folder, 'scale/model.safetensors'), [
      { name: 'x.weight', dtype: 'F32', shape: [1, 2], data: f32Data([1e30, 2]) },
    ]);
    for (const granularity of ['row', 'tensor'] as const) {
      const error = await refusal(path, undefined, { granularity, scaleDtype: 'F16' });
      expect(error).toMatchObject({ code: 'refused', tensor: 'x.weight', file: path });
      expect(error.message).toMatch(/^x\.weight: /);
    }
  });

  it('a choice that does not exist', async () => {
    for (const more of [{ granularity: 'block:3' }, { scaleDtype: 'F64' }, { scheme: 'int7' }]) {
      expect((await refusal(demoModel, undefined, more)).code).toBe('usage');
    }
  });

  it('a GGUF file, in plain words', async () => {
    const path = join(folder, 'model.gguf');
    writeFileSync(
      path,
      makeGguf({
        metadata: [],
        tensors: [{ name: 'x.weight', dtype: 'F32', shape: [2, 2], data: f32Data([1, 2, 3, 4]) }],
      }),
    );
    expect(await refusal(path)).toMatchObject({ code: 'unsupported' });
  });

  it('a source that changes meanwhile', async () => {
    const path = writeModel(join(folder, 'moving/model.safetensors'), [
      { name: 'x.weight', dtype: 'F32', shape: [3000, 1000], data: f32Data(randomValues(3_000_000)) },
    ]);
    // On a busy machine the job can end before this process hears of its progress: then it is tried again.
    let failure: LoupeError | undefined;
    for (let attempt = 1; attempt <= 8 && !failure; attempt++) {
      rmSync(join(folder, 'never'), { recursive: true, force: true });
      let touched = false;
      const call = engine.call('quantize', request(path, join(folder, 'never'), { granularity: 'tensor' }), {
        progress: () => {
          if (!touched) utimesSync(path, attempt, attempt);
          touched = true;
        },
      });
      failure = await call.then(
        () => undefined,
        (thrown: LoupeError) => thrown,
      );
    }
    expect(failure?.code).toBe('changed');
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });
});
