import { describe, expect, it } from 'vitest';
import type { ErrorTile } from '../../../src/protocol/engineApi';
import { colourRange, shareBeyond } from '../../../webview-ui/views/report/colourRange';

function tile(original: number[], error: number[], dequantized = original): ErrorTile {
  return {
    region: { row0: 0, row1: 1, column0: 0, column1: original.length },
    rows: 1,
    columns: original.length,
    original: Float32Array.from(original),
    dequantized: Float32Array.from(dequantized),
    error: Float32Array.from(error),
    signed: Float32Array.from(error, (value, i) => (i % 2 === 0 ? value : -value)),
  };
}

// 199 cells up to 1, and one outlier of -64 that the clipped range leaves out.
const many = tile(
  [...Array.from({ length: 199 }, (_, i) => (i + 1) / 199), -64],
  Array.from({ length: 200 }, (_, i) => (i + 1) / 1000),
);

describe('colourRange', () => {
  it('spans everything, both values on one scale', () => {
    const range = colourRange('whole', [
      { overview: tile([1, -2], [0.1, 0.2], [1, -3]), shown: tile([1, 1], [0, 0]), maxError: 0.5 },
    ]);
    expect(range).toEqual({
      signed: 3,
      error: 0.5,
      difference: 0.5,
      signedClipped: false,
      errorClipped: false,
      differenceClipped: false,
    });
  });

  it('leaves the largest few cells out when clipped, and says so', () => {
    const range = colourRange('clipped', [{ overview: many, shown: many, maxError: 0.3 }]);
    expect(range.signed).toBeCloseTo(195 / 199, 6);
    expect(range.signedClipped).toBe(true);
    expect(range.error).toBeCloseTo(0.195, 6);
    expect(range.errorClipped).toBe(true);
    // Signed errors are as large as those, half of them negative.
    expect(range.difference).toBeCloseTo(0.195, 6);
    expect(range.differenceClipped).toBe(true);
  });

  it('spans what is shown', () => {
    const range = colourRange('view', [
      { overview: many, shown: tile([0.25, -0.5], [0.01, 0.02]), maxError: 0.3 },
    ]);
    expect(range.signed).toBe(0.5);
    expect(range.error).toBeCloseTo(0.02, 6);
  });

  it('never gives an empty scale, and leaves NaN and infinities out', () => {
    const nothing = tile([Number.NaN, 0], [0, Number.NaN]);
    expect(colourRange('whole', [{ overview: nothing, shown: nothing, maxError: 0 }])).toMatchObject({
      signed: 1,
      error: 1,
      difference: 1,
    });
    const endless = tile([Number.POSITIVE_INFINITY, 2], [0, 1]);
    expect(colourRange('whole', [{ overview: endless, shown: endless, maxError: 1 }]).signed).toBe(2);
  });

  it('is the same for two schemes: the wider of both', () => {
    const [fine, coarse] = [tile([1, -2], [0.1, 0.1]), tile([1, -2], [0.4, 0.1], [1.4, -2.5])];
    const side = (overview: ErrorTile, maxError: number) => ({ overview, shown: overview, maxError });
    const range = colourRange('view', [side(fine, 0.1), side(coarse, 0.4)]);
    expect(range.signed).toBe(2.5);
    expect([range.error, range.difference]).toEqual([Math.fround(0.4), Math.fround(0.4)]);
    expect(colourRange('whole', [side(fine, 0.1), side(coarse, 0.7)]).error).toBe(0.7);
  });
});

describe('shareBeyond', () => {
  it('counts the cells that take the colour of an end', () => {
    expect(shareBeyond(many.original, 1)).toBe(1 / 200);
    expect(shareBeyond(Float32Array.of(-3, 2, Number.NaN, 1), 1)).toBe(0.5);
    expect(shareBeyond(new Float32Array(0), 1)).toBe(0);
  });
});
