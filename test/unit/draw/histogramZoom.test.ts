import { describe, expect, it } from 'vitest';
import { binAt, readBin } from '../../../webview-ui/draw/histogramData';
import {
  boundedRange,
  joinedRange,
  movedRange,
  type ValueRange,
  zoomedRange,
} from '../../../webview-ui/draw/histogramZoom';
import { normalTail } from '../../../webview-ui/draw/normalTail';

describe('zooming into a histogram', () => {
  const full = { min: -4, max: 4 };

  it('keeps the value under the pointer where it is', () => {
    const zoomed = zoomedRange(full, full, 2, 0.5);
    expect(zoomed).toEqual({ min: -1, max: 3 });
    const share = (range: ValueRange) => (2 - range.min) / (range.max - range.min);
    expect(share(zoomed)).toBe(share(full));
  });

  it('stays inside of the values, and ends at them', () => {
    expect(zoomedRange({ min: -1, max: 3 }, full, 3, 2)).toEqual({ min: -4, max: 4 });
    expect(zoomedRange({ min: 3, max: 4 }, full, 4, 4)).toEqual({ min: 0, max: 4 });
    expect(movedRange({ min: 2, max: 3 }, full, 5)).toEqual({ min: 3, max: 4 });
    expect(movedRange({ min: 2, max: 3 }, full, -0.5)).toEqual({ min: 1.5, max: 2.5 });
    expect(boundedRange({ min: -9, max: 9 }, full)).toEqual(full);
  });

  it('ends where numbers do', () => {
    let range: ValueRange = full;
    for (let step = 0; step < 200; step++) range = zoomedRange(range, full, 1, 0.5);
    expect(range.max).toBeGreaterThan(range.min);
    expect(joinedRange({ min: 0, max: 1 }, { min: -2, max: 0.5 })).toEqual({ min: -2, max: 1 });
    expect(joinedRange({ min: 0, max: 1 }, undefined)).toEqual({ min: 0, max: 1 });
  });
});

describe('the bin of a value', () => {
  const histogram = { min: -1, max: 3, counts: new Float64Array([4, 0, 10, 2]) };

  it('has its lower edge, the last also its upper', () => {
    expect([-1, -0.01, 0, 2.99, 3].map((value) => binAt(histogram, value))).toEqual([0, 0, 1, 3, 3]);
    expect(binAt(histogram, 3.01)).toBeNull();
    expect(binAt(histogram, Number.NaN)).toBeNull();
  });

  it('is read with its share of all', () => {
    expect(readBin(histogram, 2, 20)).toEqual({ from: 1, to: 2, count: 10, share: 0.5 });
  });
});

describe('the tails of the normal', () => {
  // 2 (1 - Phi(k)) as published, for instance in the table of the article "68-95-99.7 rule".
  it.each([
    [0, 1],
    [1, 0.3173105078629141],
    [2, 0.0455002638963584],
    [3, 0.0026997960632602],
    [4, 6.334248366624e-5],
    [5, 5.733031437e-7],
    [6, 1.97317529e-9],
    [7, 2.559625088e-12],
  ])('beyond %s sigma', (sigmas, share) => {
    expect(Math.abs(normalTail(sigmas) / share - 1)).toBeLessThan(1e-8);
  });
});
