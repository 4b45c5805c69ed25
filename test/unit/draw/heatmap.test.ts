import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellUnder } from '../../../webview-ui/draw/heatmap';

describe('cellUnder', () => {
  it('gives each pixel its own cell where they are as many', () => {
    for (let pixel = 0; pixel < 7; pixel++) expect(cellUnder(pixel, 7, [0, 7], [0, 7], 7)).toBe(pixel);
  });

  it('divides a layer evenly, also at odd pixel ratios', () => {
    const counts = [0, 0, 0];
    for (let pixel = 0; pixel < 10; pixel++) counts[cellUnder(pixel, 10, [0, 3], [0, 3], 3)]!++;
    expect(counts).toEqual([3, 4, 3]);
  });

  it('knows what lies outside of the layer', () => {
    expect(cellUnder(0, 10, [0, 10], [5, 10], 5)).toBe(-1);
    expect(cellUnder(5, 10, [0, 10], [5, 10], 5)).toBe(0);
    expect(cellUnder(9, 10, [0, 20], [5, 10], 5)).toBe(-1);
  });

  it('never leaves the layer and never goes backwards', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 500 }),
        (pixels, elements, cells) => {
          let last = 0;
          for (let pixel = 0; pixel < pixels; pixel++) {
            const cell = cellUnder(pixel, pixels, [0, elements], [0, elements], cells);
            expect(cell).toBeGreaterThanOrEqual(last);
            expect(cell).toBeLessThan(cells);
            last = cell;
          }
        },
      ),
    );
  });
});
