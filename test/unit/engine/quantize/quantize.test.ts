import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SchemeName, TensorError } from '../../../../src/protocol/engineApi';
import { fileHash } from '../../../fixtures/fileHash';
import { bf16Data, f32Data } from '../../../fixtures/makeCheckpoint';
import { plainInt8, plainValues, readPlainSafetensors } from '../../../fixtures/plainSafetensors';
import { readTruth } from '../../stats/demoModels';
import {
  demoModel,
  outlierModel,
  randomValues,
  request,
  startEngine,
  temporaryFolder,
  writeModel,
} from '../support';
import { pieces } from './writtenWeights';

const engine = startEngine();
const folder = temporaryFolder();
const schemes = ['int8-absmax', 'int8-zeropoint'] as const;
const variants = schemes.flatMap((scheme) =>
  (['row', 'tensor'] as const).map((granularity) => [scheme, granularity] as const),
);

const close = (got: number, want: number, tolerance: number) =>
  expect(Math.abs(got - want)).toBeLessThanOrEqual(tolerance * Math.abs(want));

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
          return { rows: report.tensors, hash: fileHash(report.open), open: report.open };
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
