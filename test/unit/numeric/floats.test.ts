import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  bf16ToF32Bits,
  f16ToF32Bits,
  f16ToNumber,
  f32BitsToBf16,
  f32BitsToF16,
  f32FromBits,
  f32ToBits,
  nextLarger,
  roundHalfEven,
  roundToDtype,
} from '../../../src/numeric/floats';
import { sharedPath } from '../../fixtures/shared';

const golden = sharedPath('golden/fp8');

function words(name: string): DataView {
  const bytes = readFileSync(`${golden}/${name}`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const isNan = (bits: number) => (bits & 0x7fffffff) > 0x7f800000;

describe.skipIf(golden === undefined)('rounding against the golden vectors', () => {
  const cases = [
    ['bf16_ggml.u16', f32BitsToBf16, true],
    ['bf16_torch.u16', f32BitsToBf16, false],
    ['fp16_ieee_rne.u16', f32BitsToF16, false],
  ] as const;
  it.each(cases)('%s', (file, convert, nanPayloads) => {
    const inputs = words('inputs.f32');
    const expected = words(file);
    const count = inputs.byteLength / 4;
    expect(count).toBe(4900);
    const wrong: string[] = [];
    for (let i = 0; i < count; i++) {
      const bits = inputs.getUint32(4 * i, true);
      const got = convert(bits);
      const want = expected.getUint16(2 * i, true);
      // Which NaN results is each library's own choice; that it is one is not.
      const bothNan = isNan(bits) && isNan(decode(file, got)) && isNan(decode(file, want));
      if (got !== want && (nanPayloads || !bothNan)) wrong.push(`${bits.toString(16)}: ${got} not ${want}`);
    }
    expect(wrong).toEqual([]);
  });

  function decode(file: string, half: number): number {
    return file.startsWith('bf16') ? bf16ToF32Bits(half) : f16ToF32Bits(half);
  }
});

describe('16-bit floats', () => {
  it('come back from float32 unchanged, for every pattern but NaN', () => {
    const changed: number[] = [];
    for (let half = 0; half < 65536; half++) {
      const [f16Same, bf16Same] = [f32BitsToF16(f16ToF32Bits(half)), f32BitsToBf16(bf16ToF32Bits(half))];
      if ((half & 0x7fff) <= 0x7c00 && f16Same !== half) changed.push(half);
      if ((half & 0x7fff) <= 0x7f80 && bf16Same !== half) changed.push(half);
    }
    expect(changed).toEqual([]);
  });

  it('have the values that IEEE 754 gives them', () => {
    expect(f16ToNumber(0x3555)).toBe(0.333251953125);
    expect(f16ToNumber(0x7bff)).toBe(65504);
    expect(f16ToNumber(0x0001)).toBe(2 ** -24);
    expect(f16ToNumber(0x8000)).toBe(-0);
    expect(f16ToNumber(0xfc00)).toBe(Number.NEGATIVE_INFINITY);
    expect(f32FromBits(f16ToF32Bits(0x7e01))).toBeNaN();
  });

  it('round one third as the founding documents show it', () => {
    expect(roundToDtype(1 / 3, 'F32')).toBe(11184811 / 2 ** 25);
    expect(roundToDtype(1 / 3, 'F16')).toBe(0.333251953125);
    expect(roundToDtype(1 / 3, 'BF16')).toBe(0.333984375);
    expect(roundToDtype(65520, 'F16')).toBe(Number.POSITIVE_INFINITY);
  });

  it('step to the next larger value of each type', () => {
    expect(nextLarger(1, 'F32')).toBe(1 + 2 ** -23);
    expect(nextLarger(1, 'BF16')).toBe(1 + 2 ** -7);
    expect(nextLarger(0, 'F16')).toBe(2 ** -24);
  });
});

describe('roundHalfEven', () => {
  it('rounds ties to even, keeps the sign and clamps far values', () => {
    const inputs = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, 126.5, 1e30, -1e30];
    expect(inputs.map(roundHalfEven)).toEqual(
      [0, 2, 2, 0, -2, -2, 0, 126, 2097152, -2097152].map((v) => v + 0),
    );
  });

  it('agrees with its bit pattern trick', () => {
    expect(f32ToBits(Math.fround(3 + 12582912)) - 0x4b400000).toBe(3);
  });
});
