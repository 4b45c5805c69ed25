import { describe, expect, it } from 'vitest';
import type { HistogramContent } from '../../../webview-ui/draw/histogramContent';
import { histogramUnit, inUnit } from '../../../webview-ui/draw/histogramUnit';

const histogram = (min: number, max: number) => ({ min, max, counts: Float64Array.of(1, 2) });
const content = (min: number, max: number, more: Partial<HistogramContent> = {}): HistogramContent => ({
  series: [{ label: 'values', histogram: histogram(min, max) }],
  log: true,
  format: (value) => value.toExponential(1),
  ...more,
});

describe('the unit of a histogram', () => {
  it('is 1 for ordinary values, and a power of ten near what an axis has no labels for', () => {
    expect(histogramUnit(content(-0.1, 4))).toBe(1);
    expect(histogramUnit(content(0, 0))).toBe(1);
    expect(histogramUnit(content(-2e300, 1e10))).toBe(1e300);
    expect(histogramUnit(content(0, 3e-41))).toBe(10 ** -41);
    // Float64's smallest number, below which there is no power of ten.
    expect(histogramUnit(content(0, 5e-324))).toBe(5e-324);
    // What is zoomed into counts, not the whole.
    expect(histogramUnit(content(0, 1e300, { range: { min: -2, max: 2 } }))).toBe(1);
  });

  it('changes what is drawn, and nothing that is told or called back', () => {
    const calls: unknown[] = [];
    const scaled = inUnit(
      content(-2e300, 4e300, {
        normal: { mean: 1e300, std: 2e299, count: 3 },
        range: { min: -2e300, max: 4e300 },
        marks: [{ label: 'median', value: 3e300 }],
        onCursor: (value) => calls.push(value),
        onSelect: (range) => calls.push(range),
      }),
      1e300,
    );
    expect(scaled.series[0].histogram).toEqual(histogram(-2, 4));
    expect([scaled.normal, scaled.range]).toEqual([
      { mean: 1, std: expect.closeTo(0.2, 12), count: 3 },
      { min: -2, max: 4 },
    ]);
    expect(scaled.marks![0]!.value).toBe(3);
    expect(scaled.format(2)).toBe('2.0e+300');
    scaled.onCursor!(undefined);
    scaled.onCursor!(3);
    scaled.onSelect!({ min: 1, max: 2 });
    expect(calls).toEqual([undefined, 3e300, { min: 1e300, max: 2e300 }]);
    const plain = content(0, 1);
    expect(inUnit(plain, 1)).toBe(plain);
  });
});
