import { describe, expect, it } from 'vitest';
import { decodeCodes8Reference, encode8Reference } from '../../../src/kernels/reference/codes';
import { loadKernels, place } from './loadKernels';
import { awkwardValues, randomNormal } from './randomValues';

const kernels = loadKernels();

const largest = (values: Float32Array): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Groups whose largest products lie around the last code, on both sides of each border that matters, and far beyond. */
function groupsOf(width: number, last: number): { values: Float32Array; inverses: Float32Array } {
  const products = [last - 1, last - 0.5, last, last + 0.25, last + 0.5, last + 0.75, last + 1, 4 * last, 0];
  const groups = products.flatMap((product, seed) => [
    // The largest value is exactly 1, so that its product is the reciprocal itself; it stands at both signs.
    {
      values: randomNormal(width, seed, 0, 0.2).map((v, i) => (i === seed ? 1 : clamped(v))),
      inverse: product,
    },
    {
      values: randomNormal(width, seed, 0, 0.2).map((v, i) => (i === 15 ? -1 : clamped(v))),
      inverse: product,
    },
    { values: new Float32Array(width), inverse: product },
    { values: awkwardValues(width, seed).map((v) => (Math.abs(v) > 1e30 ? 3 : v)), inverse: product / 3 },
  ]);
  const values = new Float32Array(groups.length * width);
  for (const [i, group] of groups.entries()) values.set(group.values, i * width);
  return { values, inverses: Float32Array.from(groups, ({ inverse }) => inverse) };
}

const clamped = (value: number): number => Math.min(Math.max(value, -1), 1);

describe.each([
  ['8 bits', 0, 255, 128],
  ['8 bits without the lowest code', 1, 255, 128],
  ['4 bits', 0, 15, 8],
  ['2 bits without the lowest code', 1, 3, 2],
] as const)('encodeSymmetric to %s', (_, low, high, zero) => {
  it.each([16, 32, 64, 4096])('gives the reference codes and values for groups of %i', (width) => {
    kernels.reset();
    const { values, inverses } = groupsOf(width, high - zero);
    const groups = inverses.length;
    const scales = inverses.map((inverse, i) => (inverse === 0 ? 0 : 1 / inverse) * (i % 2 ? 1 : 0.7));
    const zeros = new Float32Array(groups).fill(zero);
    const magnitudes = Float32Array.from({ length: groups }, (__, i) =>
      largest(values.subarray(i * width, (i + 1) * width)),
    );
    const [codes, dequantized] = [kernels.alloc(values.length), kernels.alloc(4 * values.length)];
    kernels.quant.encodeSymmetric(
      place(kernels, values),
      codes,
      dequantized,
      values.length,
      width,
      place(kernels, magnitudes),
      place(kernels, scales),
      place(kernels, inverses),
      place(kernels, zeros),
      low,
      high,
    );
    const want = encode8Reference(values, width, width, inverses, zeros, low, high);
    expect(kernels.u8(codes, values.length)).toEqual(want);
    const wanted = decodeCodes8Reference(want, width, width, scales, zeros);
    // -0 and 0 stand for the same.
    expect(kernels.f32(dequantized, values.length).map((y) => y + 0)).toEqual(wanted.map((y) => y + 0));
  });
});
