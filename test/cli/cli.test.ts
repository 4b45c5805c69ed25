import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { f32Data, makeSafetensors } from '../fixtures/makeCheckpoint';
import { plainInt8, plainValues, readPlainSafetensors } from '../fixtures/plainSafetensors';
import { demo, json, root, run, temporaryFolder } from './cliRun';

const demoFile = path.join(demo, 'model.safetensors');
const truthFolder = path.join(root, 'test/fixtures/demo-llama-3m-truth');
const truth = JSON.parse(readFileSync(path.join(truthFolder, 'truth.json'), 'utf8'));
const truthQuant = JSON.parse(readFileSync(path.join(truthFolder, 'truth_quant.json'), 'utf8'));
const work = temporaryFolder();

describe('inspect', () => {
  it('lists the demo model as its header does', () => {
    const { status, document } = json('inspect', demo);
    expect(status).toBe(0);
    expect(document.format).toBe('safetensors');
    expect(document.parameters).toBe(truth.model.total_parameters);
    expect(document.dtypes.BF16.tensors).toBe(39);
    expect(document.files).toEqual([{ path: demoFile, bytes: readFileSync(demoFile).length }]);
    expect(document.findings).toEqual([]);
    const plain = readPlainSafetensors(demoFile);
    expect(document.tensors.map((tensor: { name: string }) => tensor.name)).toEqual([...plain.keys()]);
    for (const tensor of document.tensors) {
      const own = plain.get(tensor.name)!;
      expect(tensor.shape).toEqual(own.shape);
      expect(tensor.bytes).toBe(own.bytes.length);
      expect(tensor.byteOffset).toBe(own.byteOffset);
      expect(tensor.file).toBe(demoFile);
    }
    expect(document.memory).toEqual({
      F32: 4 * truth.model.total_parameters,
      'F16/BF16': 2 * truth.model.total_parameters,
      INT8: truth.model.total_parameters,
      INT4: truth.model.total_parameters / 2,
    });
  });

  it('opens a sharded set from its index and from any shard as the same model', () => {
    const sharded = path.join(root, 'examples/demo-llama-3m-sharded');
    const fromIndex = json('inspect', path.join(sharded, 'model.safetensors.index.json')).document;
    expect(fromIndex.files).toHaveLength(3);
    expect(fromIndex.parameters).toBe(truth.model.total_parameters);
    for (const shard of readdirSync(sharded).filter((name) => name.endsWith('.safetensors'))) {
      const fromShard = json('inspect', path.join(sharded, shard)).document;
      expect(fromShard.tensors).toEqual(fromIndex.tensors);
    }
  });

  it('exits 3 with the reason and the byte offset for a malformed file', () => {
    const file = path.join(work, 'bad.safetensors');
    const header = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}';
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(file, Buffer.concat([length, Buffer.from(header), Buffer.alloc(4)]));
    const { status, document } = json('inspect', file);
    expect(status).toBe(3);
    expect(document.error.code).toBe('malformed');
    expect(document.error.tensor).toBe('a');
    expect(document.error.file).toBe(file);
    expect(typeof document.error.byteOffset).toBe('number');
  });

  it('exits 3 when a checkpoint opens with an error among its findings', () => {
    const file = path.join(work, 'short.safetensors');
    writeFileSync(file, readFileSync(demoFile).subarray(0, -1000));
    const { status, document } = json('inspect', file);
    expect(status).toBe(3);
    expect(document.findings.some((finding: { severity: string }) => finding.severity === 'error')).toBe(
      true,
    );
  });
});

