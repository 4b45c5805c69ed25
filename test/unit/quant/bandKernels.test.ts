/** Kernels and plain code give the same codes, values and bytes, for values of all kinds and bands of any length. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { roundToDtype } from '../../../src/numeric/floats';
import { bandKernelFor, encodeBy } from '../../../src/quant/bandKernels/bandKernelFor';
import { settingFor } from '../../../src/quant/choice';
import { encodingFor } from '../../../src/quant/encoding';
import { schemes } from '../../../src/quant/schemes';
import { fp4Thresholds, nf4Thresholds } from '../../../src/quant/schemes/blockCodebook';
import { blockTypeNamed } from '../../../src/quant/schemes/ggml/blockTypes';
import type { SchemeChoice } from '../../../src/quant/types';
import { expectSameBytes } from '../kernels/loadKernels';
import { choicesOf, compare, compareSurveys, kernels, matrix, plainOrError, survey } from './bandComparison';
import { inWholeBlocks } from './encodeWhole';

const withKernel = schemes.filter((scheme) => {
  // The settings here have no importance matrix; ggml's vectors are for those types.
  if (scheme.needsImportance) return false;
  const head =
    scheme.name === 'prune-heads' ? { headSize: 1 } : scheme.name === 'prune-layers' ? { layers: [0] } : {};
  const choice = { ...choicesOf(scheme)[0]!, ...head };
  return bandKernelFor(kernels, settingFor(choice, 'F32', { rows: 4, columns: 256 })) !== undefined;
});

it('has kernels for every scheme of ours', () => {
  // Types of ggml have a test of their own for that.
  const without = schemes.filter(
    (scheme) => !withKernel.includes(scheme) && blockTypeNamed(scheme.name) === undefined,
  );
  expect(without.map(({ name }) => name)).toEqual([]);
});

/** Prunings, alone and before a scheme, and other choices that lie around a scheme's kernel. */
const prunings: readonly Partial<SchemeChoice>[] = [
  ...[0, 0.3, 0.5, 1].map((ratio) => ({ prune: 'magnitude' as const, ratio })),
  { prune: 'nm' },
  ...[1, 2, 3].map((keep) => ({ prune: 'nm' as const, keep, of: 4 })),
  { prune: 'nm', keep: 3, of: 7 },
  { prune: 'rows', ratio: 0.5 },
  { prune: 'columns', ratio: 0.3 },
  { prune: 'heads', headSize: 1, ratio: 0.7 },
  { prune: 'layers', layers: [2] },
  { prune: 'layers', layers: [3] },
];
const inner: readonly SchemeChoice[] = [
  { scheme: 'int8-absmax', granularity: 'row' },
  { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32 },
  { scheme: 'int8-zeropoint', granularity: 'tensor' },
  { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32, clip: 'hqq' },
  { scheme: 'int5-absmax', granularity: 'column' },
  { scheme: 'nf4', granularity: 'block', doubleQuant: true },
  { scheme: 'f8-e4m3', granularity: 'tensor' },
  { scheme: 'ternary', granularity: 'row' },
  { scheme: 'bf16', granularity: 'none' },
  { scheme: 'llm-int8', granularity: 'row', outlierFactor: 1.5 },
];
const around: readonly SchemeChoice[] = [
  ...prunings.map((pruning) => ({
    scheme: `prune-${pruning.prune!}` as const,
    granularity: 'none' as const,
    ...pruning,
  })),
  ...prunings.flatMap((pruning) => inner.map((choice) => ({ ...choice, ...pruning }))),
  ...inner.map((choice) => ({ ...choice, output: 'fake' as const })),
  { scheme: 'int4-absmax', granularity: 'row', prune: 'magnitude', ratio: 0.5, output: 'fake' },
  ...([1e-6, 0.2, 1, 1e6] as const).map(
    (outlierThreshold): SchemeChoice => ({ scheme: 'llm-int8', granularity: 'row', outlierThreshold }),
  ),
  ...(['f8-e4m3', 'f8-e5m2'] as const).flatMap((scheme) =>
    (['row', 'tensor', 'none'] as const).map(
      (granularity): SchemeChoice => ({ scheme, granularity, overflow: 'nan' }),
    ),
  ),
];

describe('prunings, dequantized output, outlier columns and unsaturated casts', () => {
  it.each(['F32', 'BF16', 'F16'])(
    '%s: give the bits of the plain code, in one band and in several',
    (dtype) => {
      let [done, surveyed] = [0, 0];
      fc.assert(
        fc.property(
          matrix,
          fc.constantFrom(...around),
          fc.integer({ min: 1, max: 5 }),
          ({ rows, columns, values: all }, choice, units) => {
            // Values are of the type that they are said to be, and 0 has no sign that a cast could lose.
            const values = all.map((value) => roundToDtype(value, dtype as 'F32'));
            if (values.some((value) => !Number.isFinite(value))) return;
            const setting = settingFor(choice, dtype, { rows, columns, layer: 3 });
            const known = plainOrError(() => survey(setting, values));
            if (typeof known === 'string') return;
            surveyed += compareSurveys(setting, values, known);
            if (compare(setting, known, 0, values)) done++;
            const size = encodingFor(setting).unit * units;
            for (let first = 0; first < values.length; first += size)
              compare(setting, known, first, values.slice(first, first + size));
          },
        ),
        { numRuns: 200 },
      );
      expect(done).toBeGreaterThan(80);
      expect(surveyed).toBeGreaterThan(60);
    },
  );
});

