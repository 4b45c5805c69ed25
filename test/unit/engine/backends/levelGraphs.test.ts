/** Graphs of codebooks and small floats beside their plain formulas: every threshold, its neighbours, and many random values. */
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { levelGraph } from '../../../../src/engine/backends/levelGraphs';
import { e2m1, e4m3, e5m2, type Minifloat, toMinifloat } from '../../../../src/numeric/minifloats';
import { fp4Thresholds, nf4Thresholds } from '../../../../src/quant/schemes/blockCodebook';
import { randomValues } from '../support';

const countBelow = (thresholds: Float32Array, value: number): number =>
  thresholds.filter((threshold) => value > threshold).length;
const formats: readonly (readonly ['e2m1' | 'e4m3' | 'e5m2', Minifloat])[] = [
  ['e2m1', e2m1],
  ['e4m3', e4m3],
  ['e5m2', e5m2],
];

/** Numbers around each given one: it, the float32 before and behind it, and all with the other sign. */
function around(values: Iterable<number>): number[] {
  return Array.from(values).flatMap((value) => {
    const words = Uint32Array.from([-1, 0, 1], (step) => {
      const [bits] = new Uint32Array(Float32Array.of(Math.abs(value)).buffer);
      return Math.max(0, bits! + step);
    });
    return Array.from(new Float32Array(words.buffer)).flatMap((one) => [one, -one]);
  });
}

/** Magnitudes from 2^-20 to 2^20, evenly by exponent. */
const wide = randomValues(20_000, 11).map((value, i) => value * 2 ** ((i % 41) - 20));

async function placesOf(name: Parameters<typeof levelGraph>[0], values: Float32Array): Promise<number[]> {
  const session = await ort.InferenceSession.create(levelGraph(name), { logSeverityLevel: 4 });
  const { codes } = await session.run({
    x: new ort.Tensor('float32', values, [1, values.length]),
    inverse: new ort.Tensor('float32', Float32Array.of(1), [1, 1]),
  });
  await session.release();
  return Array.from(codes!.data as Uint8Array);
}

describe.each(formats)('the graph of %s', (name, format) => {
  it('rounds every midpoint to even, its neighbours to nearest, and saturates', async () => {
    const finite = Array.from(format.values.subarray(0, format.largestCode + 1));
    const midpoints = finite.slice(1).map((value, i) => (value + finite[i]!) / 2);
    const beyond = [format.values[format.largestCode]! * 1.5, 3e38];
    const values = Float32Array.from([...around([...finite, ...midpoints, ...beyond]), ...wide]);
    const want = Array.from(values, (value) => toMinifloat(Math.abs(value), format, true));
    expect(await placesOf(name, values)).toEqual(want);
  });
});

describe.each([
  ['nf4', nf4Thresholds],
  ['fp4', fp4Thresholds],
] as const)('the graph of %s', (name, thresholds) => {
  it('counts the thresholds below each value, which lie below no threshold of their own', async () => {
    const values = Float32Array.from([...around([...thresholds, 0, 1, 2]), ...wide]);
    const want = Array.from(values, (value) =>
      countBelow(thresholds, name === 'fp4' ? Math.abs(value) : value),
    );
    expect(await placesOf(name, values)).toEqual(want);
  });
});