describe('stats', () => {
  it('keeps figures in a folder on request, and gives the same ones from there', () => {
    const cache = path.join(work, 'cache');
    const plain = json('stats', demo).document;
    expect(json('stats', demo, '--cache', cache).document).toEqual(plain);
    const kept = readdirSync(cache);
    // One file of summaries, and one of each tensor's details.
    expect(kept.length).toBe(plain.tensors.length + 1);
    expect(json('stats', demo, '--cache', cache).document).toEqual(plain);
    const channels = json('stats', demo, '--channels').document;
    expect(json('stats', demo, '--channels', '--cache', cache).document).toEqual(channels);
    expect(run('stats', demo, '--cache', cache).stdout).toBe(run('stats', demo).stdout);
    expect(readdirSync(cache)).toEqual(kept);
  });

  it('finds NaN, infinities and zeros, and exits 3 for NaN', () => {
    const file = path.join(work, 'values.safetensors');
    const vector = (name: string, values: number[]) => ({
      name,
      dtype: 'F32',
      shape: [values.length],
      data: f32Data(values),
    });
    writeFileSync(
      file,
      makeSafetensors([
        vector('fine', [1, 0, 2]),
        vector('nan', [1, Number.NaN, 2, Number.NaN]),
        vector('inf', [Number.NEGATIVE_INFINITY, 1]),
        vector('zero', [0, 0, 0]),
      ]),
    );
    const all = json('stats', file);
    expect(all.status).toBe(3);
    expect(all.document.findings.map((f: Record<string, unknown>) => [f.severity, f.code, f.tensor])).toEqual(
      [
        ['error', 'nan-values', 'nan'],
        ['warning', 'inf-values', 'inf'],
        ['warning', 'all-zero', 'zero'],
      ],
    );
    const header = Number(readFileSync(file).readBigUInt64LE(0));
    expect(all.document.findings[0]).toMatchObject({ file, byteOffset: 8 + header + 12 });
    const text = run('stats', file, '--tensor', 'zero');
    expect(text.status).toBe(0);
    expect(text.stdout).toContain('warning all-zero: All 3 values of tensor "zero" are zero.');
    expect(json('stats', file, '--tensor', 'fine').document.findings).toEqual([]);
  });

  it('agrees with float64 figures computed elsewhere', () => {
    const { status, document } = json('stats', path.join(root, 'examples/demo-llama-3m-outliers'));
    expect(status).toBe(0);
    const expected = truth.tensor_stats.runs['demo-llama-3m-outliers'].BF16;
    expect(document.tensors).toHaveLength(39);
    for (const row of document.tensors) {
      const own = expected[row.name];
      expect(row.min).toBe(own.min);
      expect(row.max).toBe(own.max);
      expect(row.absmax).toBe(own.absmax);
      expect(row.zeros).toBe(own.zeros);
      expect(row.outliers.sigma6).toBe(own.count_dev_gt_6std);
      expect(Math.abs(row.mean - own.mean)).toBeLessThanOrEqual(1e-9 * Math.abs(own.mean));
      expect(Math.abs(row.std - own.std)).toBeLessThanOrEqual(1e-9 * own.std);
      expect(Math.abs(row.kurtosis - own.excess_kurtosis)).toBeLessThanOrEqual(
        1e-7 * (3 + Math.abs(own.excess_kurtosis)),
      );
      expect(row.percentiles['99.9']).toBeCloseTo(own.p99_9, 12);
      expect(row.percentiles['0.1']).toBeCloseTo(own.p0_1, 12);
      expect(row.percentiles['50']).toBeCloseTo(own.p50, 12);
    }
  });

  it('takes globs and gives channels', () => {
    const { document } = json('stats', demo, '--tensor', '*layers.1.mlp.*', '--channels');
    expect(document.tensors.map((row: { name: string }) => row.name).sort()).toEqual([
      'model.layers.1.mlp.down_proj.weight',
      'model.layers.1.mlp.gate_proj.weight',
      'model.layers.1.mlp.up_proj.weight',
    ]);
    const down = document.tensors.find((row: { name: string }) => row.name.includes('down'));
    const plain = plainValues(readPlainSafetensors(demoFile).get(down.name)!);
    const rowAbsmax = new Array(256).fill(0);
    const columnAbsmax = new Array(768).fill(0);
    plain.forEach((value, i) => {
      rowAbsmax[Math.floor(i / 768)] = Math.max(rowAbsmax[Math.floor(i / 768)], Math.abs(value));
      columnAbsmax[i % 768] = Math.max(columnAbsmax[i % 768], Math.abs(value));
    });
    expect(down.channels.rows.absmax).toEqual(rowAbsmax);
    expect(down.channels.columns.absmax).toEqual(columnAbsmax);
  });

  it('refuses a glob that matches nothing', () => {
    const { status, document } = json('stats', demo, '--tensor', 'nothing*');
    expect(status).toBe(2);
    expect(document.error.message).toContain('nothing*');
  });
});

