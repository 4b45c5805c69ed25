/** What holds for every scheme: bands do not matter, sizes are exact, zeros stay, errors are bounded, refusals are told. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoupeError } from '../../../src/errors';
import { resolveChoice, settingFor } from '../../../src/quant/choice';
import { choiceLabel } from '../../../src/quant/choiceLabel';
import { encodingFor } from '../../../src/quant/encoding';
import type { Scheme } from '../../../src/quant/scheme';
import { schemes } from '../../../src/quant/schemes';
import type { SchemeChoice } from '../../../src/quant/types';
import { encodeWhole, inWholeBlocks } from './encodeWhole';

/** Every scheme with each of its granularities, clipping searches and double quantization. */
function choicesOf(scheme: Scheme): SchemeChoice[] {
  const { name, options } = scheme;
  const head = name === 'prune-heads' ? { headSize: 1 } : name === 'prune-layers' ? { layers: [0] } : {};
  return options.granularities.flatMap((granularity) =>
    (options.clips ?? [undefined])
      .filter((clip) => clip !== 'hqq' || granularity === 'row' || granularity === 'block')
      .flatMap((clip) =>
        (options.doubleQuant ? [false, true] : [undefined]).map((doubleQuant) => ({
          scheme: name,
          granularity,
          ...(granularity === 'block' ? { blockSize: Math.min(...options.blockSizes!) } : {}),
          clip,
          doubleQuant,
          ...head,
        })),
      ),
  );
}

const matrix = fc
  .record({ rows: fc.integer({ min: 1, max: 5 }), columns: fc.integer({ min: 1, max: 70 }) })
  .chain(({ rows, columns }) =>
    fc
      .array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -100, max: 100 }), {
        minLength: rows * columns,
        maxLength: rows * columns,
      })
      .map((values) => ({ rows, values: Float32Array.from(values) })),
  );
const runs = { numRuns: 12 };
const same = (a: Float32Array, b: Float32Array) => a.every((value, i) => value === b[i]);

describe.each(schemes.map((scheme) => [scheme.name, scheme] as const))('%s', (_, scheme) => {
  const choices = choicesOf(scheme);
  const fitted = (values: Float32Array, rows: number) => inWholeBlocks(scheme, values, rows).values;

  it('gives the same bytes and values for bands of any length, and fills every byte once', () => {
    fc.assert(
      fc.property(matrix, fc.constantFrom(...choices), ({ rows, values: some }, choice) => {
        const values = fitted(some, rows);
        const [one, other] = [1, 1000].map((units) => encodeWhole(choice, values, rows, 'F32', units));
        expect(same(one!.dequantized, other!.dequantized)).toBe(true);
        expect([...one!.stored]).toEqual([...other!.stored]);
        expect(one!.dequantized.every(Number.isFinite)).toBe(true);
      }),
      runs,
    );
  });

  it('knows its sizes without values, but where outliers are kept apart', () => {
    if (scheme.family === 'mixed') return;
    const values = fitted(
      Float32Array.from({ length: 7 * 66 }, (_, i) => Math.cos(i)),
      7,
    );
    const columns = values.length / 7;
    for (const choice of choices) {
      const { pieces } = encodeWhole(choice, values, 7);
      const importance = scheme.needsImportance ? new Float32Array(columns).fill(1) : undefined;
      const setting = { ...settingFor(choice, 'F32', { rows: 7, columns }), importance };
      const planned = encodingFor(setting).pieces();
      expect(planned).toEqual(pieces);
    }
  });

  it('keeps zeros, subnormals and the largest numbers finite', () => {
    const extremes = [0, -0, 1e-45, -1e-45, 1e-40, -3e-39, 1.2e-38, 65504, -65504, 1e-8];
    for (const choice of choices) {
      const zeros = encodeWhole(choice, fitted(new Float32Array(3 * 40), 3), 3);
      expect(zeros.dequantized.every((value) => value === 0)).toBe(true);
      const some = Float32Array.from({ length: 3 * 40 }, (_, i) => extremes[i % extremes.length]!);
      const values = fitted(some, 3);
      expect(encodeWhole(choice, values, 3).dequantized.every(Number.isFinite)).toBe(true);
      const tiny = values.map((value) => (Math.abs(value) < 1e-9 ? value : 0));
      expect(encodeWhole(choice, tiny, 3).dequantized.every((value) => Math.abs(value) < 1e-4)).toBe(true);
    }
  });

  it("as fake output gives values of the weight's own type", () => {
    const values = fitted(
      Float32Array.from({ length: 2 * 33 }, (_, i) => Math.sin(i)),
      2,
    );
    const columns = values.length / 2;
    const { to, pieces } = encodeWhole({ ...choices[0]!, output: 'fake' }, values, 2, 'BF16');
    expect(to).toMatch(/ as BF16$/);
    expect(pieces).toEqual([{ suffix: '', dtype: 'BF16', shape: [2, columns], bytes: 4 * columns }]);
  });
});

