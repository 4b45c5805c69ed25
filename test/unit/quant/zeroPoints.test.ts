import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packZeroPoints } from '../../../src/quant/zeroPoints';

describe('packed zero points', () => {
  it('hold the first row in the lowest byte of a word', () => {
    const packed = packZeroPoints(Uint8Array.of(1, 2, 3, 4, 0xff));
    expect([...packed]).toEqual([1, 2, 3, 4, 0xff, 0, 0, 0]);
    expect(new DataView(packed.buffer).getInt32(0, true)).toBe(0x04030201);
  });

  it('are the bytes themselves, filled up with 0 to ceil(N / 4) words', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (zeros) => {
        const packed = packZeroPoints(zeros);
        expect(packed.length).toBe(4 * Math.ceil(zeros.length / 4));
        expect(packed.subarray(0, zeros.length)).toEqual(zeros);
        expect(packed.subarray(zeros.length).every((byte) => byte === 0)).toBe(true);
      }),
    );
  });
});
