import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { convertedNumbers, float32Text } from '../../../src/numeric/convertedNumber';
import { f32BitsToF8 } from '../../../src/numeric/float8';
import { f32FromBits } from '../../../src/numeric/floats';
import { numberLayouts } from '../../../src/numeric/numberLayout';
import { numberPicture } from '../../../src/numeric/numberPicture';
import { tableValues } from '../../../src/numeric/tableValues';
import { sharedPath } from '../../fixtures/shared';

const picture = (dtype: string, pattern: bigint) => numberPicture(numberLayouts.get(dtype)!, pattern);

function float64Pattern(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

describe('a stored number', () => {
  it('is 1/3 as the founding documents show it', () => {
    // facts/seeds.md, section 2: 0.3333333432674407958984375, 0.333251953125, 0.333984375.
    const [f32, f16, bf16] = convertedNumbers(1 / 3);
    expect(f32).toMatchObject({
      dtype: 'F32',
      decimal: '0.3333333432674407958984375',
      bits: '00111110101010101010101010101011',
      significant: 8,
      shortest: '0.33333334',
      value: Math.fround(1 / 3),
    });
    expect(f32!.fields).toEqual([
      { name: 'sign', from: 0, to: 1, text: 'positive' },
      { name: 'exponent', from: 1, to: 9, text: '2^-2' },
      { name: 'fraction', from: 9, to: 32, text: '1.33333337306976318359375' },
    ]);
    expect(f16).toMatchObject({
      dtype: 'F16',
      decimal: '0.333251953125',
      bits: '0011010101010101',
      significant: 4,
      shortest: '0.3333',
    });
    expect(bf16).toMatchObject({
      dtype: 'BF16',
      decimal: '0.333984375',
      bits: '0011111010101011',
      significant: 3,
      shortest: '0.334',
      error: 0.333984375 - 1 / 3,
    });
  });

  it('has the shortest digits of a float64 that JavaScript prints', () => {
    const edges = [
      0.1,
      1 / 3,
      5e-324,
      2.2250738585072014e-308,
      Number.MAX_VALUE,
      2 ** 53,
      1e21,
      123456789.125,
      1e-7,
      9.5e-8,
    ];
    const more = Array.from({ length: 300 }, (_, i) => Math.sin(i + 1) * 10 ** ((i % 41) - 20));
    for (const value of [...edges, ...more]) {
      const { shortest, decimal } = picture('F64', float64Pattern(value));
      expect(shortest).toBe(String(value));
      expect(Number(decimal)).toBe(value);
    }
  });

  it('says every digit of the smallest and largest numbers', () => {
    // 2^-149 and 2^-24 by their powers of five; the largest float32 is 2^128 - 2^104.
    expect(picture('F32', 1n).decimal).toBe(`0.${(5n ** 149n).toString().padStart(149, '0')}`);
    expect(picture('F16', 1n)).toMatchObject({ decimal: '0.000000059604644775390625', significant: 1 });
    expect(picture('F16', 1n).fields[1]!.text).toBe('2^-14 (no leading 1)');
    expect(picture('F32', 0x7f7fffffn).decimal).toBe((2n ** 128n - 2n ** 104n).toString());
    expect(picture('F16', 0x7bffn)).toMatchObject({ decimal: '65504', shortest: '65500', significant: 3 });
  });

  it('tells zeros, infinities and NaNs apart', () => {
    expect(picture('F32', 0n)).toMatchObject({ decimal: '0', significant: 1, shortest: '0' });
    expect(picture('F32', 0x80000000n)).toMatchObject({ decimal: '-0', significant: 1 });
    expect(picture('BF16', 0xff80n)).toMatchObject({ decimal: '-Infinity', significant: 0 });
    const nan = picture('F32', 0x7fa00001n);
    expect(nan).toMatchObject({ decimal: 'NaN', significant: 0 });
    expect(nan.bits).toBe('01111111101000000000000000000001');
    expect(picture('F8_E4M3', 0x7fn).decimal).toBe('NaN');
    expect(picture('F8_E4M3', 0x7en)).toMatchObject({ decimal: '448', shortest: '450', significant: 2 });
    expect(picture('F8_E5M2FNUZ', 0x80n).decimal).toBe('NaN');
    expect(picture('F8_E8M0', 0xffn).decimal).toBe('NaN');
  });

  it('reads all 256 codes of the 8-bit types as the decoders do', () => {
    for (const dtype of ['F8_E4M3', 'F8_E5M2', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ', 'F8_E8M0']) {
      const layout = numberLayouts.get(dtype);
      if (layout?.kind !== 'float') continue;
      const expected = tableValues(dtype)!;
      for (let code = 0; code < 256; code++) {
        const { decimal, shortest, bits } = numberPicture(layout, BigInt(code));
        expect(Number.parseInt(bits, 2)).toBe(code);
        // A text of its exact value gives back the value, the sign of zero included.
        expect([dtype, code, Number(decimal)]).toEqual([dtype, code, expected[code]]);
        if (!Number.isFinite(expected[code]!)) continue;
        // No other code is as near to the short text as this one.
        const off = Math.abs(Number(shortest) - expected[code]!);
        for (const other of expected) {
          if (Number.isFinite(other) && other !== expected[code])
            expect(Math.abs(Number(shortest) - other)).toBeGreaterThanOrEqual(off);
        }
      }
    }
  });

  it('reads integers by their sign and value', () => {
    expect(picture('I8', 0xf9n)).toMatchObject({ decimal: '-7', bits: '11111001', significant: 1 });
    expect(picture('I8', 0xf9n).fields.map(({ text }) => text)).toEqual(['-128', '121']);
    expect(picture('I64', 2n ** 63n).decimal).toBe('-9223372036854775808');
    expect(picture('U64', 2n ** 64n - 1n).decimal).toBe('18446744073709551615');
    expect(picture('BOOL', 1n).fields[0]!.text).toBe('true');
  });
});

describe('conversions', () => {
  it('round, overflow and keep NaN as the types do', () => {
    const as = (value: number) => convertedNumbers(value).map(({ value: converted }) => converted);
    expect(as(70000)).toEqual([70000, Number.POSITIVE_INFINITY, 70144, Number.NaN, Number.POSITIVE_INFINITY]);
    expect(as(-464)).toEqual([-464, -464, -464, -448, -448]);
    expect(as(465)[3]).toBeNaN();
    expect(as(-0).every((value) => Object.is(value, -0))).toBe(true);
    expect(as(Number.NaN).every(Number.isNaN)).toBe(true);
    expect(convertedNumbers(Number.POSITIVE_INFINITY).map(({ error }) => error)).toEqual([
      0,
      0,
      0,
      Number.NaN,
      0,
    ]);
    expect(as(1e-40)[0]).toBe(Math.fround(1e-40));
  });

  it('round a whole number beyond 2^53 once', () => {
    // 2^60 + 2^36 + 1 is above the middle of two float32 numbers by what float64 cannot hold.
    const exact = 2n ** 60n + 2n ** 36n + 1n;
    const [f32] = convertedNumbers(Number(exact), exact);
    expect(f32!.value).toBe(2 ** 60 + 2 ** 37);
    expect(convertedNumbers(Number(-exact), -exact)[0]!.value).toBe(-(2 ** 60 + 2 ** 37));
  });

  it('print the shortest float32', () => {
    expect(
      [0.1, 16777216, 3.4028234663852886e38, 1e-45, -1.5e-10].map((v) => float32Text(Math.fround(v))),
    ).toEqual(['0.1', '16777216', '3.4028235e+38', '1e-45', '-1.5e-10']);
  });
});

const golden = sharedPath('golden/fp8');
describe.skipIf(golden === undefined)('conversions to 8 bits', () => {
  it('give the codes of PyTorch for 4,900 values', () => {
    const bytes = readFileSync(join(golden!, 'inputs.f32'));
    const inputs = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    for (const [dtype, file] of [
      ['F8_E4M3', 'e4m3fn_torch.u8'],
      ['F8_E5M2', 'e5m2_torch.u8'],
    ] as const) {
      const expected = readFileSync(join(golden!, file));
      expect(expected.length).toBe(inputs.length);
      const wrong = Array.from(inputs).flatMap((bits, i) => {
        const code = f32BitsToF8(bits, dtype);
        return code === expected[i] ? [] : [`${f32FromBits(bits)}: ${code} for ${expected[i]}`];
      });
      expect(wrong).toEqual([]);
    }
  });
});
