/** Statistics, tiles and errors of every type that can be decoded, against the plain decoders, through the real engine. */
import { closeSync, mkdirSync, openSync, readdirSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TensorProto_DataType } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { decodeReference, decodeWideReference } from '../../../src/kernels/reference/decode';
import { decodableDtypes, dtypes, ggmlTypes, wideDtypes } from '../../../src/numeric/dtypes';
import type { Catalogue, TensorStats } from '../../../src/protocol/engineApi';
import { i64Data, makeGguf } from '../../fixtures/makeCheckpoint';
import { type GraphFields, makeOnnx, rawTensor } from '../../fixtures/makeOnnx';
import { sharedPath } from '../../fixtures/shared';
import { randomBlocks } from '../kernels/randomBlocks';
import { startEngine, temporaryFolder, writeModel } from './support';

const engine = startEngine();
const folder = temporaryFolder();

type Values = Float32Array | Float64Array;

/** The values of a tensor, read from the file and decoded by the reference. */
function valuesOf({ files, tensors }: Catalogue, index: number): Values {
  const bytes = new Uint8Array(tensors.bytes[index]!);
  const file = openSync(files[tensors.file[index]!]!.path, 'r');
  expect(readSync(file, bytes, 0, bytes.length, tensors.byteOffset[index]!)).toBe(bytes.length);
  closeSync(file);
  const dtype = tensors.dtypes[tensors.dtype[index]!]!;
  const decode = wideDtypes.has(dtype) ? decodeWideReference : decodeReference;
  return decode(dtype, bytes, tensors.elements[index]!);
}

function expectStats(stats: TensorStats | null, values: Values): void {
  const finite = [...values].filter(Number.isFinite);
  const mean = finite.reduce((sum, value) => sum + value / finite.length, 0);
  const moment = (power: number) =>
    finite.reduce((sum, value) => sum + (value - mean) ** power / finite.length, 0);
  const std = Math.sqrt(moment(2));
  expect(stats).toMatchObject({
    count: values.length,
    min: finite.reduce((least, value) => Math.min(least, value), Infinity) + 0,
    max: finite.reduce((most, value) => Math.max(most, value), -Infinity) + 0,
    zeros: finite.filter((value) => value === 0).length,
    nan: values.filter(Number.isNaN).length,
  });
  expect(Math.abs(stats!.mean! - mean)).toBeLessThanOrEqual(1e-9 * std);
  expect(Math.abs(stats!.std! - std)).toBeLessThanOrEqual(1e-9 * std);
  const kurtosis = moment(4) / std ** 4 - 3;
  expect(Math.abs(stats!.kurtosis! - kurtosis)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(kurtosis)));
  const far = (sigmas: number) => finite.filter((value) => Math.abs(value - mean) > sigmas * std).length;
  expect(stats!.outliers).toMatchObject({ sigma3: far(3), sigma6: far(6) });
}

/** Equal values, NaN where NaN is wanted; tiles hold no -0. */
function expectSameValues(got: Values, want: Values): void {
  expect(got.length).toBe(want.length);
  for (const [i, value] of want.entries()) {
    if (!Object.is(got[i]! + 0, value + 0)) expect.fail(`value ${i}: ${got[i]} is not ${value}`);
  }
}

const inGguf = [...ggmlTypes.values()].filter((dtype) => decodableDtypes.has(dtype));
const inSafetensors = [...decodableDtypes].filter(
  (dtype) => dtypes.has(dtype) && dtypes.get(dtype)!.kind !== 'quantized',
);
/** Types that ONNX packs, by the names of its own definitions. */
const inOnnx: Readonly<Record<string, keyof typeof TensorProto_DataType>> = {
  U4: 'UINT4',
  I4: 'INT4',
  U2: 'UINT2',
  I2: 'INT2',
  F4: 'FLOAT4E2M1',
  F8_E8M0: 'FLOAT8E8M0',
  F8_E4M3FNUZ: 'FLOAT8E4M3FNUZ',
};

