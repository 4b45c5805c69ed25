import { describe, expect, it } from 'vitest';
import { divergenceBins, smoothing, valueDivergence } from '../../../src/quant/valueDivergence';
import { randomSource } from '../kernels/randomValues';

/** The definition word for word, in natural logarithms: mix both, sum p ln(p / q), divide by ln 2. */
function plainDivergence(original: number[], dequantized: number[]): number {
  const mixed = (counts: number[]) => {
    const total = counts.reduce((a, b) => a + b);
    return counts.map((count) => (1 - 2 ** -10) * (count / total) + 2 ** -10 * (1 / counts.length));
  };
  const p = mixed(original);
  const q = mixed(dequantized);
  return p.map((share, i) => share * Math.log(share / q[i]!)).reduce((a, b) => a + b) / Math.log(2);
}

describe('the divergence of value histograms', () => {
  it('is what the definition says', () => {
    const next = randomSource(5);
    for (let round = 0; round < 20; round++) {
      const counts = () => Array.from({ length: 128 }, () => (next() < 0.3 ? 0 : Math.floor(1000 * next())));
      const [original, dequantized] = [counts(), counts()];
      const want = plainDivergence(original, dequantized);
      expect(Math.abs(valueDivergence(original, dequantized) - want)).toBeLessThan(1e-12 * want + 1e-13);
    }
  });

  it('is 0 for equal shares, however many values there are, and for no values', () => {
    expect(valueDivergence([1, 2, 3, 0], [10, 20, 30, 0])).toBe(0);
    expect(valueDivergence([0, 0], [0, 0])).toBe(0);
  });

  it('tends to the textbook number where no bin is empty', () => {
    // Cover and Thomas, Elements of Information Theory, example 2.3.1 with r = 1/2, s = 1/4: D(p||q) = 0.2075 bits,
    // and the other way 0.1887.
    expect(valueDivergence([500, 500], [750, 250])).toBeCloseTo(0.2075, 2);
    expect(valueDivergence([750, 250], [500, 500])).toBeCloseTo(0.1887, 2);
  });

  it('stays finite where all values have gone to one bin', () => {
    const original = new Array<number>(128).fill(100);
    const collapsed = new Array<number>(128).fill(0);
    collapsed[64] = 12_800;
    // Nearly all of the mass meets what the uniform share leaves in empty bins: log2(1 / smoothing).
    expect(valueDivergence(original, collapsed)).toBeGreaterThan(0.98 * -Math.log2(smoothing) * (127 / 128));
    expect(valueDivergence(original, collapsed)).toBeLessThan(-Math.log2(smoothing));
  });

  it('has bins of a sixteenth of sigma around the mean, also where all values are the same', () => {
    expect(divergenceBins(3, 2)).toEqual({ min: -5, max: 11, bins: 128 });
    expect(divergenceBins(0, 0)).toEqual({ min: -4, max: 4, bins: 128 });
    expect(divergenceBins(2, 0)).toEqual({ min: -6, max: 10, bins: 128 });
  });
});
