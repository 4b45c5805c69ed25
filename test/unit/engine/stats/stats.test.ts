/** Statistics and tiles through the real forked engine. */
import { copyFileSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { longestChannelAxis } from '../../../../src/engine/stats/tensorStats';
import type { ChannelDetail, TensorStats } from '../../../../src/protocol/engineApi';
import { f32Data, makeGguf } from '../../../fixtures/makeCheckpoint';
import { plainValues, readPlainSafetensors } from '../../../fixtures/plainSafetensors';
import { sharedPath } from '../../../fixtures/shared';
import { readTruth } from '../../stats/demoModels';
import {
  demoModel,
  failureOf,
  outlierModel,
  randomValues,
  startEngine,
  temporaryFolder,
  writeModel,
} from '../support';

const engine = startEngine();
const folder = temporaryFolder();

async function statsOf(
  path: string,
  channels: ChannelDetail = 'none',
): Promise<Map<string, TensorStats | null>> {
  const { tensors, generation } = await engine.call('open', { path });
  const indices = tensors.names.map((_, i) => i);
  const stats = await engine.call('stats', { path, generation, tensors: indices, channels });
  return new Map(tensors.names.map((name, i) => [name, stats[i]!]));
}

interface TruthRow {
  min: number;
  max: number;
  mean: number;
  std: number;
  excess_kurtosis: number;
  count_dev_gt_6std: number;
  zeros: number;
  p50: number;
}
const truth = readTruth<{
  tensor_stats: { runs: Record<string, Record<string, Record<string, TruthRow>>> };
}>('truth.json').tensor_stats.runs;

const f32Model = sharedPath('models/demo-llama-3m-f32');
const ggufModel = sharedPath('models/demo-llama-3m.f16.gguf');
const cases = [
  ['demo-llama-3m', 'BF16', demoModel],
  ['demo-llama-3m-outliers', 'BF16', outlierModel],
  ...(f32Model ? [['demo-llama-3m', 'F32', f32Model] as const] : []),
] as const;

describe('statistics', () => {
  it.each(cases)('of %s in %s agree with truth.json', async (model, dtype, path) => {
    const got = await statsOf(path);
    const want = truth[model]![dtype]!;
    expect([...got.keys()].sort()).toEqual(Object.keys(want).sort());
    for (const [name, stats] of got) {
      const row = want[name]!;
      expect([name, stats!.min, stats!.max, stats!.zeros, stats!.outliers.sigma6]).toEqual([
        name,
        row.min,
        row.max,
        row.zeros,
        row.count_dev_gt_6std,
      ]);
      expect(Math.abs(stats!.mean! / row.mean - 1)).toBeLessThan(1e-9);
      expect(Math.abs(stats!.std! / row.std - 1)).toBeLessThan(1e-9);
      expect(Math.abs(stats!.kurtosis! - row.excess_kurtosis)).toBeLessThan(1e-7);
      const tolerance = dtype === 'BF16' ? 1e-12 : 2 ** -7;
      expect(Math.abs(stats!.percentiles['50']! - row.p50)).toBeLessThanOrEqual(
        tolerance * Math.abs(row.p50),
      );
    }
  });

  it.skipIf(!ggufModel)('of a GGUF file of the same model agree with the F16 figures', async () => {
    const sorted = (values: number[]) => values.sort((a, b) => a - b);
    // The norms stay F32 in GGUF; rotary heads are permuted rows, which changes the order of the sums alone.
    const matrices = [...(await statsOf(ggufModel!))].filter(([name]) => !name.includes('norm'));
    const got = sorted(matrices.map(([, stats]) => stats!.std!));
    const rows = Object.entries(truth['demo-llama-3m']!.F16!).filter(([name]) => !name.includes('norm'));
    const want = sorted(rows.map(([, { std }]) => std));
    expect(got.length).toBe(want.length);
    for (const [i, std] of got.entries()) expect(Math.abs(std / want[i]! - 1)).toBeLessThan(1e-9);
  });

  it('are the same to the last digit for any number of workers, in large tensors too', async () => {
    const path = writeModel(join(folder, 'large/model.safetensors'), [
      { name: 'f32', dtype: 'F32', shape: [3, 2_000_003], data: f32Data(randomValues(6_000_009)) },
      { name: 'f64', dtype: 'F64', shape: [2, 2_300_001], data: f64Data(randomValues(4_600_002, 5)) },
    ]);
    const call = { path, tensors: [0, 1], channels: 'none' } as const;
    const [one, three] = await Promise.all(
      ['1', '3'].map((workers) =>
        startEngine({ env: { TENSOR_LOUPE_WORKERS: workers } }).call('stats', call),
      ),
    );
    expect(one).toEqual(three);
    expect(one!.map((stats) => [stats!.name, stats!.count])).toEqual([
      ['f32', 6_000_009],
      ['f64', 4_600_002],
    ]);
    // Counted from the values themselves: the second pass runs on a type wider than 16 bits.
    const { mean, std, outliers } = one![0]!;
    const values = randomValues(6_000_009);
    expect(outliers.sigma3).toBe(values.filter((value) => Math.abs(value - mean!) > 3 * std!).length);
    expect(Math.abs(std! - 1 / Math.sqrt(3))).toBeLessThan(1e-3);
  });

  it('leaves channels out of an axis longer than anyone can draw', async () => {
    const path = join(folder, 'long-axes.gguf');
    const tensor = (name: string, count: number) => ({
      name,
      dtype: 'F32',
      shape: [count],
      data: f32Data(new Float32Array(count).fill(1)),
    });
    const tensors = [tensor('longest', longestChannelAxis), tensor('longer', longestChannelAxis + 1)];
    writeFileSync(path, makeGguf({ metadata: [], tensors }));
    const stats = await statsOf(path, 'full');
    expect(stats.get('longest')!.channels!.columns.absmax).toHaveLength(longestChannelAxis);
    expect(stats.get('longer')).toMatchObject({ count: longestChannelAxis + 1, mean: 1 });
    expect(stats.get('longer')!.channels).toBeUndefined();
  });

  it('count NaN and infinities and leave them out, in rows and columns too', async () => {
    const values = [1, Number.NaN, -3, 0, Number.POSITIVE_INFINITY, 2, Number.NEGATIVE_INFINITY, -0];
    const path = writeModel(join(folder, 'odd/model.safetensors'), [
      { name: 'odd', dtype: 'F32', shape: [2, 4], data: f32Data(values) },
      { name: 'nothing', dtype: 'F32', shape: [0, 4], data: f32Data([]) },
      { name: 'phases', dtype: 'C64', shape: [2], data: new Uint8Array(16) },
    ]);
    const all = await statsOf(path, 'full');
    const odd = all.get('odd')!;
    expect(odd).toMatchObject({ count: 8, nan: 1, inf: 2, zeros: 2, min: -3, max: 2, mean: 0 });
    expect([...odd.channels!.rows.absmax]).toEqual([3, 2]);
    expect([...odd.channels!.columns.absmax]).toEqual([1, 2, 3, 0]);
    expect(all.get('nothing')).toMatchObject({ count: 0, min: null, mean: null, histogram: null });
    expect(all.get('phases')).toBeNull();
  });

  it('find a NaN wherever it is in a large tensor', async () => {
    const [rows, columns] = [700, 512];
    const values = randomValues(rows * columns);
    const clean = writeModel(join(folder, 'clean.safetensors'), [
      { name: 'w', dtype: 'F32', shape: [rows, columns], data: f32Data(values) },
    ]);
    const expected = (await statsOf(clean, 'full')).get('w')!;
    const last = 650 * columns + 17;
    const left = values[last]!;
    values[last] = Number.NaN;
    const path = writeModel(join(folder, 'late-nan.safetensors'), [
      { name: 'w', dtype: 'F32', shape: [rows, columns], data: f32Data(values) },
    ]);
    const got = (await statsOf(path, 'full')).get('w')!;
    expect([got.nan, got.posInf, got.negInf, got.count]).toEqual([1, 0, 0, rows * columns]);
    expect([got.min, got.max, got.zeros]).toEqual([expected.min, expected.max, expected.zeros]);
    const n = rows * columns - 1;
    const sum = values.reduce((total, value) => (Number.isNaN(value) ? total : total + value), 0);
    expect(Math.abs(got.mean! - sum / n)).toBeLessThan(1e-12);
    // Every channel but the two that it lies in is as before.
    const [row, column] = [650, 17];
    const rest = (axis: Float32Array, without: number) => axis.filter((_, i) => i !== without);
    expect(rest(got.channels!.rows.rms, row)).toEqual(rest(expected.channels!.rows.rms, row));
    expect(rest(got.channels!.columns.absmax, column)).toEqual(
      rest(expected.channels!.columns.absmax, column),
    );
    const squares = values.subarray(row * columns, (row + 1) * columns).filter((v) => !Number.isNaN(v));
    const rms = Math.sqrt(squares.reduce((total, v) => total + v * v, 0) / (columns - 1));
    expect(Math.abs(got.channels!.rows.rms[row]! / rms - 1)).toBeLessThan(1e-6);
    expect(Number.isFinite(left)).toBe(true);
  });

  it('refuse a generation that is no longer the file', async () => {
    const path = join(folder, 'changing/model.safetensors');
    mkdirSync(join(folder, 'changing'));
    copyFileSync(join(demoModel, 'model.safetensors'), path);
    const { generation } = await engine.call('open', { path });
    utimesSync(path, 1000, 1000);
    const call = engine.call('stats', { path, generation, tensors: [0], channels: 'none' });
    expect((await failureOf(call)).code).toBe('changed');
    const again = await engine.call('open', { path });
    expect(again.generation).not.toBe(generation);
    const one = await engine.call('stats', { ...again, tensors: [0], channels: 'none' });
    expect(one[0]!.name).toBe('model.embed_tokens.weight');
  });
});

describe('a tile', () => {
  const plain = readPlainSafetensors(join(outlierModel, 'model.safetensors'));

  /** The fold in plain loops. */
  function folded(
    values: Float32Array,
    width: number,
    region: { row0: number; row1: number; column0: number; column1: number },
    rows: number,
    columns: number,
  ): number[] {
    const cells = new Array<number>(rows * columns).fill(0);
    const cellOf = (at: number, size: number, count: number) => {
      let cell = 0;
      while (Math.floor(((cell + 1) * size) / count) <= at) cell++;
      return cell;
    };
    for (let row = region.row0; row < region.row1; row++) {
      for (let column = region.column0; column < region.column1; column++) {
        const cell =
          cellOf(row - region.row0, region.row1 - region.row0, rows) * columns +
          cellOf(column - region.column0, region.column1 - region.column0, columns);
        const value = values[row * width + column]!;
        if (Number.isNaN(value) || Number.isNaN(cells[cell]!)) cells[cell] = Number.NaN;
        else if (Math.abs(value) > Math.abs(cells[cell]!)) cells[cell] = value;
        // Of equal magnitudes the positive one, so that the order of folding does not show.
        else if (value === -cells[cell]!) cells[cell] = Math.abs(value);
      }
    }
    return cells;
  }

  it.each([
    ['the whole', undefined, 16, 16],
    ['a part', { row0: 100, row1: 613, column0: 33, column1: 131 }, 10, 49],
    ['one cell', { row0: 5, row1: 6, column0: 7, column1: 8 }, 200, 200],
  ] as const)('of %s holds the values of largest magnitude', async (_, region, rows, columns) => {
    const { tensors } = await engine.call('open', { path: outlierModel });
    const name = 'model.layers.0.mlp.up_proj.weight';
    const tensor = tensors.names.indexOf(name);
    const tile = await engine.call('tile', { path: outlierModel, tensor, region, rows, columns });
    const used = region ?? { row0: 0, row1: 768, column0: 0, column1: 256 };
    expect(tile.region).toEqual(used);
    const values = plainValues(plain.get(name)!);
    expect([...tile.values]).toEqual(folded(values, 256, used, tile.rows, tile.columns));
    expect([tile.min, tile.max]).toEqual([Math.min(...tile.values), Math.max(...tile.values)]);
  });

  it('reads any columns of block types, long rows and vectors', async () => {
    const long = randomValues(2 * 700_001);
    const path = writeModel(join(folder, 'long/model.safetensors'), [
      { name: 'long', dtype: 'F32', shape: [2, 700_001], data: f32Data(long) },
      { name: 'vector', dtype: 'F32', shape: [5], data: f32Data([1, -2, Number.NaN, 4, -5]) },
    ]);
    const region = { row0: 0, row1: 2, column0: 3, column1: 300_000 };
    const tile = await engine.call('tile', { path, tensor: 0, region, rows: 2, columns: 7 });
    expect([...tile.values]).toEqual(folded(long, 700_001, region, 2, 7));
    const vector = await engine.call('tile', { path, tensor: 1, rows: 9, columns: 2 });
    expect([vector.rows, vector.columns, ...vector.values]).toEqual([1, 2, -2, Number.NaN]);

    // One Q8_0 block a half row: scale 0.5 or 2 as binary16, codes -16..15.
    const block = (scale: number) => [0, scale, ...Array.from({ length: 32 }, (_, i) => (i - 16) & 255)];
    const data = Uint8Array.from([...block(0x38), ...block(0x40), ...block(0x40), ...block(0x38)]);
    const gguf = join(folder, 'blocks.gguf');
    writeFileSync(
      gguf,
      makeGguf({ metadata: [], tensors: [{ name: 'q', dtype: 'Q8_0', shape: [2, 64], data }] }),
    );
    const part = { row0: 0, row1: 2, column0: 30, column1: 34 };
    const cells = await engine.call('tile', { path: gguf, tensor: 0, region: part, rows: 2, columns: 4 });
    expect([...cells.values]).toEqual([7, 7.5, -32, -30, 28, 30, -8, -7.5]);
  });

  it('refuses what is no region', async () => {
    for (const region of [
      { row0: 0, row1: 289, column0: 0, column1: 1 },
      { row0: 3, row1: 3, column0: 0, column1: 1 },
      { row0: 0.5, row1: 1, column0: 0, column1: 1 },
    ]) {
      const call = engine.call('tile', { path: demoModel, tensor: 0, region, rows: 1, columns: 1 });
      expect((await failureOf(call)).code).toBe('usage');
    }
    const call = engine.call('tile', { path: demoModel, tensor: 0, rows: 0, columns: 1 });
    expect((await failureOf(call)).code).toBe('usage');
    const none = engine.call('tile', { path: demoModel, tensor: 1000, rows: 1, columns: 1 });
    expect((await failureOf(none)).code).toBe('usage');
  });
});

function f64Data(values: Float32Array): Uint8Array {
  return new Uint8Array(Float64Array.from(values).buffer);
}
