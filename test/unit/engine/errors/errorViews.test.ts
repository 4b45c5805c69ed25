/** Signed errors, codes and worst values of one tensor, against plain loops over the published formulas. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SchemeChoice } from '../../../../src/protocol/engineApi';
import { schemes } from '../../../../src/quant/schemes';
import { codeOffset } from '../../../../src/quant/shownCode';
import { f32Data } from '../../../fixtures/makeCheckpoint';
import { encodeWhole } from '../../quant/encodeWhole';
import { failureOf, randomValues, startEngine, temporaryFolder, writeModel } from '../support';

const [rows, columns] = [24, 96];
const name = 'model.layers.0.mlp.up_proj.weight';
const values = randomValues(rows * columns, 11);
for (let i = 7; i < values.length; i += 311) values[i]! *= 6;
// Two errors of the same size: the first in the tensor comes first.
values.copyWithin(columns * 5, columns * 4, columns * 5);
const engine = startEngine();
const folder = temporaryFolder();
const path = writeModel(join(folder, 'model.safetensors'), [
  { name, dtype: 'F32', shape: [rows, columns], data: f32Data(values) },
]);

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** q = round(x * (1 / s)), x~ = q s, s = max|x| / (2^(bits - 1) - 1) of each run of `width` columns, all in float32. */
function absmax(bits: number, width: number) {
  const codes = new Int16Array(values.length);
  const dequantized = new Float32Array(values.length);
  const scales = new Float32Array(values.length);
  for (let at = 0; at < values.length; at += width) {
    const run = values.subarray(at, at + width);
    const most = run.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
    const scale = Math.fround(most / (2 ** (bits - 1) - 1));
    for (let i = 0; i < run.length; i++) {
      codes[at + i] = roundHalfEven(Math.fround(run[i]! * Math.fround(1 / scale)));
      dequantized[at + i] = codes[at + i]! * scale;
      scales[at + i] = scale;
    }
  }
  return { codes, dequantized, scales };
}

const region = { row0: 3, row1: 9, column0: 20, column1: 75 };
const cut = <T extends Float32Array | Int16Array>(whole: T): number[] =>
  Array.from({ length: 6 * 55 }, (_, i) => whole[(3 + Math.floor(i / 55)) * columns + 20 + (i % 55)]!);
const tileOf = (choice: SchemeChoice, codes: SchemeChoice | undefined = choice) =>
  engine.call('errorTile', {
    path,
    tensor: 0,
    against: { kind: 'scheme', choice },
    region,
    rows: 6,
    columns: 55,
    codes,
  });

/** E2M1 and E4M3 of the OCP's Microscaling Formats 1.0, E5M2 of OFP8: sign, exponent of a bias, fraction. */
const minifloat = (exponentBits: number, fractionBits: number) => (code: number) => {
  const bias = 2 ** (exponentBits - 1) - 1;
  const exponent = (code >> fractionBits) & (2 ** exponentBits - 1);
  const fraction = (code & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const magnitude = exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
  return code >> (exponentBits + fractionBits) ? -magnitude : magnitude;
};
/** Dettmers et al. 2023, QLoRA, appendix E. */
const nf4Levels = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
  -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
  0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
];
/** bitsandbytes' FP4: sign, then twelfths by the lower bits. */
const fp4Twelfths = [0, 0.0625, 8, 12, 4, 6, 2, 3];
/** What the code of a scheme without linear codes stands for, before its scale. */
const levelsOf: Readonly<Record<string, (code: number) => number>> = {
  nf4: (code) => nf4Levels[code]!,
  fp4: (code) => ((code & 8 ? -1 : 1) * fp4Twelfths[code & 7]!) / 12,
  mxfp4: minifloat(2, 1),
  'mxfp4-ggml': minifloat(2, 1),
  // ggml-common.h, kvalues_iq4nl.
  iq4_nl: (code) => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113][code]!,
  nvfp4: minifloat(2, 1),
  mxfp8: minifloat(4, 3),
  'f8-e4m3': minifloat(4, 3),
  'f8-e5m2': minifloat(5, 2),
};