describe('error', () => {
  it.each(['demo-llama-3m', 'demo-llama-3m-outliers'])(
    'agrees with figures computed elsewhere (%s)',
    (model) => {
      for (const [name, scheme, granularity] of [
        ['int8_absmax_per_tensor', 'int8-absmax', 'tensor'],
        ['int8_absmax_per_row', 'int8-absmax', 'row'],
        ['int8_zeropoint_per_tensor', 'int8-zeropoint', 'tensor'],
      ] as const) {
        const { status, document } = json(
          'error',
          path.join(root, 'examples', model),
          '--scheme',
          scheme,
          '--granularity',
          granularity,
          '--scale-dtype',
          'f32',
        );
        expect(status).toBe(0);
        const expected = truthQuant.runs[`${model}/from_BF16`];
        let compared = 0;
        for (const row of document.tensors) {
          const own = expected[row.name]?.[name];
          if (!own || row.from === row.to) continue;
          compared++;
          expect(Math.abs(row.mse / own.mse - 1)).toBeLessThan(2e-4);
          expect(Math.abs(row.sqnr - own.sqnr_db)).toBeLessThan(1e-3);
        }
        expect(compared).toBe(28);
      }
    },
  );

  it('gives a grid of mean |error|', () => {
    const tensor = 'model.layers.0.self_attn.k_proj.weight';
    const { document } = json('error', demo, '--scheme', 'int8-absmax', '--tensor', tensor, '--grid', '4x8');
    const [row] = document.tensors;
    expect(row.grid).toHaveLength(4);
    expect(row.grid[0]).toHaveLength(8);
    const mean = row.grid.flat().reduce((sum: number, value: number) => sum + value, 0) / 32;
    expect(Math.abs(mean / row.meanAbs - 1)).toBeLessThan(1e-5);
  });
});

