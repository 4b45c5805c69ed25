/** One element's bits, digits and block, through the real engine. */
import { describe, expect, it } from 'vitest';
import { decodableDtypes, ggmlTypes } from '../../../../src/numeric/dtypes';
import { failureOf, startEngine, temporaryFolder } from '../support';
import { flatIndex, matrixFixture } from './matrixFixture';

const engine = startEngine();
const folder = temporaryFolder();
const plainDtypes = [
  'F64',
  'F32',
  'F16',
  'BF16',
  'F8_E4M3',
  'F8_E5M2',
  'F8_E8M0',
  'F4',
  'F6_E2M3',
  'F6_E3M2',
  'I8',
  'U16',
  'I32',
  'U64',
  'BOOL',
];

describe('an element', () => {
  it('is 1/3 in its stored type and in others', async () => {
    const data = new Uint8Array(Float32Array.of(0, 1 / 3, -2, 1e-42, Number.NaN, Infinity).buffer);
    const { path } = matrixFixture(folder, 'F32', [2, 3], data);
    const third = await engine.call('element', { path, tensor: 0, row: 0, column: 1 });
    // facts/seeds.md, section 2.
    expect(third).toMatchObject({
      index: 1,
      at: [0, 1],
      dtype: 'F32',
      value: Math.fround(1 / 3),
      decimal: '0.3333333432674407958984375',
      stored: { bits: '00111110101010101010101010101011', significant: 8, shortest: '0.33333334' },
    });
    expect(third.as.map(({ dtype, decimal }) => [dtype, decimal])).toEqual([
      ['F32', '0.3333333432674407958984375'],
      ['F16', '0.333251953125'],
      ['BF16', '0.333984375'],
      ['F8_E4M3', '0.34375'],
      ['F8_E5M2', '0.3125'],
    ]);
    expect(third.as[0]!.error).toBe(0);
    const tiny = await engine.call('element', { path, tensor: 0, row: 1, column: 0 });
    expect(tiny.stored!.fields[1]!.text).toBe('2^-126 (no leading 1)');
    expect(tiny.as.slice(1).map(({ value }) => value)).toEqual([0, 0, 0, 0]);
    const nan = await engine.call('element', { path, tensor: 0, row: 1, column: 1 });
    expect([nan.decimal, nan.stored!.significant]).toEqual(['NaN', 0]);
    const infinity = await engine.call('element', { path, tensor: 0, row: 1, column: 2 });
    expect(infinity.as.map(({ decimal }) => decimal)).toEqual([
      'Infinity',
      'Infinity',
      'Infinity',
      'NaN',
      'Infinity',
    ]);
  });

  it.each(plainDtypes)('of %s has the value of its bits', async (dtype) => {
    const fixture = matrixFixture(folder, dtype, [4, 3, 8]);
    const slice = { rowDimension: 1, columnDimension: 2, at: [3, 0, 0] };
    for (const [row, column] of [
      [0, 0],
      [1, 3],
      [2, 6],
      [2, 7],
    ] as const) {
      const read = await engine.call('element', { path: fixture.path, tensor: 0, row, column, slice });
      const index = flatIndex(fixture.shape, slice, row, column);
      const value = fixture.values[index]!;
      expect([read.index, read.at, read.value]).toEqual([index, [3, row, column], value]);
      // An exact text gives the number back.
      expect(Number(read.decimal)).toEqual(value);
      const { bits, fields } = read.stored!;
      expect(fields[0]!.from).toBe(0);
      expect(fields.at(-1)!.to).toBe(bits.length);
      // The bits, found in the file's own bytes: the least significant first.
      const all = Array.from(fixture.data, (byte) =>
        [...byte.toString(2).padStart(8, '0')].reverse().join(''),
      ).join('');
      const from = index * bits.length;
      expect(bits).toBe([...all.slice(from, from + bits.length)].reverse().join(''));
    }
  });

  const blocks = [...ggmlTypes.values()].filter(
    (name) => /^(Q|IQ|TQ|MXFP|NVFP)/.test(name) && decodableDtypes.has(name),
  );
  it.each(blocks)('of %s says how the block gives its value', async (dtype) => {
    const fixture = matrixFixture(folder, dtype, [2, 512]);
    for (const [row, column] of [
      [0, 0],
      [0, 17],
      [1, 31],
      [1, 250],
      [1, 511],
      [0, 300],
    ] as const) {
      const read = await engine.call('element', { path: fixture.path, tensor: 0, row, column });
      const value = fixture.values[row * 512 + column]!;
      expect(read.value).toBe(value);
      const { block } = read;
      expect(block!.index * block!.elements + block!.position).toBe(row * 512 + column);
      if (/^IQ[1-3]/.test(dtype)) {
        expect(block!.text).toMatch(/^d = /);
        continue;
      }
      if (dtype === 'Q1_0') {
        const d = Math.fround(Number(/d = (\S+),/.exec(block!.text)![1]));
        expect(Math.abs(d)).toBe(Math.abs(value));
        continue;
      }
      // The formula, computed from its text: "... : (7 - 8) × 0.0123 = -0.0123".
      const [, formula, result] = /: (.*) = (\S+)$/.exec(block!.text)!;
      expect(formula).toMatch(/^[-+()×\d.e\s]+$/);
      const computed = Function(
        `return ${formula!.replaceAll('×', '*').replaceAll('--', '- -')}`,
      )() as number;
      const scale = Math.max(
        ...[...formula!.matchAll(/[\d.]+(?:e[-+]\d+)?/g)].map(([one]) => Math.abs(Number(one))),
      );
      expect(Math.abs(computed - value)).toBeLessThanOrEqual(1e-6 * Math.max(Math.abs(value), scale * 300));
      expect(Math.fround(Number(result))).toBe(value);
      if (dtype !== 'TQ1_0') expect(read.stored!.bits).toMatch(/^[01]+$/);
    }
  });

  it('beyond the matrix is refused', async () => {
    const { path } = matrixFixture(folder, 'F32', [2, 3], new Uint8Array(24));
    expect(await failureOf(engine.call('element', { path, tensor: 0, row: 2, column: 0 }))).toMatchObject({
      code: 'usage',
      tensor: 'w',
    });
  });
});
