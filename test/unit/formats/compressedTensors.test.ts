import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CountingSource, countingSource, openFileSource } from '../../../src/bytes/byteSource';
import type { Checkpoint } from '../../../src/formats/checkpoint';
import { groupedConfig } from '../../../src/formats/compressedTensors';
import { openCheckpoint } from '../../../src/formats/open';
import {
  f32Data,
  i32Data,
  i64Data,
  makeSafetensors,
  type TensorFixture,
} from '../../fixtures/makeCheckpoint';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loupe-packed-'));
});
afterEach(() => rm(folder, { recursive: true }));

const zeros = (n: number) => new Array<number>(n).fill(0);
const packed = (rows: number, words: number, x = 'x'): TensorFixture => ({
  name: `${x}.weight_packed`,
  dtype: 'I32',
  shape: [rows, words],
  data: i32Data(zeros(rows * words)),
});
const scale = (shape: number[], x = 'x'): TensorFixture => ({
  name: `${x}.weight_scale`,
  dtype: 'F32',
  shape,
  data: f32Data(zeros(shape.reduce((a, b) => a * b, 1))),
});
const shape = (rows: number, columns: number, x = 'x'): TensorFixture => ({
  name: `${x}.weight_shape`,
  dtype: 'I64',
  shape: [2],
  data: i64Data([rows, columns]),
});
const zeroPoint = (shape: [number, number]): TensorFixture => ({
  name: 'x.weight_zero_point',
  dtype: 'I32',
  shape,
  data: i32Data(zeros(shape[0] * shape[1])),
});

async function open(tensors: TensorFixture[], config?: unknown): Promise<Checkpoint> {
  await writeFile(join(folder, 'model.safetensors'), makeSafetensors(tensors));
  if (config) await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return openCheckpoint(folder);
}