describe('quantize', () => {
  it.each([
    ['int8-absmax', 'row'],
    ['int8-absmax', 'tensor'],
    ['int8-zeropoint', 'row'],
    ['int8-zeropoint', 'tensor'],
  ] as const)('writes %s per %s with the codes of the formula', (scheme, granularity) => {
    const out = path.join(work, `${scheme}-${granularity}`);
    const { status, document } = json(
      'quantize',
      demo,
      '--scheme',
      scheme,
      '--granularity',
      granularity,
      '--out',
      out,
    );
    expect(status).toBe(0);
    expect(document.backend.used).toBeTypeOf('string');
    const written = readPlainSafetensors(path.join(out, 'model.safetensors'));
    const source = readPlainSafetensors(demoFile);
    let quantized = 0;
    for (const row of document.tensors) {
      const original = source.get(row.name)!;
      if (row.from === row.to) {
        expect(Buffer.compare(written.get(row.name)!.bytes, original.bytes)).toBe(0);
        continue;
      }
      quantized++;
      const [rows, columns] = original.shape as [number, number];
      const own = plainInt8(plainValues(original), rows, columns, scheme, granularity);
      const packed = written.get(row.name.replace(/weight$/, 'weight_packed'))!;
      expect(packed.dtype).toBe('I32');
      expect(packed.shape).toEqual([rows, columns / 4]);
      const codes = Int8Array.from(packed.bytes, (byte) => byte - 128);
      expect(Buffer.compare(Buffer.from(codes.buffer), Buffer.from(own.codes.buffer))).toBe(0);
      const scale = written.get(row.name.replace(/weight$/, 'weight_scale'))!;
      expect(scale.dtype).toBe('BF16');
      expect(scale.shape).toEqual([rows, 1]);
      expect(plainValues(scale)).toEqual(own.scales);
      expect(Math.abs(row.mse / own.mse - 1)).toBeLessThan(1e-9);
      expect(Math.abs(row.sqnr - own.sqnr)).toBeLessThan(1e-9);
      expect(row.maxAbs).toBe(own.maxAbs);
    }
    expect(quantized).toBe(28);
    const config = JSON.parse(readFileSync(path.join(out, 'config.json'), 'utf8'));
    expect(config.quantization_config.format).toBe('pack-quantized');
    expect(config.quantization_config.ignore).toEqual(['lm_head']);
    expect(config.quantization_config.config_groups.group_0.weights.symmetric).toBe(scheme === 'int8-absmax');
    expect(existsSync(path.join(out, 'tokenizer.json'))).toBe(true);
    const reopened = json('inspect', out);
    expect(reopened.status).toBe(0);
    expect(reopened.document.parameters).toBe(truth.model.total_parameters);
    expect(reopened.document.dtypes.INT8.tensors).toBe(28);
  });

  it('says exact sizes in a dry run, and writes nothing', () => {
    const out = path.join(work, 'dry');
    const dry = json('quantize', demo, '--scheme', 'int8-absmax', '--out', out, '--dry-run').document;
    expect(existsSync(out)).toBe(false);
    const wet = json('quantize', demo, '--scheme', 'int8-absmax', '--out', out).document;
    expect(dry.bytesAfter).toBe(wet.bytesAfter);
    expect(dry.tensors.map((row: { bytes: number }) => row.bytes)).toEqual(
      wet.tensors.map((row: { bytes: number }) => row.bytes),
    );
  });

  it('touches an existing output only when told to', () => {
    const out = path.join(work, 'twice');
    cpSync(demo, out, { recursive: true });
    const before = readFileSync(path.join(out, 'model.safetensors'));
    const refused = json('quantize', demo, '--scheme', 'int8-absmax', '--out', out);
    expect(refused.status).toBe(3);
    expect(refused.document.error.code).toBe('exists');
    expect(readFileSync(path.join(out, 'model.safetensors')).equals(before)).toBe(true);
    expect(json('quantize', demo, '--scheme', 'int8-absmax', '--out', out, '--overwrite').status).toBe(0);
    expect(readPlainSafetensors(path.join(out, 'model.safetensors')).has('lm_head.weight')).toBe(true);
    expect(readdirSync(work).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('usage', () => {
  it.each([
    [['stats'], 'PATH'],
    [['quantize', demo], '--scheme'],
    [['quantize', demo, '--scheme', 'q9'], 'q9'],
    [['inspect', demo, '--pure'], '--pure'],
    [['frobnicate', demo], 'frobnicate'],
    [['error', demo, '--scheme', 'int8-absmax', '--grid', '4'], '--grid'],
  ])('exits 2 for %j', (args, named) => {
    const { status, document } = json(...args);
    expect(status).toBe(2);
    expect(document.error.code).toBe('usage');
    expect(document.error.message).toContain(named);
  });

  it('prints tables for people and nothing but the table on stdout', () => {
    const result = run('inspect', demo);
    expect(result.status).toBe(0);
    expect(result.stdout).toContain('3.30 M parameters');
    expect(result.stdout).toMatch(/model\.layers\.0\.mlp\.down_proj\.weight\s+BF16\s+256 × 768/);
    expect(result.stderr).toBe('');
    expect(run('--help').stdout).toContain('Usage: tensor-loupe');
  });

  it('exits 3 for a file that is not there', () => {
    const { status, document } = json('inspect', path.join(work, 'none.safetensors'));
    expect(status).toBe(3);
    expect(document.error.code).toBe('not-found');
  });
});
