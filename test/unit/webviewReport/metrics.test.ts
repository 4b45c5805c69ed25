import { describe, expect, it } from 'vitest';
import type { TensorError } from '../../../src/protocol/engineApi';
import {
  goodness,
  meanSqnr,
  metricNamed,
  metricRange,
  metrics,
} from '../../../webview-ui/views/report/metrics';

const row = (more: Partial<TensorError>): TensorError => ({
  name: 'w',
  from: 'BF16',
  to: 'INT8',
  bytes: 1,
  mse: 1e-6,
  sqnr: 30,
  maxAbs: 0.01,
  cosine: 0.999,
  meanAbs: 1e-3,
  ...more,
});
const kept = row({ to: 'BF16', sqnr: null, mse: 0, maxAbs: 0, meanAbs: 0, cosine: 1 });

describe('ranges', () => {
  it('run from worst to best whichever way is better, without kept tensors', () => {
    const rows = [row({ sqnr: 20, mse: 1e-4 }), kept, row({ sqnr: 45, mse: 1e-8 })];
    expect(metricRange(metricNamed('sqnr'), rows)).toEqual({ worst: 20, best: 45 });
    expect(metricRange(metricNamed('mse'), rows)).toEqual({ worst: 1e-4, best: 1e-8 });
    expect(metricRange(metricNamed('sqnr'), [kept])).toBeNull();
  });

  it('leave exact copies out, which are then best', () => {
    const rows = [row({ sqnr: null, mse: 0 }), row({ sqnr: 10 }), row({ sqnr: 12 })];
    const sqnr = metricNamed('sqnr');
    const range = metricRange(sqnr, rows);
    expect(range).toEqual({ worst: 10, best: 12 });
    expect(goodness(sqnr, range, sqnr.value(rows[0]!))).toBe(1);
    const mse = metricNamed('mse');
    expect(goodness(mse, metricRange(mse, rows), 0)).toBe(1);
  });
});

describe('goodness', () => {
  it('is linear in decibels and logarithmic in errors', () => {
    expect(goodness(metricNamed('sqnr'), { worst: 20, best: 40 }, 25)).toBeCloseTo(0.25, 12);
    expect(goodness(metricNamed('mse'), { worst: 1e-2, best: 1e-6 }, 1e-5)).toBeCloseTo(0.75, 12);
    expect(goodness(metricNamed('cosine'), { worst: 0.9, best: 0.9999 }, 0.999)).toBeCloseTo(2 / 3, 9);
  });

  it('is cut to its ends, keeps NaN, and calls a lone figure best', () => {
    const sqnr = metricNamed('sqnr');
    expect(goodness(sqnr, { worst: 20, best: 40 }, 10)).toBe(0);
    expect(goodness(sqnr, { worst: 20, best: 40 }, Number.NaN)).toBeNaN();
    expect(goodness(sqnr, { worst: 20, best: 20 }, 20)).toBe(1);
  });

  it.each(metrics.map((metric) => [metric.name, metric] as const))(
    'of %s agrees with "better"',
    (_name, metric) => {
      const rows = [
        row({ sqnr: 20, mse: 1e-3, maxAbs: 1, cosine: 0.9, meanAbs: 0.1 }),
        row({ sqnr: 30, mse: 1e-4, maxAbs: 0.1, cosine: 0.99, meanAbs: 0.01 }),
        row({ sqnr: 40, mse: 1e-5, maxAbs: 0.01, cosine: 0.999, meanAbs: 0.001 }),
      ];
      const range = metricRange(metric, rows);
      const places = rows.map((each) => goodness(metric, range, metric.value(each)));
      expect(places[0]).toBe(0);
      expect(places[1]).toBeCloseTo(0.5, 9);
      expect(places[2]).toBe(1);
    },
  );
});

it('mean SQNR is over quantized tensors with an error', () => {
  expect(meanSqnr([row({ sqnr: 20 }), row({ sqnr: 31 }), row({ sqnr: null }), kept])).toBe(25.5);
  expect(meanSqnr([kept])).toBeNull();
});

it('an unknown metric of an older state becomes SQNR', () => {
  expect(metricNamed('gone').name).toBe('sqnr');
});