describe('pack-quantized weights', () => {
  it('fold into one logical INT8 weight', async () => {
    const norm = { name: 'norm.weight', dtype: 'F32', shape: [6], data: f32Data(zeros(6)) };
    const { tensors, findings } = await open([shape(3, 6), packed(3, 2), scale([3, 1]), norm]);
    expect(findings).toEqual([]);
    expect(tensors.map(({ name }) => name)).toEqual(['x.weight', 'norm.weight']);
    expect(tensors[0]).toMatchObject({ dtype: 'INT8', shape: [3, 6], elements: 18, bytes: 24 + 12 + 16 });
    const pieces = tensors[0]!.pieces!;
    expect(pieces).toMatchObject({ layout: 'pack-quantized', bits: 8 });
    const { codes, meaning } = tensors[0]!.packed!;
    expect(meaning).toEqual({ kind: 'integer', zeroPoints: { kind: 'constant', value: 128 } });
    expect(codes).toMatchObject({ name: 'x.weight_packed', dtype: 'I32', shape: [3, 2], bytes: 24 });
    expect(tensors[0]!.byteOffset).toBe(codes.byteOffset);
  });

  it('fold with zero points and groups, 4 bits wide', async () => {
    const { tensors, findings } = await open([
      shape(16, 64),
      packed(16, 8),
      scale([16, 2]),
      zeroPoint([2, 2]),
    ]);
    expect(findings).toEqual([]);
    expect(tensors).toHaveLength(1);
    expect(tensors[0]).toMatchObject({ name: 'x.weight', dtype: 'INT4', shape: [16, 64], elements: 1024 });
    expect(tensors[0]!.packed!.meaning).toMatchObject({
      zeroPoints: { kind: 'rows', dense: true, span: { shape: [2, 2], bytes: 16 } },
    });
    expect(tensors[0]!.bytes).toBe(512 + 128 + 16 + 16);
  });

  it('take the width from config.json where a short row leaves it open', async () => {
    const pieces = [shape(2, 2), packed(2, 1), scale([2, 1])];
    expect((await open(pieces)).tensors[0]!.dtype).toBe('INT8');
    const config = { quantization_config: { config_groups: { g: { weights: { num_bits: 4 } } } } };
    expect((await open(pieces, config)).tensors[0]!.dtype).toBe('INT4');
  });

  it.each<[string, TensorFixture[], RegExp]>([
    ['no scale', [shape(3, 6), packed(3, 2)], /weight_scale is missing/],
    ['no shape', [packed(3, 2), scale([3, 1])], /weight_shape is missing/],
    ['other rows', [shape(4, 6), packed(3, 2), scale([3, 1])], /says 4 rows, but 3 are stored/],
    ['columns of no known width', [shape(3, 50), packed(3, 2), scale([3, 1])], /no known width/],
    ['impossible columns', [shape(3, -5), packed(3, 2), scale([3, 1])], /says -5 columns/],
    ['other scales', [shape(3, 6), packed(3, 2), scale([2, 1])], /scales are shaped \[2, 1\]/],
    [
      'other zero points',
      [shape(3, 6), packed(3, 2), scale([3, 1]), zeroPoint([3, 1])],
      /should be I32 \[1, 1\]/,
    ],
    [
      'an unpacked weight of the name',
      [shape(3, 6), packed(3, 2), scale([3, 1]), { ...scale([3, 1]), name: 'x.weight' }],
      /unpacked weight of the same name/,
    ],
  ])('stay as stored with a warning: %s', async (_, pieces, reason) => {
    const { tensors, findings } = await open(pieces);
    expect(tensors.map(({ name }) => name).sort()).toEqual(pieces.map(({ name }) => name).sort());
    expect(findings.map(({ severity, code, tensor }) => [severity, code, tensor])).toEqual([
      ['warning', 'packed-inconsistent', 'x.weight_packed'],
    ]);
    expect(findings[0]!.message).toMatch(reason);
  });

  it('may have an order of their columns', async () => {
    const order = { ...packed(1, 6), name: 'x.weight_g_idx', shape: [6] };
    const { tensors, findings } = await open([shape(3, 6), packed(3, 2), scale([3, 1]), order]);
    expect(findings).toEqual([]);
    expect(tensors).toHaveLength(1);
    expect(tensors[0]!.pieces!.parts.map(({ role }) => role)).toContain('column order');
    expect(tensors[0]!.packed!.columnGroups).toMatchObject({ name: 'x.weight_g_idx' });
  });

  it('leave other layouts of the same name alone', async () => {
    const other = { name: 'x.weight_packed', dtype: 'I16', shape: [2, 1], data: new Uint8Array(4) };
    const { tensors, findings } = await open([other]);
    expect(tensors.map(({ name }) => name)).toEqual(['x.weight_packed']);
    expect(findings).toEqual([]);
  });

  it('cost 16 bytes a weight beyond the header, read together', async () => {
    const modules = Array.from({ length: 200 }, (_, i) => `m${i}`);
    const file = makeSafetensors([
      ...modules.map((x) => shape(64, 256, x)),
      ...modules.map((x) => packed(64, 64, x)),
      ...modules.map((x) => scale([64, 1], x)),
    ]);
    await writeFile(join(folder, 'model.safetensors'), file);
    const sources: CountingSource[] = [];
    const checkpoint = await openCheckpoint(folder, {
      openSource: async (path) => {
        const source = countingSource(await openFileSource(path));
        sources.push(source);
        return source;
      },
    });
    const bytesRead = sources.reduce((sum, source) => sum + source.bytesRead, 0);
    const reads = sources.reduce((sum, source) => sum + source.reads, 0);
    expect(checkpoint.tensors).toHaveLength(200);
    const headerBytes = Math.min(
      ...checkpoint.tensors.map(({ pieces }) => pieces!.parts.at(-1)!.span.byteOffset),
    );
    expect(bytesRead).toBeLessThanOrEqual(headerBytes + 200 * 16 + 16_384);
    expect(reads).toBeLessThanOrEqual(5);
  });
});

it('groupedConfig describes weight-only INT8 as loaders want it', () => {
  const weights = { num_bits: 8, type: 'int', symmetric: true, strategy: 'channel', dynamic: false };
  const groups = [{ format: 'pack-quantized', weights, targets: ['Linear'] }];
  expect(groupedConfig({ groups, ignore: ['lm_head'] })).toEqual({
    quant_method: 'compressed-tensors',
    format: 'pack-quantized',
    quantization_status: 'compressed',
    global_compression_ratio: null,
    ignore: ['lm_head'],
    kv_cache_scheme: null,
    config_groups: {
      group_0: {
        targets: ['Linear'],
        weights,
        input_activations: null,
        output_activations: null,
      },
    },
  });
});
