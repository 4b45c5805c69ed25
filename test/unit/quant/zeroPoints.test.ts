import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packZeroPoints, unpackZeroPoints } from '../../../src/quant/zeroPoints';

describe('packed zero points', () => {
  it('hold the first row in the lowest byte of a word', () => {
    const packed = packZeroPoints(Uint8Array.of(1, 2, 3, 4, 0xff));
    expect([...packed]).toEqual([1, 2, 3, 4, 0xff, 0, 0, 0]);
    expect(new DataView(packed.buffer).getInt32(0, true)).toBe(0x04030201);
  });

  it('come back, in ceil(N / 4) words', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (zeros) => {
        const packed = packZeroPoints(zeros);
        expect(packed.length).toBe(4 * Math.ceil(zeros.length / 4));
        expect(unpackZeroPoints(packed, zeros.length)).toEqual(zeros);
      }),
    );
  });

  it('are not read beyond their words', () => {
    expect(() => unpackZeroPoints(new Uint8Array(4), 5)).toThrow(RangeError);
  });
});
