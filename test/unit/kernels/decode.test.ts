import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeReference, decodeWideReference } from '../../../src/kernels/reference/decode';
import { decodableDtypes, findDtype, wideDtypes } from '../../../src/numeric/dtypes';
import { sharedPath } from '../../fixtures/shared';
import { expectSameBytes, loadKernels, place } from './loadKernels';
import { randomBlocks } from './randomBlocks';
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

const quantized = [
  ...['Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'],
  ...['IQ4_NL', 'IQ4_XS', 'MXFP4'],
];
const narrow = [...decodableDtypes].filter((dtype) => !wideDtypes.has(dtype));

describe.each(narrow)('decoding %s', (dtype) => {
  const info = findDtype(dtype)!;

  it('equals the reference bit for bit at odd lengths and addresses', () => {
    for (const blocks of [0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 100]) {
      const elements = blocks * info.blockElements;
      const bytes = randomBlocks(dtype, elements, blocks + 1);
      for (const offset of [0, 1, 2, 7]) {
        const expected = bitsOf(decodeReference(dtype, bytes, elements));
        expectSameBytes(decode(dtype, bytes, elements, offset), expected);
      }
    }
  });
});

/** Equal values, -0 apart from 0, any NaN equal to any other. */
function expectSameValues(got: Float32Array | Float64Array, want: Float32Array | Float64Array): void {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < got.length; i++) {
    if (!Object.is(got[i], want[i])) expect.fail(`element ${i}: ${got[i]} is not ${want[i]}`);
  }
}

const goldenFiles = [...quantized, 'F16', 'BF16'].map((dtype) => [dtype, dtype] as const);

describe.skipIf(golden === undefined).each([...goldenFiles, ['IQ4_NL', 'IQ4_NL.chunk'] as const])(
  'decoding %s',
  (dtype, file) => {
    it(`gives what ggml gives for ${file}`, () => {
      const bytes = readFileSync(`${golden}/${file}.bin`);
      const expected = readFileSync(`${golden}/${file}.deq.f32`);
      const elements = expected.length / 4;
      expect(elements).toBe(24 * 1024);
      const want = new Float32Array(new Uint8Array(expected).buffer);
      expectSameValues(new Float32Array(decode(dtype, bytes, elements).buffer), want);
      expectSameValues(decodeReference(dtype, bytes, elements), want);
    });
  },
);

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
    expect(() => kernels.decode('C64', 0, 0, 0)).toThrow('C64');
    expect(() => kernels.decodeWide('F32', 0, 0, 0)).toThrow('F32');
  });

  it.each([...wideDtypes])('of %s to float64 equals the reference, to the largest integers', (dtype) => {
    const bytes = randomBytes(8 * 101, 3);
    bytes.fill(0xff, 0, 8).fill(0, 8, 16).set([0, 0, 0, 0, 0, 0, 0, 0x80], 16);
    const elements = bytes.length / findDtype(dtype)!.blockBytes;
    kernels.reset();
    for (const offset of [0, 3]) {
      const src = place(kernels, bytes, offset);
      const dst = kernels.alloc(8 * elements);
      kernels.decodeWide(dtype, src, dst, elements);
      expectSameValues(kernels.f64(dst, elements), decodeWideReference(dtype, bytes, elements));
    }
  });
});

