/** Statistics of every model among the shared ones, through the real forked engine. */
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TensorStats } from '../../../src/protocol/engineApi';
import { sharedPath } from '../../fixtures/shared';
import { startEngine } from './support';

const root = sharedPath('models');
const isModel = /\.(safetensors|gguf|onnx|pt|pth|npy|npz|safetensors\.index\.json)$/;

function modelsIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? modelsIn(path) : isModel.test(name) ? [path] : [];
  });
}

/** What holds for the figures of any tensor. */
function expectCoherent(stats: TensorStats, elements: number): void {
  const { count, nan, inf, posInf, negInf, zeros, denormals, top, min, max, mean, std, rms, absmax } = stats;
  expect(count).toBe(elements);
  expect(inf).toBe(posInf + negInf);
  expect(top.length).toBe(Math.min(16, count - nan - inf));
  if (min === null || max === null || mean === null || std === null || rms === null) {
    expect(count).toBe(nan + inf);
    return;
  }
  expect(zeros + denormals).toBeLessThanOrEqual(count);
  expect(mean).toBeGreaterThanOrEqual(min - 1e-12 * rms);
  expect(mean).toBeLessThanOrEqual(max + 1e-12 * rms);
  expect(Math.abs(top[0]!.value)).toBe(absmax);
  expect(absmax).toBe(Math.max(-min, max));
  expect(rms * rms).toBeCloseTo(mean * mean + std * std, -Math.log10(rms * rms + 1e-300) + 8);
  // Chebyshev's inequality.
  expect(stats.outliers.sigma3).toBeLessThanOrEqual(count / 9);
  expect(stats.outliers.sigma6).toBeLessThanOrEqual(count / 36);
  for (let i = 1; i < top.length; i++) {
    const [before, after] = [Math.abs(top[i - 1]!.value), Math.abs(top[i]!.value)];
    expect(before > after || (before === after && top[i - 1]!.index < top[i]!.index)).toBe(true);
  }
  const { rows, columns } = stats.channels!;
  const largest = (values: Float32Array) => values.reduce((a, b) => Math.max(a, b), 0);
  expect(largest(rows.absmax)).toBe(Math.fround(absmax!));
  expect(largest(columns.absmax)).toBe(Math.fround(absmax!));
  const energy = (values: Float32Array) =>
    values.reduce((sum, value) => sum + value * value, 0) / values.length;
  if (nan + inf === 0 && rms > 1e-15) {
    expect(energy(rows.rms) / (rms * rms)).toBeCloseTo(1, 5);
    expect(energy(columns.rms) / (rms * rms)).toBeCloseTo(1, 5);
  }
}

const models = root ? modelsIn(root).map((path) => [relative(root, path), path] as const) : [];

describe.skipIf(!root)('the shared models', () => {
  const engine = startEngine();

  it('are there', () => expect(models.length).toBeGreaterThan(5));

  it.each(models)('%s', async (_, path) => {
    const { tensors } = await engine.call('open', { path });
    const indices = tensors.names.map((_name, i) => i);
    const all = await engine.call('stats', { path, tensors: indices, channels: 'full' });
    const unreadable = new Set(tensors.unreadable.map(({ index }) => index));
    for (const [i, stats] of all.entries()) {
      if (stats === null) expect(unreadable.has(i), `${tensors.names[i]} has a reason`).toBe(true);
      else if (stats.count > 0) expectCoherent(stats, tensors.elements[i]!);
    }
  });
});
