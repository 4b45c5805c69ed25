/**
 * Decoders stay inside their buffers whatever the bytes are. Sources and destinations end where the memory ends, so that
 * one byte too many traps; what lies around them is filled and looked at.
 */
import { describe, expect, it } from 'vitest';
import { decodeReference, decodeWideReference } from '../../../src/kernels/reference/decode';
import { byteSize, decodableDtypes, findDtype, wideDtypes } from '../../../src/numeric/dtypes';
import { loadKernels } from './loadKernels';
import { randomBytes } from './randomValues';

const kernels = loadKernels();
const guardBytes = 256;
const guardByte = 0xab;

/** Decodes bytes whose source or destination ends with the memory, and looks at the guards. */
function decodeAtEnd(dtype: string, bytes: Uint8Array, elements: number, last: 'source' | 'destination') {
  const isWide = wideDtypes.has(dtype);
  const outBytes = (isWide ? 8 : 4) * elements;
  kernels.reset();
  // The other buffer lies in the middle, at an odd address if it is the source.
  const middle = kernels.alloc(2 * guardBytes + Math.max(outBytes, bytes.length) + 8) + guardBytes;
  const end = kernels.memory.buffer.byteLength;
  const src = last === 'source' ? end - bytes.length : middle + 1;
  const dst = last === 'source' ? middle : end - outBytes;
  expect(Math.min(src, dst)).toBeGreaterThan(guardBytes);
  const lower = kernels.u8(dst - guardBytes, guardBytes).fill(guardByte);
  const upper = kernels.u8(dst + outBytes, Math.min(guardBytes, end - dst - outBytes)).fill(guardByte);
  kernels.u8(src - 64, 64).fill(0xff);
  const stored = kernels.u8(src, bytes.length);
  stored.set(bytes);
  if (isWide) kernels.decodeWide(dtype, src, dst, elements);
  else kernels.decode(dtype, src, dst, elements);
  expect(lower.every((byte) => byte === guardByte)).toBe(true);
  expect(upper.every((byte) => byte === guardByte)).toBe(true);
  expect(Buffer.compare(stored, bytes)).toBe(0);
  return isWide ? kernels.f64(dst, elements).slice() : kernels.f32(dst, elements).slice();
}

/** Random bytes of any pattern, and the ones that name the largest of everything. */
function hostileBytes(length: number, seed: number): Uint8Array {
  if (seed === 0) return new Uint8Array(length).fill(0xff);
  if (seed === 1) return new Uint8Array(length).fill(0x7f);
  return randomBytes(length, seed);
}

// Room for the largest case between the tables and the end of the memory.
kernels.alloc(1 << 20);

describe.each([...decodableDtypes])('decoding %s', (dtype) => {
  const info = findDtype(dtype)!;
  const reference = wideDtypes.has(dtype) ? decodeWideReference : decodeReference;

  it.each(['source', 'destination'] as const)(
    'reads and writes nothing else where its %s ends the memory',
    (last) => {
      let values = 0;
      for (let seed = 0; seed < 24; seed++) {
        const blocks = [1, 2, 3, 5, 16, 17, 33][seed % 7]!;
        const elements = blocks * info.blockElements;
        const bytes = hostileBytes(byteSize(info, elements)!, seed);
        const got = decodeAtEnd(dtype, bytes, elements, last);
        const want = reference(dtype, bytes, elements);
        for (const [i, value] of want.entries()) {
          if (!Object.is(got[i], value)) expect.fail(`seed ${seed}, value ${i}: ${got[i]} is not ${value}`);
        }
        values += elements;
      }
      expect(values).toBeGreaterThan(200);
    },
  );
});
