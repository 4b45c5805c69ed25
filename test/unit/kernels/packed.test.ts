/** The kernels of quantized layouts against plain loops, at odd addresses, lengths and phases, within their buffers. */
import { describe, expect, it } from 'vitest';
import { callRows } from '../../../src/kernels/packedExports';
import {
  affineReference,
  byIndexReference,
  linearReference,
  tableReference,
  unpackDenseReference,
  unpackFieldReference,
  unpackUpperFirstReference,
  unpackWordsReference,
} from '../../../src/kernels/reference/packed';
import { expectSameBytes, loadKernels, place } from './loadKernels';
import { randomBytes, randomNormal } from './randomValues';

const kernels = loadKernels();
const { packed } = kernels;
const guardBytes = 64;

/** Runs a kernel that writes `bytes` bytes, and fails when it writes one more. */
function written(bytes: number, run: (dst: number) => void): Uint8Array<ArrayBuffer> {
  const dst = kernels.alloc(bytes + guardBytes) + 1;
  const room = kernels.u8(dst - 1, bytes + guardBytes).fill(0xab);
  run(dst);
  expect(room[0]).toBe(0xab);
  expect(room.subarray(bytes + 1).every((byte) => byte === 0xab)).toBe(true);
  return room.slice(1, bytes + 1);
}

/** The last bytes that the memory has: a load beyond them ends the test with a trap. */
function placeAtEnd(bytes: Uint8Array): number {
  kernels.alloc(bytes.length + guardBytes);
  const at = kernels.memory.buffer.byteLength - bytes.length;
  kernels.u8(at, bytes.length).set(bytes);
  return at;
}

const counts = [1, 7, 8, 9, 31, 32, 33, 64, 100, 257];

describe('unpacking', () => {
  it.each([2, 3, 4, 5, 6, 7, 8])('dense codes of %i bits', (bits) => {
    for (const count of counts) {
      kernels.reset();
      const bytes = randomBytes(Math.ceil((count * bits) / 8), bits + count);
      const want = unpackDenseReference(bytes, count, bits);
      for (const src of [place(kernels, bytes, 3), placeAtEnd(bytes)])
        expectSameBytes(
          written(count, (dst) => packed.unpackDense(src, dst, count, bits)),
          want,
        );
    }
  });

  it('codes whose first is the upper half', () => {
    for (const count of counts) {
      kernels.reset();
      const bytes = randomBytes(Math.ceil(count / 2), count);
      const want = unpackUpperFirstReference(bytes, count);
      for (const src of [place(kernels, bytes, 1), placeAtEnd(bytes)])
        expectSameBytes(
          written(count, (dst) => packed.unpackUpperFirst(src, dst, count)),
          want,
        );
    }
  });

  it.each([3, 5, 6, 7])('whole codes of %i bits in words', (bits) => {
    for (const count of counts) {
      kernels.reset();
      const words = new Uint32Array(randomBytes(4 * Math.ceil(count / Math.floor(32 / bits)), count).buffer);
      const want = unpackWordsReference(words, count, bits);
      for (const src of [place(kernels, words, 2), placeAtEnd(new Uint8Array(words.buffer))])
        expectSameBytes(
          written(count, (dst) => packed.unpackWords(src, dst, count, bits)),
          want,
        );
    }
  });

  it('one field of each word', () => {
    for (const count of counts)
      for (const [shift, bits] of [
        [0, 4],
        [12, 4],
        [28, 4],
        [24, 8],
      ] as const) {
        kernels.reset();
        const words = new Uint32Array(randomBytes(4 * count, count).buffer);
        const want = unpackFieldReference(words, shift, bits);
        for (const src of [place(kernels, words, 1), placeAtEnd(new Uint8Array(words.buffer))])
          expectSameBytes(
            written(count, (dst) => packed.unpackField(src, dst, count, shift, bits)),
            want,
          );
      }
  });

  it('signed bytes', () => {
    for (const count of counts) {
      kernels.reset();
      const bytes = randomBytes(count, count);
      const got = written(count, (dst) => {
        kernels.u8(dst, count).set(bytes);
        packed.flipBits(dst, count, 0x80);
      });
      const signed = new Int8Array(bytes.buffer);
      expectSameBytes(
        got,
        Uint8Array.from(signed, (value) => value + 128),
      );
    }
  });
});

