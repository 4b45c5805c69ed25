import { describe, expect, it } from 'vitest';
import { bandNeeds, sampleBands } from '../../../../src/engine/sensitivity/sampleBands';
import { settingFor } from '../../../../src/quant/choice';
import { encodingFor } from '../../../../src/quant/encoding';
import { ratioInterval } from '../../../../src/quant/ratioInterval';
import type { SchemeChoice } from '../../../../src/quant/types';
import { randomNormal, randomSource } from '../../kernels/randomValues';

const plain = { rowMultiple: 1, elements: 0 };
const needs = (choice: SchemeChoice, rows: number, columns: number, headRows = 1) =>
  bandNeeds(encodingFor(settingFor(choice, 'BF16', { rows, columns })), columns, headRows);

describe('the bands of a sample', () => {
  it('are whole rows, in order and apart, one of each stretch, and the same ones each time', () => {
    const shape = { rows: 4096, columns: 11_008 };
    const bands = sampleBands('model.layers.3.mlp.down_proj.weight', shape, 2 ** 18, plain)!;
    expect(bands).toEqual(sampleBands('model.layers.3.mlp.down_proj.weight', shape, 2 ** 18, plain));
    let end = 0;
    for (const { row, rows, column, columns } of bands) {
      expect(row).toBeGreaterThanOrEqual(end);
      expect([column, columns]).toEqual([0, 11_008]);
      end = row + rows;
    }
    expect(end).toBeLessThanOrEqual(4096);
    // About as many as asked for: 23 rows of 11,008 are 253,184.
    expect(bands.reduce((sum, { rows }) => sum + rows, 0)).toBe(23);
  });

  it('differ from tensor to tensor, and reach every row sooner or later', () => {
    const shape = { rows: 1000, columns: 64 };
    const met = new Set<number>();
    for (let name = 0; name < 400; name++) {
      for (const { row, rows } of sampleBands(`layer ${name}`, shape, 4096, plain)!)
        for (let i = 0; i < rows; i++) met.add(row + i);
    }
    expect(met.size).toBe(1000);
  });

  it('are none where the sample would be half of the tensor or beyond what a worker holds', () => {
    expect(sampleBands('w', { rows: 63, columns: 4096 }, 2 ** 17, plain)).toBeUndefined();
    expect(sampleBands('w', { rows: 65, columns: 4096 }, 2 ** 17, plain)).toHaveLength(32);
    expect(sampleBands('w', { rows: 1, columns: 2 ** 30 }, 2 ** 18, plain)).toBeUndefined();
    expect(sampleBands('w', { rows: 1000, columns: 2 ** 21 }, 2 ** 18, plain)).toBeUndefined();
    expect(sampleBands('w', { rows: 0, columns: 0 }, 2 ** 18, plain)).toBeUndefined();
  });

  it('begin where blocks begin when that takes few rows, and hold whole blocks when it does not', () => {
    const nested = { scheme: 'nf4', granularity: 'block', doubleQuant: true } as const;
    // 256 scales of 64 values: 16,384, four rows of 4,096.
    expect(needs(nested, 4096, 4096)).toEqual({ rowMultiple: 4, elements: 0 });
    // 11,008 = 2^8 * 43: blocks begin at a row's begin every 64 rows alone.
    expect(needs(nested, 4096, 11_008)).toEqual({ rowMultiple: 1, elements: 32_768 });
    // Packing zero points takes 8 rows at once; their values do not.
    expect(needs({ scheme: 'int4-zeropoint', granularity: 'row' }, 4096, 4096)).toEqual(plain);
    expect(needs({ scheme: 'int4-absmax', granularity: 'block', blockSize: 32 }, 64, 300_000)).toEqual(plain);
    expect(
      needs({ scheme: 'int8-absmax', granularity: 'row', prune: 'heads', headSize: 128 }, 4096, 4096, 128),
    ).toEqual({ rowMultiple: 128, elements: 0 });
  });
});

