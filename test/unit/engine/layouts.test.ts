/** Quantized layouts and long arrays through the real engine. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { headerCapBytes } from '../../../src/engine/headerCap';
import { f32Data, makeGguf, rawSafetensors } from '../../fixtures/makeCheckpoint';
import { failureOf, startEngine, temporaryFolder, writeModel } from './support';

const engine = startEngine();
const folder = temporaryFolder();

const rows = 5;
const columns = 7;
const codes = Int8Array.from({ length: rows * columns }, (_, i) => ((i * 37) % 256) - 128);
const weight = {
  name: 'w.weight',
  dtype: 'I8',
  shape: [rows, columns],
  data: new Uint8Array(codes.buffer),
};

describe('signed 8-bit codes with scales', () => {
  const scales = Float32Array.of(1, 0.5, 0.25, 2, 4);
  it.each([
    ['a scale a row', 'weight_scale', [rows, 1], scales],
    ['one scale', 'weight_scale', [1], Float32Array.of(0.125)],
    ['bitsandbytes', 'SCB', [rows], Float32Array.of(127, 254, 63.5, 12.7, 1)],
  ] as const)('are decoded: %s', async (name, suffix, shape, values) => {
    const path = writeModel(join(folder, name, 'model.safetensors'), [
      weight,
      { name: `w.${suffix}`, dtype: 'F32', shape: [...shape], data: f32Data(values) },
    ]);
    const catalogue = await engine.call('open', { path });
    expect(catalogue.tensors.count).toBe(1);
    expect(catalogue.tensors.unreadable).toEqual([]);
    expect(catalogue.parameters).toBe(rows * columns);
    expect(catalogue.quantization).toMatchObject({ bits: 8, weights: 1 });
    // bitsandbytes multiplies by the row's scale, then by the nearest float32 to 1 / 127 (transformers, bitsandbytes.py).
    const last = suffix === 'SCB' ? Math.fround(7.874015718698502e-3) : 1;
    const expected = Float32Array.from(
      codes,
      (code, i) => Math.fround(code * values[values.length === 1 ? 0 : Math.floor(i / columns)]!) * last,
    );
    const tile = await engine.call('tile', { path, tensor: 0, rows, columns });
    expect(tile.values).toEqual(expected);
    const [stats] = await engine.call('stats', { path, tensors: [0], channels: 'none' });
    expect(stats!.min).toBe(Math.min(...expected));
    expect(stats!.max).toBe(Math.max(...expected));
  });

  it('of pieces that do not fit are refused with the reason', async () => {
    const path = writeModel(join(folder, 'gptq', 'model.safetensors'), [
      { name: 'w.qweight', dtype: 'I32', shape: [16, 8], data: new Uint8Array(512) },
      { name: 'w.scales', dtype: 'I16', shape: [1, 8], data: new Uint8Array(16) },
      { name: 'w.g_idx', dtype: 'I32', shape: [128], data: new Uint8Array(512) },
    ]);
    const catalogue = await engine.call('open', { path });
    expect(catalogue.tensors.unreadable[0]!.reason).toBe(
      'Its GPTQ codes cannot be read: its scales are I16.',
    );
    expect(await engine.call('stats', { path, tensors: [0], channels: 'none' })).toEqual([null]);
    expect((await failureOf(engine.call('tile', { path, tensor: 0, rows: 1, columns: 1 }))).code).toBe(
      'unsupported',
    );
  });
});

describe('a slice of a long array', () => {
  const tokens = Array.from({ length: 5000 }, (_, i) => `<token ${i}>`);
  const path = join(folder, 'vocabulary.gguf');
  writeFileSync(
    path,
    makeGguf({
      metadata: [{ key: 'tokenizer.ggml.tokens', type: '[string]', value: tokens }],
      tensors: [],
    }),
  );
  const key = 'tokenizer.ggml.tokens';

  it('is read from the file', async () => {
    const slice = await engine.call('metadataSlice', { path, key, start: 4990, count: 50 });
    expect(slice).toEqual({ key, type: 'string', length: 5000, start: 4990, values: tokens.slice(4990) });
    const whole = await engine.call('metadataSlice', { path, key, start: 0, count: 1e9 });
    expect(whole.values).toEqual(tokens.slice(0, 4096));
  });

  it('is refused where there is none', async () => {
    const slice = (more: object) =>
      failureOf(engine.call('metadataSlice', { path, key, start: 0, count: 1, ...more }));
    expect((await slice({ key: 'other' })).code).toBe('usage');
    expect((await slice({ start: -1 })).code).toBe('usage');
    expect((await slice({ count: 0.5 })).code).toBe('usage');
    expect((await slice({ generation: 'old' })).code).toBe('changed');
    const safetensors = writeModel(join(folder, 'plain', 'model.safetensors'), []);
    expect((await slice({ path: safetensors })).code).toBe('unsupported');
  });
});

describe('the header limit', () => {
  it('can be raised, not lowered', () => {
    const cap = (value: string | undefined) => headerCapBytes({ TENSOR_LOUPE_HEADER_CAP_MB: value });
    expect(cap(undefined)).toBe(100_000_000);
    expect(cap('nonsense')).toBe(100_000_000);
    expect(cap('1')).toBe(100_000_000);
    expect(cap('250')).toBe(250_000_000);
    expect(cap('1e9')).toBe(2_000_000_000);
  });

  it('lets a longer header open', async () => {
    const path = join(folder, 'long.safetensors');
    writeFileSync(path, rawSafetensors(`{}${' '.repeat(100_000_100)}`));
    expect((await failureOf(engine.call('open', { path }))).message).toMatch(/at most 100000000/);
    const raised = startEngine({ env: { TENSOR_LOUPE_HEADER_CAP_MB: '101' } });
    expect((await raised.call('open', { path })).tensors.count).toBe(0);
  });
});
