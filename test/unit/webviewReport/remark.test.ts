import { describe, expect, it } from 'vitest';
import type { ErrorDetail, TensorError } from '../../../src/protocol/engineApi';
import {
  levelsWithin,
  magnitudeHolding,
  peakOf,
  remark,
  standing,
} from '../../../webview-ui/views/report/remark';

const row = (name: string, sqnr: number | null): TensorError => ({
  name,
  from: 'F32',
  to: 'INT8',
  bytes: 1,
  mse: 0,
  sqnr,
  maxAbs: 0,
  cosine: 1,
  meanAbs: 0,
});

const detail = (more: Partial<ErrorDetail>): ErrorDetail => ({
  tensor: row('a', 20),
  original: { min: -1, max: 1, counts: new Float64Array(100).fill(10) },
  dequantized: { min: -1, max: 1, counts: new Float64Array(100).fill(10) },
  rowError: new Float32Array(8).fill(0.1),
  columnError: new Float32Array(8).fill(0.1),
  worst: [],
  kl: 0,
  ...more,
});

describe('levelsWithin', () => {
  it('counts the multiples of the step, zero included', () => {
    // step = 127/127 = 1: -3..3
    expect(levelsWithin('int8-absmax', -127, 90, 3.5)).toBe(7);
    expect(levelsWithin('int8-absmax', -127, 90, 127)).toBe(255);
    // step = 255/255 = 1
    expect(levelsWithin('int8-zeropoint', -55, 200, 2)).toBe(5);
    expect(levelsWithin('int8-absmax', 0, 0, 1)).toBe(255);
  });
});

describe('magnitudeHolding', () => {
  it('finds the magnitude that holds the share, from whole bins', () => {
    // Bins of width 0.02 from -1 to 1: half of the values lie within +-0.5.
    const even = detail({}).original;
    expect(magnitudeHolding(even, 0.5)).toBeCloseTo(0.5, 12);
    expect(magnitudeHolding(even, 1)).toBeCloseTo(1, 12);
    expect(magnitudeHolding({ min: 0, max: 1, counts: new Float64Array(4) }, 0.5)).toBeNull();
  });
});

describe('peakOf', () => {
  it('measures the highest error in medians', () => {
    const peak = peakOf(Float32Array.of(1, 1, 4, 1, 1))!;
    expect(peak).toEqual({ index: 2, timesMedian: 4 });
    expect(peakOf(Float32Array.of(0, 0, 5, 0, 0))).toBeNull();
  });
});

describe('standing', () => {
  const rows = [row('a', 10), row('b', 30), row('c', 32), row('d', 36)];
  it('names the worst and the best, with the distance to the mean', () => {
    expect(standing(rows[0]!, rows)).toBe('The worst of 4 tensors, 17.0 dB below the mean.');
    expect(standing(rows[3]!, rows)).toBe('The best of 4 tensors, 9.0 dB above the mean.');
    expect(standing(rows[1]!, rows)).toBe('');
    expect(standing(row('e', null), rows)).toBe('The copy is exact.');
  });
});

describe('remark', () => {
  const rows = [row('a', 20), row('b', 30), row('c', 32)];
  const tensorScale = { scheme: 'int8-absmax', granularity: 'tensor' } as const;

  it('tells how few levels the bulk has under a scale that outliers set', () => {
    const counts = new Float64Array(400);
    counts.fill(5000, 199, 201);
    counts[399] = 1;
    const text = remark(
      rows[0]!,
      rows,
      tensorScale,
      detail({ original: { min: -4, max: 4, counts }, tensor: rows[0]! }),
    );
    // +-0.02 in steps of 4/127 = 0.0315: only zero.
    expect(text).toContain('within \u00b10.02 and share 1 of 255 levels');
    expect(text).toContain('must reach 4');
  });

  it('says so when nothing stands out', () => {
    expect(remark(rows[1]!, rows, tensorScale, detail({}))).toBe(
      'The error is evenly spread: no row or column has more than 3 times the median.',
    );
  });

  it('points at the row whose own scale is coarse', () => {
    const rowError = new Float32Array(8).fill(0.1);
    rowError[5] = 1;
    const rowScale = { scheme: 'int8-absmax', granularity: 'row' } as const;
    expect(remark(rows[1]!, rows, rowScale, detail({ rowError }))).toBe(
      'Row 5 has 10 times the median error: its own largest value sets its scale.',
    );
    // Of a pruned weight no scale need be the reason.
    expect(remark({ ...rows[1]!, to: 'INT8 pruned' }, rows, rowScale, detail({ rowError }))).toBe(
      'Row 5 has 10 times the median error, what was pruned included.',
    );
  });

  it('knows only the standing before the details have come', () => {
    expect(remark(rows[0]!, rows, tensorScale, undefined)).toBe(
      'The worst of 3 tensors, 7.3 dB below the mean.',
    );
  });
});
