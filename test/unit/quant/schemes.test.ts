import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCodes8Reference, encode8Reference } from '../../../src/kernels/reference/codes';
import { roundToDtype } from '../../../src/numeric/floats';
import { absmaxCode, type LinearCode, linearCodes, zeropointCode } from '../../../src/quant/linearCode';
import { schemeNamed, schemes } from '../../../src/quant/schemes';
import type { ScaleDtype } from '../../../src/quant/types';

const int8Absmax = absmaxCode(8);
const int8Zeropoint = zeropointCode(8);
const scaleDtypes: readonly ScaleDtype[] = ['F32', 'BF16', 'F16'];

/** Signed codes of a row, by the reference. */
function codesOf(
  scheme: LinearCode,
  values: number[],
  scaleDtype: ScaleDtype = 'F32',
  range = values,
): number[] {
  const { inverse, zero } = scheme.parameters(Math.min(...range), Math.max(...range), scaleDtype);
  const codes = encode8Reference(
    Float32Array.from(values),
    values.length,
    values.length,
    Float32Array.of(inverse),
    Float32Array.of(zero),
    scheme.low,
    scheme.high,
  );
  return [...codes].map((code) => code - 128);
}

describe('the founding examples', () => {
  it('absmax: the largest value 3.2 makes 0.1 a 4', () => {
    expect(codesOf(int8Absmax, [0.1, 3.2, -3])).toEqual([4, 127, -119]);
    expect(1 / int8Absmax.parameters(-3, 3.2, 'F32').scale).toBeCloseTo(127 / 3.2, 5);
  });

  it('zero-point: 3.2 and -3.0 give scale 41.13 and zero point -5, and make 0.1 a -1', () => {
    const { scale, zero } = int8Zeropoint.parameters(-3, 3.2, 'F32');
    expect(1 / scale).toBeCloseTo(41.13, 2);
    expect(zero - 128).toBe(-5);
    expect(codesOf(int8Zeropoint, [0.1], 'F32', [-3, 3.2])).toEqual([-1]);
    expect(codesOf(int8Zeropoint, [-3, 3.2, 0])).toEqual([-128, 127, -5]);
  });

  it('scale 0.1 and zero point 0 make 0.5 a 5', () => {
    const codes = encode8Reference(
      Float32Array.of(0.5),
      1,
      1,
      Float32Array.of(Math.fround(1 / Math.fround(0.1))),
      Float32Array.of(128),
      0,
      255,
    );
    expect(codes[0]! - 128).toBe(5);
  });
});

describe.each(linearCodes.map((scheme) => [scheme.name, scheme] as const))('%s', (_, scheme) => {
  it('stores a scale of the type that is asked for, with a finite reciprocal', () => {
    for (const scaleDtype of scaleDtypes) {
      for (const extent of [1e-45, 1e-38, 1e-30, 1e-7, 0.3, 1, 77, 1000]) {
        const range = Math.fround(extent);
        const { scale, inverse, zero } = scheme.parameters(-range, range, scaleDtype);
        expect(scale).toBeGreaterThan(0);
        expect(roundToDtype(scale, scaleDtype)).toBe(scale);
        expect(Number.isFinite(inverse)).toBe(true);
        expect(zero).toBeGreaterThanOrEqual(0);
        expect(zero).toBeLessThanOrEqual(scheme.high);
      }
    }
  });

  it('gives back every value within half a step, and one step at a widened edge', () => {
    const value = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 20 }),
        fc.constantFrom(...scaleDtypes),
        (values, dtype) => {
          const row = Float32Array.from(values);
          const parameters = scheme.parameters(Math.min(...row), Math.max(...row), dtype);
          const [zeros, scales] = [Float32Array.of(parameters.zero), Float32Array.of(parameters.scale)];
          const { length } = row;
          const codes = encode8Reference(
            row,
            length,
            length,
            Float32Array.of(parameters.inverse),
            zeros,
            scheme.low,
            scheme.high,
          );
          const back = decodeCodes8Reference(codes, length, length, scales, zeros);
          const steps = scheme.symmetric ? 0.501 : 1.01;
          return row.every((x, i) => Math.abs(x - back[i]!) <= steps * parameters.scale + 1e-44);
        },
      ),
    );
  });

  it('takes a row of zeros with scale 1 and codes 0', () => {
    const { scale, zero } = scheme.parameters(0, 0, 'BF16');
    expect(scale).toBe(1);
    expect(codesOf(scheme, [0, -0])).toEqual([zero - 128, zero - 128]);
  });

  it('refuses what it cannot represent', () => {
    expect(() => scheme.parameters(-1e9, 1e9, 'F16')).toThrowError(
      expect.objectContaining({ code: 'refused' }),
    );
    expect(scheme.parameters(-1e9, 1e9, 'BF16').scale).toBeGreaterThan(1e6);
    expect(() => scheme.parameters(Number.NaN, 1, 'F32')).toThrowError(
      expect.objectContaining({ code: 'non-finite' }),
    );
    expect(() => scheme.parameters(0, Number.POSITIVE_INFINITY, 'F32')).toThrow();
  });
});

describe('a coarse scale type', () => {
  it('is made larger where rounding down would clip', () => {
    // 127 * 2^-24 * 1.4 asks for 1.4 units of the smallest binary16; one unit would clip at 0.71 of the range.
    const largest = Math.fround(127 * 2 ** -24 * 1.4);
    expect(int8Absmax.parameters(-largest, largest, 'F16').scale).toBe(2 ** -23);
    expect(codesOf(int8Absmax, [largest], 'F16')).toEqual([89]);
    expect(int8Absmax.parameters(-1e-40, 1e-40, 'F16').scale).toBe(2 ** -24);
    expect(int8Absmax.parameters(-1e-40, 1e-40, 'BF16').scale).toBe(33 * 2 ** -133);
  });
});

describe('zero points', () => {
  it('stay in 8 bits for ranges of one sign, which are widened to hold 0', () => {
    expect(int8Zeropoint.parameters(1, 2, 'F32').zero).toBe(0);
    expect(int8Zeropoint.parameters(-2, -1, 'F32').zero).toBe(255);
    expect(codesOf(int8Zeropoint, [0.5, 2])).toEqual([-64, 127]);
  });

  it('keep 0 exact', () => {
    for (const [low, high] of [
      [-0.7, 0.2],
      [0.1, 5],
      [-3, -1],
    ] as const) {
      const { zero } = int8Zeropoint.parameters(low, high, 'BF16');
      expect(codesOf(int8Zeropoint, [0], 'BF16', [low, high])).toEqual([zero - 128]);
    }
  });
});

describe('the registry', () => {
  it('finds schemes by name and lists them for an unknown one', () => {
    expect(schemeNamed('int8-absmax').label).toBe('INT8 absmax');
    expect(schemes.length).toBe(new Set(schemes.map(({ name }) => name)).size);
    expect(() => schemeNamed('int3')).toThrow('int8-absmax, int8-zeropoint');
  });
});
