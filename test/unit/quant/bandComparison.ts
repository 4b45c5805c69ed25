/** Encodes bands by kernels and by plain code, and compares everything that comes out. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { bandKernelFor } from '../../../src/quant/bandKernels/bandKernelFor';
import { surveyKernelFor } from '../../../src/quant/bandKernels/surveyKernels';
import { encodingFor } from '../../../src/quant/encoding';
import type { Knowledge, Scheme, Setting } from '../../../src/quant/scheme';
import { blockTypeNamed } from '../../../src/quant/schemes/ggml/blockTypes';
import type { SchemeChoice } from '../../../src/quant/types';
import { expectSameBytes, loadKernels } from '../kernels/loadKernels';

export const kernels = loadKernels();

/** Every granularity, block size, clip and double quantization of a scheme. */
export function choicesOf({ name, options }: Scheme): SchemeChoice[] {
  return options.granularities.flatMap((granularity) =>
    (granularity === 'block' ? [...options.blockSizes!].filter((size) => size <= 256) : [undefined]).flatMap(
      (blockSize) =>
        (options.clips ?? [undefined])
          .filter((clip) => clip !== 'hqq' || granularity === 'row' || granularity === 'block')
          .flatMap((clip) =>
            (options.doubleQuant ? [false, true] : [undefined]).map((doubleQuant) => ({
              scheme: name,
              granularity,
              blockSize,
              clip,
              doubleQuant,
            })),
          ),
    ),
  );
}

interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** Random normal values with a scale, some of them set to awkward ones. */
export const matrix: fc.Arbitrary<Matrix> = fc
  .record({
    rows: fc.integer({ min: 1, max: 9 }),
    columns: fc.oneof(
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(63, 64, 65, 96, 127, 128, 129, 256, 257, 300),
    ),
    seed: fc.integer(),
    exponent: fc.constantFrom(0, -3, -7, 6, -20, -40, 30),
    odd: fc.array(
      fc.constantFrom(
        0,
        -0,
        1,
        -1,
        0.5,
        -0.5,
        1.5,
        2.5,
        1e-45,
        -1e-45,
        1e-39,
        3e-38,
        100,
        -3000,
        6,
        448,
        2e-6,
      ),
      { maxLength: 12 },
    ),
    kind: fc.constantFrom('normal', 'normal', 'ties', 'zeros', 'outlier', 'positive'),
  })
  .map(({ rows, columns, seed, exponent, odd, kind }) => {
    let state = seed >>> 0;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    const values = Float32Array.from({ length: rows * columns }, () => {
      const value = (random() + random() + random() - 1.5) * 2 ** exponent;
      if (kind === 'ties') return (Math.floor(random() * 510) - 255) / 2;
      if (kind === 'zeros') return random() < 0.9 ? 0 : value;
      if (kind === 'positive') return Math.abs(value) + 1;
      return value;
    });
    if (kind === 'outlier') values[Math.floor(random() * values.length)] = 2 ** (exponent + 9);
    for (const value of odd) values[Math.floor(random() * values.length)] = value;
    return { rows, columns, values };
  });

/** The passes before the first band, by the plain code. */
export function survey(setting: Setting, values: Float32Array): Knowledge {
  const known: Float64Array[] = [];
  for (const { start, add } of encodingFor(setting).surveys) {
    const state = start();
    add(state, { first: 0, values }, known);
    known.push(state);
  }
  return known;
}

/** Whether passes give the same bits for any cut: all but sums of magnitudes and of squared errors. */
const isExact = ({ choice }: Setting): boolean =>
  !['ternary', 'nf4', 'fp4'].includes(choice.scheme) && choice.clip !== 'mse';

/** The same passes by kernels, those that have one. Returns how many. */
export function compareSurveys(setting: Setting, values: Float32Array, known: Knowledge): number {
  let compared = 0;
  for (const [i, survey] of encodingFor(setting).surveys.entries()) {
    kernels.reset();
    const kernel = surveyKernelFor(kernels, setting, i);
    if (!kernel) continue;
    kernels.reset();
    const x = kernels.alloc(4 * values.length);
    kernels.f32(x, values.length).set(values);
    const state = survey.start();
    const before = known.slice(0, i);
    // In two bands, the second of which begins within a row.
    const half = encodingFor(setting).unit * Math.floor(values.length / encodingFor(setting).unit / 2);
    if (isExact(setting)) {
      kernel(state, { first: 0, count: half, x }, before);
      kernel(state, { first: half, count: values.length - half, x: x + 4 * half }, before);
    } else kernel(state, { first: 0, count: values.length, x }, before);
    // Adding 0: which zero an extreme is changes nothing.
    expect([...state].map((value) => value + 0)).toEqual([...known[i]!].map((value) => value + 0));
    compared++;
  }
  return compared;
}

/** Bytes of all chunks by their places. */
function stored(chunks: Iterable<{ suffix: string; byteOffset: number; bytes: Uint8Array }>) {
  return Array.from(chunks, ({ suffix, byteOffset, bytes }) => ({ suffix, byteOffset, bytes: [...bytes] }));
}

export function plainOrError<T>(run: () => T): T | string {
  try {
    return run();
  } catch (thrown) {
    return String(thrown);
  }
}

/** Encodes values from `first` on by both ways and compares everything. Returns whether the kernel did it. */
export function compare(setting: Setting, known: Knowledge, first: number, values: Float32Array): boolean {
  kernels.reset();
  const plain = plainOrError(() => encodingFor(setting).encode({ first, values }, known));
  const kernel = bandKernelFor(kernels, setting)!;
  const count = values.length;
  // Places that are not aligned, and marks behind what the kernel may write.
  const x = kernels.alloc(4 * count + 8) + 4;
  const y = kernels.alloc(4 * count + 16) + 4;
  kernels.f32(x, count).set(values);
  kernels.u8(y + 4 * count, 8).fill(0xa5);
  const encoded = plainOrError(() => kernel({ first, count, x, y }, known));
  if (typeof plain === 'string') {
    expect(encoded === undefined || encoded === plain).toBe(true);
    return false;
  }
  if (encoded === undefined) return false;
  if (typeof encoded === 'string') throw new Error(encoded);
  expectSameBytes(kernels.f32(y, count), plain.dequantized);
  expect([...kernels.u8(y + 4 * count, 8)]).toEqual(new Array(8).fill(0xa5));
  expectSameBytes(kernels.f32(x, count), values);
  // Codes of ggml's types lie in their blocks; pictures take them from the plain code.
  if (blockTypeNamed(setting.choice.scheme) === undefined)
    expect(encoded.codes === undefined).toBe(plain.codes === undefined);
  if (encoded.codes !== undefined) expectSameBytes(kernels.u8(encoded.codes, count), plain.codes!);
  const bytes = stored(plain.chunks());
  expect(stored(encoded.chunks())).toEqual(bytes);
  kernels.u8(y, 4 * count).fill(0xa5);
  const alone = kernel({ first, count, x, y, codesOnly: true }, known)!;
  if (alone.codes !== undefined) expectSameBytes(kernels.u8(alone.codes, count), plain.codes!);
  if (alone.omitsValues) {
    expect(kernels.u8(y, 4 * count).every((byte) => byte === 0xa5)).toBe(true);
    expect(plain.dequantized.every(Number.isFinite)).toBe(true);
  } else expectSameBytes(kernels.f32(y, count), plain.dequantized);
  expect(stored(alone.chunks())).toEqual(bytes);
  return true;
}
