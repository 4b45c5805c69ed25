/** Distributions over any range and beyond any sigma, through the real forked engine. */
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { failureOf, randomValues, startEngine, temporaryFolder, writeModel } from '../support';

const engine = startEngine();
const folder = temporaryFolder();

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

function beyond(values: Float32Array, sigma: number): number {
  const middle = mean(values);
  const std = Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
  return values.filter((value) => Math.abs(value - middle) > sigma * std).length;
}

describe('the distribution of a tensor', () => {
  // Rounded to 8 bits, so that BF16 holds them; in both types the file has the same values.
  const values = randomValues(64 * 100, 5).map((value) => Math.round(value * 64) / 64);
  const halves = Uint16Array.from(new Uint32Array(values.buffer), (word) => word >>> 16);
  const path = join(folder, 'model.safetensors');
  writeModel(path, [
    { name: 'a', dtype: 'BF16', shape: [64, 100], data: new Uint8Array(halves.buffer) },
    { name: 'b', dtype: 'F32', shape: [64, 100], data: new Uint8Array(values.buffer) },
  ]);
  const fine = randomValues(64 * 100, 9);
  const finePath = join(folder, 'fine.safetensors');
  writeModel(finePath, [{ name: 'fine', dtype: 'F32', shape: [64, 100], data: new Uint8Array(fine.buffer) }]);
  const sigmas = [0.5, 1, 2, 2.5, 3, 4];

  it('counts exactly beyond any sigma in 16-bit types', async () => {
    const { beyond: got } = await engine.call('distribution', { path, tensor: 0, bins: 1, sigmas });
    expect(got.map(({ count }) => count)).toEqual(sigmas.map((sigma) => beyond(values, sigma)));
    expect(got.every(({ isExact }) => isExact)).toBe(true);
  });

  it('says where a count of a wider type is not exact, and is near it', async () => {
    const { beyond: got } = await engine.call('distribution', {
      path: finePath,
      tensor: 0,
      bins: 1,
      sigmas: [0, ...sigmas, 60],
    });
    expect(got.at(-1)).toEqual({ sigma: 60, count: 0, isExact: true });
    for (const { sigma, count } of got.slice(1, -1)) {
      expect(Math.abs(count - beyond(fine, sigma))).toBeLessThan(fine.length / 50);
    }
    expect(got.some(({ isExact }) => !isExact)).toBe(true);
  });

  it('counts the values of any range', async () => {
    const { min, max } = { min: -0.25, max: 0.5 };
    for (const tensor of [0, 1]) {
      const { histogram } = await engine.call('distribution', {
        path,
        tensor,
        bins: 24,
        range: { min, max },
      });
      expect(histogram).toMatchObject({ min, max });
      const inside = values.filter((value) => value >= min && value <= max).length;
      const drawn = histogram!.counts.reduce((a, b) => a + b, 0);
      // Values at the very ends belong half to the range.
      expect(Math.abs(drawn - inside)).toBeLessThan(values.length / 20);
    }
    const whole = await engine.call('distribution', { path, tensor: 0, bins: 5 });
    expect(whole.histogram!.counts).toHaveLength(5);
    expect(whole.histogram!.counts.reduce((a, b) => a + b, 0)).toBeCloseTo(values.length, 6);
    expect(whole.beyond).toEqual([]);
  });

  it('refuses what makes no sense', async () => {
    const ask = (more: object) =>
      failureOf(engine.call('distribution', { path, tensor: 0, bins: 10, ...more }));
    for (const bins of [0, -1, 1.5, 1e9, Number.NaN]) expect((await ask({ bins })).code).toBe('usage');
    expect((await ask({ range: { min: 1, max: 0 } })).code).toBe('usage');
    expect((await ask({ range: { min: 0, max: Number.POSITIVE_INFINITY } })).code).toBe('usage');
    expect((await ask({ sigmas: [Number.NaN] })).code).toBe('usage');
    expect((await ask({ sigmas: new Array(65).fill(1) })).code).toBe('usage');
    expect((await ask({ tensor: 2 })).code).toBe('usage');
  });

  it('is that of the file as it is now', async () => {
    const before = await engine.call('distribution', { path, tensor: 0, bins: 3 });
    const { generation } = await engine.call('open', { path });
    const other = values.map((value) => value + 8);
    const words = Uint16Array.from(new Uint32Array(other.buffer), (word) => word >>> 16);
    writeModel(path, [
      { name: 'a', dtype: 'BF16', shape: [64, 100], data: new Uint8Array(words.buffer) },
      { name: 'b', dtype: 'F32', shape: [64, 100], data: new Uint8Array(other.buffer) },
    ]);
    utimesSync(path, new Date(), new Date(Date.now() + 5000));
    const after = await engine.call('distribution', { path, tensor: 0, bins: 3 });
    expect(after.histogram!.min).toBeGreaterThan(before.histogram!.min + 7);
    const stale = engine.call('distribution', { path, generation, tensor: 0, bins: 3 });
    expect((await failureOf(stale)).code).toBe('changed');
  });
});