/** A model of one tensor, random but for its scales. */
function randomModel(format: string, dtype: string, shape: readonly number[]): string {
  const elements = shape.reduce((product, size) => product * size, 1);
  const data = randomBlocks(dtype, elements, elements);
  // Random float64 spans more than its own sums can hold.
  if (dtype === 'F64')
    new Float64Array(data.buffer).set(Float64Array.from({ length: elements }, (_, i) => Math.sin(i)));
  const path = join(folder, `${dtype}-${shape.join('x')}.${format}`);
  const tensors = [{ name: 'w', dtype, shape, data }];
  mkdirSync(folder, { recursive: true });
  if (format === 'gguf') writeFileSync(path, makeGguf({ metadata: [], tensors }));
  else if (format === 'onnx') {
    const type = TensorProto_DataType[inOnnx[dtype]!];
    const raw = rawTensor('w', type, shape, new Uint8Array(data));
    writeFileSync(path, makeOnnx({ name: 'g', initializer: [raw] } as GraphFields));
  } else writeModel(path, tensors);
  return path;
}

describe.each([
  ...inGguf.map((dtype) => ['gguf', dtype] as const),
  ...inSafetensors.map((dtype) => ['safetensors', dtype] as const),
  ...Object.keys(inOnnx).map((dtype) => ['onnx', dtype] as const),
])('in %s, %s', (format, dtype) => {
  it('has the statistics and tiles of its values', async () => {
    const path = randomModel(format, dtype, [12, 1536]);
    const catalogue = await engine.call('open', { path });
    const values = valuesOf(catalogue, 0);
    const [stats] = await engine.call('stats', { path, tensors: [0], channels: 'full' });
    // NaN and infinities of the plain floats are counted and left out.
    expectStats(stats!, values);

    const region = { row0: 3, row1: 11, column0: 205, column1: 905 };
    const tile = await engine.call('tile', { path, tensor: 0, region, rows: 8, columns: 700 });
    const want = Float32Array.from({ length: 8 * 700 }, (_, i) => {
      return values[(3 + Math.floor(i / 700)) * 1536 + 205 + (i % 700)]!;
    });
    expectSameValues(tile.values, want);
  });
});

it('complex numbers are listed, and the reason why they are not read is told', async () => {
  const path = writeModel(join(folder, 'complex.safetensors'), [
    { name: 'w', dtype: 'C64', shape: [2, 2], data: new Uint8Array(32) },
  ]);
  const { tensors } = await engine.call('open', { path });
  expect(tensors.names).toEqual(['w']);
  expect(await engine.call('stats', { path, tensors: [0], channels: 'none' })).toEqual([null]);
  const tile = engine.call('tile', { path, tensor: 0, rows: 2, columns: 2 });
  await expect(tile).rejects.toThrow('Values of type C64 are complex');
});

/** numpy's default: linear between the two values around rank p / 100 * (n - 1). */
function percentileOf(values: Values, p: number): number {
  const sorted = values.filter(Number.isFinite).sort();
  const rank = (p / 100) * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(rank)]!, sorted[Math.ceil(rank)]!];
  return low + (high - low) * (rank - Math.floor(rank));
}

const fewValues = [...decodableDtypes].filter((dtype) => /^(BOOL|F[468](_.*)?|[IU][248]|B?F16)$/.test(dtype));

it.each(fewValues)('percentiles of %s are exact', async (dtype) => {
  const path = randomModel(dtypes.has(dtype) ? 'safetensors' : 'onnx', dtype, [7, 960]);
  const values = valuesOf(await engine.call('open', { path }), 0);
  const [stats] = await engine.call('stats', { path, tensors: [0], channels: 'none' });
  for (const p of ['0.1', '1', '50', '99', '99.9'] as const) {
    expect(stats!.percentiles[p], p).toBe(percentileOf(values, Number(p)) + 0);
  }
});