describe('types of one byte', () => {
  const codes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const all = (dtype: string) => new Float32Array(decode(dtype, codes, 256).buffer);

  it('have the limits that their specifications state', () => {
    const e4m3 = all('F8_E4M3');
    expect([e4m3[0x7e], e4m3[0x01], e4m3[0x08], e4m3[0x7f], e4m3[0xff]]).toEqual([
      ...[448, 2 ** -9, 2 ** -6, Number.NaN, Number.NaN],
    ]);
    const e5m2 = all('F8_E5M2');
    expect([e5m2[0x7b], e5m2[0x01], e5m2[0x7c], e5m2[0xfc], e5m2[0x7d]]).toEqual([
      ...[57344, 2 ** -16, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
    ]);
    const e4m3fnuz = all('F8_E4M3FNUZ');
    expect([e4m3fnuz[0x7f], e4m3fnuz[0x01], e4m3fnuz[0x80]]).toEqual([240, 2 ** -10, Number.NaN]);
    const e5m2fnuz = all('F8_E5M2FNUZ');
    expect([e5m2fnuz[0x7f], e5m2fnuz[0x01], e5m2fnuz[0x80]]).toEqual([57344, 2 ** -17, Number.NaN]);
    const e8m0 = all('F8_E8M0');
    expect([e8m0[0], e8m0[127], e8m0[254], e8m0[255]]).toEqual([2 ** -127, 1, 2 ** 127, Number.NaN]);
    expect([...all('BOOL')]).toEqual([0, ...new Array(255).fill(1)]);
  });

  it.each(['F8_E4M3', 'F8_E5M2', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ'])(
    'of %s are the same by lanes and one by one',
    (dtype) => {
      const singly = all(dtype);
      for (const code of codes) {
        const got = new Float32Array(decode(dtype, new Uint8Array(16).fill(code), 16).buffer);
        expectSameValues(got, new Float32Array(16).fill(singly[code]!));
      }
    },
  );

  it('of E5M2 are the binary16 numbers whose lower byte is 0', () => {
    const halves = new Uint8Array(Uint16Array.from(codes, (code) => code << 8).buffer);
    expectSameValues(all('F8_E5M2'), decodeReference('F16', halves, 256));
  });
});

describe('types of less than a byte', () => {
  /** Sixteen times the same bytes, so that lanes take them, and what is left over. */
  const decodeAll = (dtype: string, bytes: readonly number[], elements: number) => {
    const repeated = Uint8Array.from({ length: 17 * bytes.length }, (_, i) => bytes[i % bytes.length]!);
    const got = new Float32Array(decode(dtype, repeated, 17 * elements).buffer);
    expect([...got.subarray(16 * elements)]).toEqual([...got.subarray(0, elements)]);
    return [...got.subarray(0, elements)];
  };

  it('of ONNX take the first value from the lowest bits, and know their sign', () => {
    expect(decodeAll('U4', [0x21, 0xf8], 4)).toEqual([1, 2, 8, 15]);
    expect(decodeAll('I4', [0x21, 0xf8], 4)).toEqual([1, 2, -8, -1]);
    expect(decodeAll('U2', [0b11_10_01_00], 4)).toEqual([0, 1, 2, 3]);
    expect(decodeAll('I2', [0b11_10_01_00], 4)).toEqual([0, 1, -2, -1]);
    expect(decodeAll('F4', [0x10, 0xf7], 4)).toEqual([0, 0.5, 6, -6]);
  });

  it('with six bits have the limits of OCP Microscaling Formats 1.0, 5.3.2', () => {
    const pack = (codes: readonly number[]) => {
      const bits = codes.reduceRight((sum, code) => sum * 64 + code, 0);
      return [bits & 255, (bits >> 8) & 255, bits >> 16];
    };
    // Largest, largest subnormal, smallest subnormal, smallest normal, and with their sign.
    const e2m3 = [...pack([0x1f, 7, 1, 8]), ...pack([0x3f, 0x20, 0x21, 0x28])];
    expect(decodeAll('F6_E2M3', e2m3, 8)).toEqual([7.5, 0.875, 0.125, 1, -7.5, -0, -0.125, -1]);
    const e3m2 = [...pack([0x1f, 3, 1, 4]), ...pack([0x3f, 0x20, 0x21, 0x24])];
    expect(decodeAll('F6_E3M2', e3m2, 8)).toEqual([28, 0.1875, 0.0625, 0.25, -28, -0, -0.0625, -0.25]);
  });
});

const fp8 = sharedPath('golden/fp8');

describe.skipIf(fp8 === undefined)('8-bit floats', () => {
  it.each(['e4m3fn', 'e5m2'])('of %s decode to the values of the manifest', (name) => {
    const want: (number | string)[] = JSON.parse(readFileSync(`${fp8}/manifest.json`, 'utf8'))[
      `decode_${name}`
    ];
    const codes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const got = new Float32Array(decode(name === 'e5m2' ? 'F8_E5M2' : 'F8_E4M3', codes, 256).buffer);
    const words: Record<string, number> = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity };
    expect(want.length).toBe(256);
    expectSameValues(
      got,
      Float32Array.from(want, (value) => words[value] ?? Number(value)),
    );
  });

  it.each([
    ['F8_E4M3', 'e4m3fn_torch', 464, 448],
    ['F8_E5M2', 'e5m2_torch', 61439, 57344],
  ])('of %s are the nearest to what was encoded', (dtype, file, limit, largest) => {
    const encoded = readFileSync(`${fp8}/${file}.u8`);
    const inputs = new Float32Array(new Uint8Array(readFileSync(`${fp8}/inputs.f32`)).buffer);
    const got = new Float32Array(decode(dtype, encoded, encoded.length).buffer);
    const codes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const grid = new Float32Array(decode(dtype, codes, 256).buffer).filter(Number.isFinite);
    let checked = 0;
    for (const [i, input] of inputs.entries()) {
      if (Number.isNaN(input)) expect(got[i]).toBeNaN();
      if (!(Math.abs(input) <= limit)) continue;
      expect(Math.abs(got[i]!)).toBeLessThanOrEqual(largest);
      const nearest = grid.reduce((least, value) => Math.min(least, Math.abs(value - input)), Infinity);
      if (Math.abs(got[i]! - input) !== nearest) expect.fail(`${input} became ${got[i]}`);
      checked++;
    }
    expect(checked).toBeGreaterThan(1000);
  });
});