/** Largest |x - y| over the largest |x| that a scheme may show for values between -1 and 1, from its step width. */
const bounds: readonly [SchemeChoice, number][] = [
  ...([2, 3, 4, 5, 6, 7, 8] as const).flatMap((bits): [SchemeChoice, number][] => [
    [{ scheme: `int${bits}-absmax`, granularity: 'row' }, 0.501 / (2 ** (bits - 1) - 1)],
    // The range may be twice the largest value, and an edge may be a step off for its rounded zero point.
    [{ scheme: `int${bits}-zeropoint`, granularity: 'block', blockSize: 32 }, 2.01 / (2 ** bits - 1)],
  ]),
  // Half the widest gap between levels: 1 - 0.6962 below, and 1/3 of FP4.
  [{ scheme: 'nf4', granularity: 'block' }, 0.152],
  [{ scheme: 'fp4', granularity: 'block' }, 0.1667],
  // Half a unit in the last place: 2^-4 and 2^-3 of a value, and of the largest for small ones.
  [{ scheme: 'f8-e4m3', granularity: 'row' }, 2 ** -4 + 1e-6],
  [{ scheme: 'f8-e5m2', granularity: 'tensor' }, 2 ** -3 + 1e-6],
  [{ scheme: 'f16', granularity: 'none' }, 2 ** -11],
  [{ scheme: 'bf16', granularity: 'none' }, 2 ** -8],
  // Up to 8 may be cut to 6, and up to 512 to 448.
  [{ scheme: 'mxfp4', granularity: 'block' }, 0.2501],
  [{ scheme: 'mxfp8', granularity: 'block' }, 0.1251],
  // Half a step of 2 in 6, and a block scale that is 2^-4 off.
  [{ scheme: 'nvfp4', granularity: 'block' }, 1 / 6 + 2 ** -4 + 1e-3],
  [{ scheme: 'bnb-int8', granularity: 'row' }, 0.501 / 127],
];

describe('errors', () => {
  it.each(bounds)('%j stay within %d of the largest value', (choice, bound) => {
    fc.assert(
      fc.property(matrix, ({ rows, values }) => {
        const absmax = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
        // Far below 1 subnormal results of narrow formats would need a bound of their own.
        if (absmax < 1e-2) return;
        const { dequantized } = encodeWhole(choice, values, rows);
        const worst = values.reduce(
          (largest, value, i) => Math.max(largest, Math.abs(value - dequantized[i]!)),
          0,
        );
        expect(worst / absmax).toBeLessThanOrEqual(bound);
      }),
      { numRuns: 30 },
    );
  });

  it.each<SchemeChoice>([
    { scheme: 'f16', granularity: 'none' },
    { scheme: 'bf16', granularity: 'none' },
    { scheme: 'f8-e4m3', granularity: 'none' },
    { scheme: 'mxfp4', granularity: 'block' },
    { scheme: 'mxfp8', granularity: 'block' },
    { scheme: 'prune-nm', granularity: 'none' },
    { scheme: 'nf4', granularity: 'block' },
  ])('%j done twice changes nothing more', (choice) => {
    fc.assert(
      fc.property(matrix, ({ rows, values }) => {
        const once = encodeWhole(choice, values, rows).dequantized;
        return same(encodeWhole(choice, once, rows).dequantized, once);
      }),
      { numRuns: 30 },
    );
  });
});