/** Energies of a row under INT4 absmax: the formula, in float64. */
function rowEnergies(values: Float32Array): { error: number; signal: number } {
  const scale = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / 7;
  let [error, signal] = [0, 0];
  for (const value of values) {
    error += (value - scale * Math.round(value / scale)) ** 2;
    signal += value * value;
  }
  return { error, signal };
}

describe('the interval of a sample', () => {
  const [rows, columns] = [2048, 96];
  const next = randomSource(11);
  const matrices: readonly (readonly [string, (row: number) => number, number])[] = [
    ['rows alike', () => 1, 0.93],
    ['scales of rows spread log-normally', () => Math.exp(0.5 * (next() + next() + next() - 1.5) * 2), 0.93],
    ['scales that grow along the rows', (row) => 1 + (4 * row) / rows, 0.93],
    ['one row in four three times as large', (row) => (row % 4 === 3 ? 3 : 1), 0.92],
    // The limit that `ratioInterval` tells of: one sample in eight meets none of the rows that hold nearly everything.
    ['one row in sixteen ten times as large', (row) => (row % 16 === 3 ? 10 : 1), 0.7],
  ];

  it.each(matrices)('covers the whole tensor as often as it says: %s', (_, scaleOf, atLeast) => {
    const energies = Array.from({ length: rows }, (_, row) => {
      const scale = scaleOf(row);
      // Peaky rows have worse ratios, so that error does not simply follow the signal.
      const values = randomNormal(columns, row + 1, 0, scale);
      if (next() < 0.3) values[0] = 8 * scale;
      return rowEnergies(values);
    });
    const sum = (of: readonly { error: number; signal: number }[]) =>
      of.reduce((a, b) => ({ error: a.error + b.error, signal: a.signal + b.signal }));
    const whole = sum(energies);
    const truth = 10 * Math.log10(whole.signal / whole.error);
    let covered = 0;
    const trials = 1000;
    let width = 0;
    for (let trial = 0; trial < trials; trial++) {
      const bands = sampleBands(`tensor ${trial}`, { rows, columns }, 96 * 64, plain)!;
      const drawn = bands.map(({ row, rows: count }) => sum(energies.slice(row, row + count)));
      const { low, high } = ratioInterval(drawn, 64 / rows)!;
      if (low <= truth && truth <= high) covered++;
      width += (high - low) / trials;
    }
    console.log(
      `  covered ${((100 * covered) / trials).toFixed(1)} %, ${width.toFixed(2)} dB wide on average`,
    );
    expect(covered / trials).toBeGreaterThan(atLeast);
  });

  it('is what Cochran writes, and nothing where it cannot be known', () => {
    const bands = [
      { error: 1, signal: 100 },
      { error: 2, signal: 120 },
      { error: 1.5, signal: 90 },
    ];
    // r = 4.5 / 310; d = e - r s; v = (1 - f) n / (n - 1) sum d^2 / 310^2; t of 2 degrees of freedom is 4.303.
    const r = 4.5 / 310;
    const squares = (1 - 100 * r) ** 2 + (2 - 120 * r) ** 2 + (1.5 - 90 * r) ** 2;
    const deviation = Math.sqrt(((0.9 * 3) / 2) * (squares / 310 ** 2));
    const half = (4.303 * deviation * 10) / (r * Math.log(10));
    const { low, high } = ratioInterval(bands, 0.1)!;
    expect(low).toBeCloseTo(10 * Math.log10(310 / 4.5) - half, 9);
    expect(high).toBeCloseTo(10 * Math.log10(310 / 4.5) + half, 9);
    expect(ratioInterval(bands.slice(0, 1), 0.1)).toBeNull();
    expect(
      ratioInterval(
        [
          { error: 0, signal: 1 },
          { error: 0, signal: 2 },
        ],
        0.1,
      ),
    ).toBeNull();
  });
});
