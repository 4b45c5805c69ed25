import { describe, expect, it } from 'vitest';
import {
  binEdge,
  describeHistogram,
  expectedCount,
  logFloor,
  stepped,
} from '../../../webview-ui/draw/histogramData';

const histogram = { min: -1, max: 3, counts: new Float64Array([4, 0, 10, 2]) };

describe('histogram data', () => {
  it('steps from edge to edge and repeats the last bin', () => {
    expect(stepped(histogram, false)).toEqual({ x: [-1, 0, 1, 2, 3], y: [4, 0, 10, 2, 2] });
  });

  it('puts empty bins below a log axis', () => {
    expect(stepped(histogram, true).y).toEqual([4, logFloor / 2, 10, 2, 2]);
  });

  it('ends exactly at the upper edge', () => {
    expect(binEdge({ min: 0, max: 0.3, counts: new Float64Array(3) }, 3)).toBe(0.3);
  });

  it('expects as many values as the normal density says', () => {
    const normal = { mean: 0, std: 2, count: 1e6 };
    let sum = 0;
    for (let x = -12; x < 12; x += 0.1) sum += expectedCount(normal, 0.1, x) ?? 0;
    expect(sum).toBeGreaterThan(0.9999e6);
    expect(sum).toBeLessThan(1.0001e6);
    expect(expectedCount(normal, 0.1, 100)).toBeNull();
    expect(expectedCount({ mean: 0, std: 0, count: 5 }, 1, 0)).toBeNull();
  });

  it('is told in one sentence a series', () => {
    const text = describeHistogram([{ label: 'Original', histogram }], String);
    expect(text).toBe('Original: 16 values from -1 to 3, in 3 of 4 bins; most (10) between 1 and 2.');
    const empty = { min: 0, max: 1, counts: new Float64Array(2) };
    expect(describeHistogram([{ label: 'Empty', histogram: empty }], String)).toBe('Empty: no values.');
  });
});