it('surveys tensors as the plain code does', () => {
  const choices = (['nf4', 'fp4', 'ternary', 'f8-e4m3', 'nvfp4', 'int8-absmax', 'int5-zeropoint'] as const)
    .flatMap((name) => choicesOf(schemes.find((scheme) => scheme.name === name)!))
    .filter(({ clip, granularity }) => clip !== 'mse' || granularity === 'tensor');
  let compared = 0;
  fc.assert(
    fc.property(matrix, fc.constantFrom(...choices), ({ rows, columns, values }, choice) => {
      const setting = settingFor(choice, 'F32', { rows, columns });
      compared += compareSurveys(setting, values, survey(setting, values));
    }),
    { numRuns: 300 },
  );
  expect(compared).toBeGreaterThan(50);
});

it('refines zero points as the plain code does where errors are large enough to be kept', () => {
  const choices = schemes
    .flatMap(choicesOf)
    .filter(({ clip, blockSize = 0 }) => clip === 'hqq' && blockSize <= 64);
  fc.assert(
    fc.property(matrix, fc.constantFrom(...choices), ({ rows, columns, values }, choice) => {
      const large = values.map((value) => Math.min(Math.max(value, -(2 ** 40)), 2 ** 40) * 512);
      const setting = settingFor(choice, 'F32', { rows, columns });
      expect(compare(setting, [], 0, large)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

it('searches the scale of each column as the plain code does, also where one is too small for a reciprocal', () => {
  const choices = (['int4-absmax', 'int5-zeropoint'] as const).map(
    (scheme): SchemeChoice => ({ scheme, granularity: 'column', clip: 'mse' }),
  );
  let compared = 0;
  fc.assert(
    fc.property(
      matrix.filter(({ columns }) => columns <= 40),
      fc.constantFrom(...choices),
      ({ rows, columns, values }, choice) => {
        const some = values.map((value, i) => (i % columns === 1 ? Math.sign(value) * 2 ** -140 : value));
        const setting = settingFor(choice, 'F32', { rows, columns });
        compared += compareSurveys(setting, some, survey(setting, some));
      },
    ),
    { numRuns: 30 },
  );
  expect(compared).toBe(60);
});

it('decides at thresholds of codebooks as the plain code does', () => {
  const thresholds = [...nf4Thresholds, ...fp4Thresholds].flatMap((value) => [value, -value]);
  const step = new Float32Array(1);
  const bits = new Int32Array(step.buffer);
  const around = thresholds.flatMap((value) =>
    [-1, 0, 1].map((offset) => {
      step[0] = value;
      bits[0]! += offset;
      return step[0]!;
    }),
  );
  // Each block begins with 1, so that values are their own scaled ones; sixteenths and their middles are edges of cells.
  const sixteenths = Array.from({ length: 65 }, (_, i) => (i - 32) / 32);
  const all = [...around, ...sixteenths, 1e-45, -1e-45, -0];
  const blocks = Array.from({ length: Math.ceil(all.length / 31) }, (_, i) => [
    1,
    ...all.slice(31 * i, 31 * i + 31),
  ]);
  const values = Float32Array.from(blocks.flat());
  for (const scheme of ['nf4', 'fp4'] as const) {
    const choice = { scheme, granularity: 'block', blockSize: 32 } as const;
    expect(compare(settingFor(choice, 'F32', { rows: 1, columns: values.length }), [], 0, values)).toBe(true);
  }
});

/** Prunings need options of their own, and are compared above. */
const unpruned = withKernel.filter(({ family }) => family !== 'pruning');

describe.each(unpruned.map((scheme) => [scheme.name, scheme] as const))('%s', (_, scheme) => {
  it('gives the same codes, values and bytes as the plain code', () => {
    let done = 0;
    fc.assert(
      fc.property(
        matrix,
        fc.constantFrom(...choicesOf(scheme)),
        fc.constantFrom('F32', 'BF16', 'F16'),
        ({ rows, values: some }, choice, dtype) => {
          const { values, columns } = inWholeBlocks(scheme, some, rows);
          const setting = settingFor(choice, dtype, { rows, columns });
          const known = plainOrError(() => survey(setting, values));
          if (typeof known !== 'string' && compare(setting, known, 0, values)) done++;
        },
      ),
      { numRuns: 100 },
    );
    // F16 scales refuse some of the values.
    expect(done).toBeGreaterThan(40);
  });

  it('gives the same for every cut into bands', () => {
    fc.assert(
      fc.property(
        matrix,
        fc.constantFrom(...choicesOf(scheme)),
        fc.integer({ min: 1, max: 4 }),
        ({ rows, values: some }, choice, units) => {
          const { values, columns } = inWholeBlocks(scheme, some, rows);
          const setting = settingFor(choice, 'F32', { rows, columns });
          const known = survey(setting, values);
          const size = encodingFor(setting).unit * units;
          const whole = plainOrError(() => encodingFor(setting).encode({ first: 0, values }, known));
          if (typeof whole === 'string') return;
          for (let first = 0; first < values.length; first += size) {
            const band = values.slice(first, first + size);
            compare(setting, known, first, band);
            const encoded = encodeBy(kernels, setting, encodingFor(setting))({ first, values: band }, known);
            expectSameBytes(encoded.dequantized, whole.dequantized.slice(first, first + size));
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});