describe('codes of single values', () => {
  it.each([
    [{ scheme: 'int8-absmax', granularity: 'row' }, 8, columns, { kind: 'row' }],
    [
      { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 },
      4,
      32,
      { kind: 'block', size: 32, flat: false },
    ],
    [{ scheme: 'int8-absmax', granularity: 'tensor' }, 8, values.length, undefined],
  ] as const)('%j: those of the formula', async (choice, bits, width, groups) => {
    const plain = absmax(bits, width);
    const tile = await tileOf(choice);
    expect(Array.from(tile.codes!.codes)).toEqual(cut(plain.codes));
    expect(Array.from(tile.dequantized)).toEqual(cut(plain.dequantized));
    expect(tile.codes!.groups).toEqual(groups);
    expect(Array.from(tile.codes!.scales!)).toEqual(cut(plain.scales));
  });

  it('gives the zero point in the numbers of the codes: x~ = (q - zp) s', async () => {
    const { codes, dequantized } = await tileOf({ scheme: 'int8-zeropoint', granularity: 'row' });
    for (let i = 0; i < dequantized.length; i++) {
      expect(Math.fround((codes!.codes[i]! - codes!.zeros![i]!) * codes!.scales![i]!)).toBe(dequantized[i]);
      expect(Math.abs(codes!.codes[i]!)).toBeLessThanOrEqual(128);
    }
  });

  const coded = schemes.filter(
    ({ family, rowBlock = 1 }) => family !== 'pruning' && family !== 'cast' && columns % rowBlock === 0,
  );
  it.each(coded.map((scheme) => [scheme.name, scheme] as const))(
    '%s: the codes that are written, less their offset',
    async (scheme, { options }) => {
      const choice: SchemeChoice = { scheme, granularity: options.granularities[0]! };
      const whole = encodeWhole(choice, values, rows);
      const tile = await tileOf(choice);
      const shown = Int16Array.from(whole.codes, (code) => code - codeOffset(scheme));
      expect(Array.from(tile.codes!.codes)).toEqual(cut(shown));
      const { codes, scales, zeros } = tile.codes!;
      const level = levelsOf[scheme];
      for (let i = 0; i < codes.length; i++) {
        const expected = (level ? level(codes[i]!) : codes[i]! - (zeros?.[i] ?? 0)) * scales![i]!;
        // Schemes multiply in an order of their own: the last bits may differ.
        const size = Math.abs(expected) + Math.abs((zeros?.[i] ?? 0) * scales![i]!);
        expect(Math.abs(expected - tile.dequantized[i]!)).toBeLessThanOrEqual(3e-7 * size);
      }
    },
  );

  it('gives no scale to columns that LLM.int8() keeps apart', async () => {
    const choice: SchemeChoice = { scheme: 'llm-int8', granularity: 'row', outlierThreshold: 3 };
    const { codes, dequantized } = await tileOf(choice);
    const apart = Array.from({ length: 55 }, (_, i) =>
      Array.from({ length: rows }, (_, row) => Math.abs(values[row * columns + 20 + i]!)).some((x) => x >= 3),
    );
    expect(new Set(apart).size).toBe(2);
    for (let i = 0; i < dequantized.length; i++) expect(Number.isNaN(codes!.scales![i]!)).toBe(apart[i % 55]);
  });

  it('gives none where a scheme has none, a cell folds several values, or the codes are of other values', async () => {
    expect((await tileOf({ scheme: 'bf16', granularity: 'none' })).codes).toBeUndefined();
    const choice: SchemeChoice = { scheme: 'int8-absmax', granularity: 'row' };
    const ask = { path, tensor: 0, against: { kind: 'scheme', choice }, codes: choice } as const;
    expect((await engine.call('errorTile', { ...ask, rows: 4, columns: 96 })).codes).toBeUndefined();
    expect((await tileOf(choice, { scheme: 'int4-absmax', granularity: 'row' })).codes).toBeUndefined();
    const unknown = { scheme: 'int9-absmax', granularity: 'row' } as unknown as SchemeChoice;
    expect(await failureOf(tileOf(choice, unknown))).toMatchObject({ code: 'usage' });
  });
});

describe('errors', () => {
  const choice: SchemeChoice = { scheme: 'int4-absmax', granularity: 'row' };
  const { dequantized } = absmax(4, columns);

  it('keep their sign in pictures, folded ones that of the largest', async () => {
    const errors = values.map((x, i) => x - dequantized[i]!);
    expect(Array.from((await tileOf(choice)).signed)).toEqual(cut(errors));
    const folded = await engine.call('errorTile', {
      path,
      tensor: 0,
      against: { kind: 'scheme', choice },
      rows: 6,
      columns: 8,
    });
    for (let cell = 0; cell < 48; cell++) {
      let most = 0;
      for (let row = 4 * Math.floor(cell / 8); row < 4 * Math.floor(cell / 8) + 4; row++)
        for (let column = 12 * (cell % 8); column < 12 * (cell % 8) + 12; column++) {
          const error = errors[row * columns + column]!;
          if (Math.abs(error) > Math.abs(most)) most = error;
        }
      expect(folded.signed[cell]).toBe(most);
    }
  });

  it('are listed from the largest on, of equal ones the first', async () => {
    const detail = await engine.call('errorDetail', { path, tensor: 0, against: { kind: 'scheme', choice } });
    const order = [...values.keys()].sort(
      (a, b) => Math.abs(values[b]! - dequantized[b]!) - Math.abs(values[a]! - dequantized[a]!) || a - b,
    );
    expect(detail.worst).toEqual(
      order.slice(0, 16).map((i) => ({
        row: Math.floor(i / columns),
        column: i % columns,
        original: values[i],
        dequantized: dequantized[i],
      })),
    );
    const one = startEngine({ env: { TENSOR_LOUPE_WORKERS: '1' } });
    const again = await one.call('errorDetail', { path, tensor: 0, against: { kind: 'scheme', choice } });
    expect(again).toEqual(detail);
  });

  it('diverge as much as the comparison of schemes says', async () => {
    const detail = await engine.call('errorDetail', { path, tensor: 0, against: { kind: 'scheme', choice } });
    const { cells } = await engine.call('sensitivity', { path, tensors: [0], choices: [choice] });
    expect(cells[0]!.kl).toBe(detail.kl);
    expect(detail.kl).toBeGreaterThan(0);
  });
});