describe('labels', () => {
  it.each<[SchemeChoice, string]>([
    [{ scheme: 'int8-absmax', granularity: 'row' }, 'INT8 absmax per row'],
    [{ scheme: 'nf4', granularity: 'block', doubleQuant: true }, 'NF4 per block of 64, scales quantized'],
    [{ scheme: 'bf16', granularity: 'none' }, 'BF16 cast'],
    [{ scheme: 'prune-nm', granularity: 'none' }, 'Prune N:M'],
    [
      { scheme: 'int4-zeropoint', granularity: 'row', clip: 'hqq', prune: 'nm', output: 'fake' },
      'INT4 zero-point per row, half-quadratic, pruned by N:M, dequantized',
    ],
  ])('%j', (choice, label) => {
    expect(choiceLabel(choice)).toBe(label);
  });
});

describe('refusals', () => {
  const failure = (choice: SchemeChoice) => {
    try {
      resolveChoice(choice);
    } catch (thrown) {
      if (thrown instanceof LoupeError) return `${thrown.code}: ${thrown.message}`;
    }
    return 'none';
  };
  it.each<[SchemeChoice, RegExp]>([
    [{ scheme: 'int9' as 'int8-absmax', granularity: 'row' }, /^usage: .*Known: int8-absmax, .*prune-heads/],
    [{ scheme: 'nf4', granularity: 'row' }, /^usage: .*"row" for NF4\. Known: block/],
    [{ scheme: 'nf4', granularity: 'block', blockSize: 48 }, /^usage: .*48\. Known: 64, 32, 128/],
    [{ scheme: 'int4-absmax', granularity: 'row', blockSize: 64 }, /^usage: INT4 absmax takes no block size/],
    [{ scheme: 'int4-absmax', granularity: 'row', clip: 'hqq' }, /^usage: .*hqq\. Known: none, mse/],
    [{ scheme: 'int4-zeropoint', granularity: 'tensor', clip: 'hqq' }, /^usage: .*row, block/],
    [{ scheme: 'f16', granularity: 'none', doubleQuant: true }, /^usage: F16 cast takes no double/],
    [{ scheme: 'int8-absmax', granularity: 'row', outlierThreshold: 6 }, /^usage: .*no outlier threshold/],
    [{ scheme: 'int8-absmax', granularity: 'row', ratio: 0.5 }, /^usage: .*choose a pruning/],
    [{ scheme: 'prune-magnitude', granularity: 'none', ratio: 1.5 }, /^usage: A ratio lies in 0 to 1/],
    [{ scheme: 'prune-nm', granularity: 'none', keep: 5, of: 4 }, /^usage: .*5:4 is not that/],
    [{ scheme: 'prune-heads', granularity: 'none' }, /^usage: .*head size/],
    [{ scheme: 'prune-rows', granularity: 'none', prune: 'columns' }, /^usage: prune-rows prunes one way/],
  ])('%j', (choice, message) => {
    expect(failure(choice)).toMatch(message);
  });

  it('a scale that its type cannot hold, and heads that do not divide the rows', () => {
    const huge = Float32Array.of(1e38, -1e38);
    const code = (run: () => unknown) => {
      try {
        run();
      } catch (thrown) {
        return thrown instanceof LoupeError ? thrown.code : String(thrown);
      }
      return 'none';
    };
    for (const scheme of ['int4-absmax', 'int4-zeropoint', 'f8-e4m3', 'ternary'] as const)
      expect(code(() => encodeWhole({ scheme, granularity: 'row', scaleDtype: 'F16' }, huge, 1))).toBe(
        'refused',
      );
    const heads = { scheme: 'prune-heads', granularity: 'none', headSize: 3 } as const;
    expect(code(() => encodeWhole(heads, new Float32Array(8), 4))).toBe('refused');
  });
});