describe('rows longer than what is decoded at once', () => {
  it.each(['Q6_K', 'Q4_K', 'MXFP4', 'TQ1_0', 'IQ2_XS', 'IQ1_M'])('of %s', async (dtype) => {
    const columns = 2 ** 18 + 1280;
    const path = randomModel('gguf', dtype, [2, columns]);
    const values = valuesOf(await engine.call('open', { path }), 0);
    const [stats] = await engine.call('stats', { path, tensors: [0], channels: 'none' });
    expectStats(stats!, values);
    const region = { row0: 1, row1: 2, column0: 2 ** 18 - 100, column1: 2 ** 18 + 100 };
    const tile = await engine.call('tile', { path, tensor: 0, region, rows: 1, columns: 200 });
    const first = columns + region.column0;
    expectSameValues(tile.values, values.subarray(first, first + 200));
  });
});

it('integers keep the digits that float32 lacks', async () => {
  const data = i64Data([2 ** 40 + 1, -(2 ** 52) - 1, 0, 7]);
  const path = writeModel(join(folder, 'large.safetensors'), [
    { name: 'w', dtype: 'I64', shape: [2, 2], data },
  ]);
  const [stats] = await engine.call('stats', { path, tensors: [0], channels: 'none' });
  expect(stats).toMatchObject({ min: -(2 ** 52) - 1, max: 2 ** 40 + 1, zeros: 1, count: 4 });
  expect(stats!.mean).toBe((2 ** 40 + 1 - 2 ** 52 - 1 + 7) / 4);
});

it('rows that end inside a block are refused, and the tensors beside them are not', async () => {
  const path = writeModel(join(folder, 'cut.safetensors'), [
    { name: 'cut', dtype: 'F4', shape: [2, 3], data: new Uint8Array(3) },
    { name: 'whole', dtype: 'F4', shape: [2, 4], data: Uint8Array.of(0x10, 0x32, 0x54, 0xf6) },
  ]);
  const { tensors } = await engine.call('open', { path });
  expect(tensors.names).toEqual(['cut', 'whole']);
  const [cut, whole] = await engine.call('stats', { path, tensors: [0, 1], channels: 'none' });
  expect(cut).toBeNull();
  expect(whole).toMatchObject({ min: -6, max: 4, count: 8, zeros: 1 });
  const tile = await engine.call('tile', { path, tensor: 1, rows: 2, columns: 4 });
  expect([...tile.values]).toEqual([0, 0.5, 1, 1.5, 2, 3, 4, -6]);
});

const llamaFiles = sharedPath('golden/llama-quantize');
const original = sharedPath('models/stories260K/stories260K.gguf');
const ggufIn = (path: string | undefined) =>
  path === undefined ? [] : readdirSync(path).filter((name) => name.endsWith('.gguf'));

describe.skipIf(!llamaFiles).each(ggufIn(llamaFiles))('%s', (name) => {
  const path = join(llamaFiles ?? '', name);

  it('has finite statistics of every tensor, those of the decoded values', async () => {
    const catalogue = await engine.call('open', { path });
    const tensors = catalogue.tensors.names.map((_, i) => i);
    expect(tensors.length).toBeGreaterThan(40);
    const stats = await engine.call('stats', { path, tensors, channels: 'full' });
    for (const index of tensors) {
      expect(stats[index]).toMatchObject({ nan: 0, inf: 0 });
      expectStats(stats[index]!, valuesOf(catalogue, index));
    }
  });

  it.skipIf(!original)('has the error that its values have', async () => {
    const [before, after] = await Promise.all(
      [original!, path].map((file) => engine.call('open', { path: file })),
    );
    const tensorName = 'blk.0.attn_q.weight';
    const index = before!.tensors.names.indexOf(tensorName);
    const [x, y] = [valuesOf(before!, index), valuesOf(after!, after!.tensors.names.indexOf(tensorName))];
    const against = { kind: 'file', path } as const;
    const tile = await engine.call('errorTile', {
      path: original!,
      tensor: index,
      against,
      rows: 64,
      columns: 64,
    });
    expect(x.length).toBe(64 * 64);
    expectSameValues(tile.dequantized, y);
    const error = x.map((value, i) => Math.abs(value - y[i]!));
    expect(tile.error.findIndex((value, i) => Math.abs(value - error[i]!) > 1e-9)).toBe(-1);
    expect(error.some((value) => value > 0)).toBe(true);
  });
});
