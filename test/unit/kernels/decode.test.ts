import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeReference } from '../../../src/kernels/reference/decode';
import { byteSize, dtypes } from '../../../src/numeric/dtypes';
import { sharedPath } from '../../fixtures/shared';
import { expectSameBytes, loadKernels, place } from './loadKernels';
import { randomBytes } from './randomValues';

const kernels = loadKernels();
const golden = sharedPath('golden/ggml');

function decode(dtype: string, bytes: Uint8Array, elements: number, offset = 0): Uint32Array {
  kernels.reset();
  const src = place(kernels, bytes, offset);
  const dst = kernels.alloc(elements * 4 + 16);
  const guard = kernels.u8(dst, elements * 4 + 16).fill(0xab);
  kernels.decode(dtype, src, dst, elements);
  expect(guard.subarray(elements * 4).every((byte) => byte === 0xab)).toBe(true);
  return kernels.u32(dst, elements).slice();
}

const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

describe.each(['F32', 'F16', 'BF16', 'I8', 'U8', 'Q8_0', 'Q4_0'])('decoding %s', (dtype) => {
  const info = dtypes.get(dtype)!;

  it('equals the reference bit for bit at odd lengths and addresses', () => {
    for (const blocks of [0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 100]) {
      const elements = blocks * info.blockElements;
      const bytes = randomBytes(byteSize(info, elements)!, blocks + 1);
      if (info.kind === 'quantized') clearNanScales(bytes, info.blockBytes);
      for (const offset of [0, 1, 2, 7]) {
        const expected = bitsOf(decodeReference(dtype, bytes, elements));
        expectSameBytes(decode(dtype, bytes, elements, offset), expected);
      }
    }
  });
});

describe.skipIf(golden === undefined).each(['Q8_0', 'Q4_0', 'F16', 'BF16'])('decoding %s', (dtype) => {
  it('gives what ggml gives', () => {
    const bytes = readFileSync(`${golden}/${dtype}.bin`);
    const expected = readFileSync(`${golden}/${dtype}.deq.f32`);
    const elements = expected.length / 4;
    expect(elements).toBe(24 * 1024);
    const got = new Float32Array(decode(dtype, bytes, elements).buffer);
    const want = new Float32Array(expected.buffer, expected.byteOffset, elements);
    for (let i = 0; i < elements; i++) {
      if (!Object.is(got[i], want[i])) expect.fail(`element ${i}: ${got[i]} is not ${want[i]}`);
    }
  });
});

/** A product with a NaN may carry either operand's payload; finite and infinite scales are compared bit for bit. */
function clearNanScales(bytes: Uint8Array, blockBytes: number): void {
  for (let at = 1; at < bytes.length; at += blockBytes) {
    if ((bytes[at]! & 0x7c) === 0x7c) bytes[at]! &= 0xbf;
  }
}

describe('decoding', () => {
  it('covers every pattern of the 16-bit types', () => {
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const bytes = new Uint8Array(patterns.buffer);
    for (const dtype of ['F16', 'BF16']) {
      expectSameBytes(decode(dtype, bytes, 65536), bitsOf(decodeReference(dtype, bytes, 65536)));
    }
  });

  it('refuses types without a decoder by name', () => {
    expect(() => kernels.decode('F64', 0, 0, 0)).toThrow('F64');
    expect(() => kernels.decode('Q4_K', 0, 0, 0)).toThrow('Q4_K');
  });
});