/** Rows, columns, the run of the first scale and of the others. */
const grids = [
  [1, 1, 1, 1],
  [3, 37, 37, 64],
  [2, 64, 5, 16],
  [5, 100, 32, 32],
  [2, 50, 1, 7],
  [4, 33, 33, 33],
] as const;

describe('scaling', () => {
  const bytesOf = (values: Float32Array) =>
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

  it.each([
    ['packedAffine', 256, affineReference],
    ['packedLinear', 256, linearReference],
    ['packedTable16', 16, undefined],
    ['packedTable256', 256, undefined],
  ] as const)('%s', (name, limit, reference) => {
    for (const [rows, columns, first, each] of grids) {
      kernels.reset();
      const stride = columns + 3;
      const codes = randomBytes(rows * stride, columns).map((code) => code % limit);
      const groups = 1 + Math.ceil(Math.max(0, columns - first) / each);
      const scales = randomNormal(rows * groups, 5, 0, 1);
      // One for each scale, or one for each code.
      const other = randomNormal(reference ? rows * groups : limit, 6, 0, 100);
      const job = {
        ...{ codes: place(kernels, codes, 1), stride, dst: 0, rows, columns, first, each, groups },
        scales: place(kernels, scales),
      };
      const otherPointer = place(kernels, other);
      const got = written(4 * rows * columns, (dst) => callRows(packed[name], { ...job, dst }, otherPointer));
      const want = new Float32Array(rows * columns);
      for (let row = 0; row < rows; row++) {
        const part = {
          codes: codes.subarray(row * stride, row * stride + columns),
          ...{ first, each },
          scales: scales.subarray(row * groups, (row + 1) * groups),
        };
        const values = reference
          ? reference(part, other.subarray(row * groups, (row + 1) * groups))
          : tableReference(part, other);
        want.set(values, row * columns);
      }
      expectSameBytes(got, bytesOf(want));
    }
  });

  it('by the group of each column', () => {
    for (const [rows, columns] of grids) {
      kernels.reset();
      const groups = 5;
      const codes = randomBytes(rows * columns, 3);
      const order = Uint32Array.from(randomBytes(columns, 4), (byte) => byte % groups);
      const scales = randomNormal(rows * groups, 5, 0, 1);
      const zeros = randomNormal(rows * groups, 6, 0, 10);
      const at = [codes, order.map((group) => 4 * group), scales, zeros].map((each) => place(kernels, each));
      const got = written(4 * rows * columns, (dst) =>
        packed.packedByIndex(at[0]!, columns, dst, rows, columns, at[1]!, groups, at[2]!, at[3]!),
      );
      for (let row = 0; row < rows; row++) {
        const part = (values: Float32Array) => values.subarray(row * groups, (row + 1) * groups);
        const own = codes.subarray(row * columns, (row + 1) * columns);
        const want = byIndexReference(own, order, part(scales), part(zeros));
        expectSameBytes(got.subarray(4 * row * columns, 4 * (row + 1) * columns), bytesOf(want));
      }
    }
  });

  it('by a factor at last', () => {
    for (const count of counts) {
      kernels.reset();
      const values = randomNormal(count, count, 0, 1);
      const factor = Math.fround(1 / 127);
      const got = written(4 * count, (dst) => {
        kernels.u8(dst, 4 * count).set(bytesOf(values));
        packed.packedTimes(dst, count, factor);
      });
      expectSameBytes(got, bytesOf(values.map((value) => value * factor)));
    }
  });
});
