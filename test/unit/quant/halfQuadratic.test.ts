/** The power of the half-quadratic solver, and the solver beside its published form in float64. */
import { describe, expect, it } from 'vitest';
import { refineZero, shrinkPower } from '../../../src/quant/halfQuadratic';
import { linearCodeNamed, type QuantParameters } from '../../../src/quant/linearCode';

/** Normally distributed values, more or less. */
function normal(count: number, scale: number): Float32Array {
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Float32Array.from({ length: count }, () => (random() + random() + random() + 0.3) * scale);
}

/** `optimize_weights_proximal` of mobiusml/hqq as the paper writes it, in float64: the least mean |error| and its zero point. */
function published(values: Float32Array, high: number, { scale, zero: start }: QuantParameters) {
  let zero = start;
  let beta = 10;
  let least = { error: Number.POSITIVE_INFINITY, zero };
  for (let turn = 0; turn < 20; turn++, beta *= 1.01) {
    const codes = Array.from(values, (x) => Math.min(Math.max(Math.round(x / scale + zero), 0), high));
    const rests = codes.map((q, i) => values[i]! - (q - zero) * scale);
    const error = rests.reduce((sum, rest) => sum + Math.abs(rest), 0) / values.length;
    if (!(error < least.error)) break;
    least = { error, zero };
    const shrunk = rests.map(
      (rest) => Math.sign(rest) * Math.max(0, Math.abs(rest) - Math.abs(rest) ** -0.3 / beta),
    );
    zero = codes.reduce((sum, q, i) => sum + q - (values[i]! - shrunk[i]!) / scale, 0) / values.length;
  }
  return least;
}

describe('half-quadratic refinement', () => {
  it('takes powers to a hundred-thousandth', () => {
    for (let i = 0; i < 20_000; i++) {
      const x = Math.fround(1.0000219 ** i * 0.125 * 2 ** ((i % 7) * 21));
      expect(Math.abs(shrinkPower(x) / x ** -0.3 - 1)).toBeLessThan(1e-5);
    }
  });

  // Of small values every error shrinks to 0; of large ones not.
  it.each([0.02, 1, 40])('finds the published zero point, values about %d', (size) => {
    for (const name of ['int2-zeropoint', 'int4-zeropoint', 'int8-zeropoint'] as const) {
      const code = linearCodeNamed(name)!;
      const values = normal(257, size);
      const start = code.parameters(Math.min(...values), Math.max(...values), 'F32');
      const zero = refineZero(code, values, start);
      const wanted = published(values, code.high, start);
      // In units of codes; rounding may end the solver a turn earlier or later.
      expect(Math.abs(zero - wanted.zero)).toBeLessThan(0.02);
      if (name === 'int2-zeropoint') expect(zero).not.toBe(start.zero);
    }
  });
});
