/** Weights of small files that plain packers wrote, opened by the real engine and compared with the values they stand for. */
import { writeFileSync } from 'node:fs';
import { dirname, join as joinPath } from 'node:path';
import { expect } from 'vitest';
import type { EngineClient } from '../../../../src/engine/client';
import { aligned, type PackedFixture, rowsOf } from '../../../fixtures/packedWeights';
import { startEngine, temporaryFolder, writeModel } from '../support';

/** What a test of packed weights needs; call it at the top of a test file. */
export interface PackedReading {
  readonly engine: EngineClient;
  /** Writes a model of its own and returns its path. */
  readonly write: (fixture: Pick<PackedFixture, 'tensors' | 'config'>) => string;
  /** Opens, and compares the whole, a part in the middle, and the statistics with the values. */
  readonly expectValues: (fixture: PackedFixture) => Promise<void>;
}

export function startPackedReading(): PackedReading {
  const engine = startEngine();
  const folder = temporaryFolder();
  let models = 0;

  function write({ tensors, config }: Pick<PackedFixture, 'tensors' | 'config'>): string {
    const path = writeModel(joinPath(folder, `${models++}`, 'model.safetensors'), aligned(tensors));
    if (config) writeFileSync(joinPath(dirname(path), 'config.json'), JSON.stringify(config));
    return path;
  }

  async function expectValues(fixture: PackedFixture): Promise<void> {
    const path = write(fixture);
    const { values, shape } = fixture;
    const { tensors, findings } = await engine.call('open', { path });
    expect([findings, tensors.unreadable, tensors.count]).toEqual([[], [], 1]);
    expect([...tensors.shapes]).toEqual(shape);
    const { rows, columns } = sizeOf(shape);
    const whole = await engine.call('tile', { path, tensor: 0, rows, columns });
    expectSame(whole.values, values);
    const region = {
      row0: Math.floor(rows / 3),
      row1: rows,
      column0: Math.floor(columns / 5),
      column1: columns - 1,
    };
    const part = await engine.call('tile', {
      ...{ path, tensor: 0, region },
      ...{ rows: region.row1 - region.row0, columns: region.column1 - region.column0 },
    });
    const wanted = rowsOf([...values], columns)
      .slice(region.row0, region.row1)
      .flatMap((row) => row.slice(region.column0, region.column1));
    expectSame(part.values, Float32Array.from(wanted));
    const [stats] = await engine.call('stats', { path, tensors: [0], channels: 'none' });
    const finite = values.filter(Number.isFinite);
    const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
    const largest = finite.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(stats).toMatchObject({
      count: values.length,
      absmax: largest,
      zeros: finite.filter((value) => value === 0).length,
      nan: values.filter(Number.isNaN).length,
    });
    expect(Math.abs(stats!.mean! - mean)).toBeLessThanOrEqual(1e-12 * largest);
  }

  return { engine, write, expectValues };
}

/** As a matrix of the first dimension, as the engine sees a tensor without a slice. */
export function sizeOf(shape: readonly number[]): { rows: number; columns: number } {
  const [rows = 1] = shape;
  return { rows, columns: shape.slice(1).reduce((a, b) => a * b, 1) };
}

/** Same numbers; a cell of a tile has no -0. */
function expectSame(got: Float32Array, want: Float32Array): void {
  expect(got.length).toBe(want.length);
  for (const [i, value] of want.entries())
    if (!Object.is(got[i]! + 0, value + 0)) expect.fail(`value ${i} is ${got[i]}, not ${value}`);
}
