/** ggml's lattice types against what ggml itself gives; see test/fixtures/ggml-lattice/README.md. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { latticeDtypes } from '../../../src/kernels/latticeTables';
import { decodeReference } from '../../../src/kernels/reference/decode';
import { findDtype } from '../../../src/numeric/dtypes';
import { fillLattice, type LatticeName, latticeBytes, lattices } from '../../../src/numeric/latticeGrids';
import { loadKernels, place } from './loadKernels';
import { randomBlocks } from './randomBlocks';

const kernels = loadKernels();
const folder = new URL('../../fixtures/ggml-lattice/', import.meta.url);
const digests: Record<string, { blocks: string; values: string }> = JSON.parse(
  readFileSync(new URL('digests.json', folder), 'utf8'),
);
const sha256 = (view: Uint8Array | Float32Array) => createHash('sha256').update(view).digest('hex');

function decode(dtype: string, bytes: Uint8Array, elements: number): Float32Array {
  kernels.reset();
  const src = place(kernels, bytes, 1);
  const dst = kernels.alloc(4 * elements);
  kernels.decode(dtype, src, dst, elements);
  return kernels.f32(dst, elements).slice();
}

const decoders = { kernel: decode, reference: decodeReference };

describe.each(Object.keys(latticeDtypes))('%s', (dtype) => {
  describe.each(Object.entries(decoders))('of the %s', (_, decoder) => {
    it('gives what ggml gives for eight blocks', () => {
      const bytes = readFileSync(new URL(`${dtype}.bin`, folder));
      const want = new Float32Array(new Uint8Array(readFileSync(new URL(`${dtype}.f32`, folder))).buffer);
      expect(want.length).toBe(8 * 256);
      expect(bytes.length).toBe(8 * findDtype(dtype)!.blockBytes);
      const got = decoder(dtype, bytes, want.length);
      // Equal values, -0 apart from 0; which NaN an infinity or NaN leads to is the machine's choice.
      for (const [i, value] of want.entries()) {
        if (!Object.is(got[i], value)) expect.fail(`value ${i}: ${got[i]} is not ${value}`);
      }
      expect(got.subarray(0, 5 * 256).every(Number.isFinite)).toBe(true);
      expect(got.subarray(7 * 256).every(Number.isNaN)).toBe(true);
    });

    it('gives what ggml gives for 1,024 blocks', () => {
      const elements = 1024 * 256;
      const bytes = randomBlocks(dtype, elements, 7);
      expect(sha256(bytes)).toBe(digests[dtype]!.blocks);
      expect(sha256(decoder(dtype, bytes, elements))).toBe(digests[dtype]!.values);
    });
  });
});

describe.each(Object.keys(lattices) as LatticeName[])('the grid %s', (name) => {
  it('has as many points as its codes name, in ascending order and each once', () => {
    const { dimensions, points, levels } = lattices[name];
    const grid = new Int8Array(latticeBytes(name) + 1);
    grid[latticeBytes(name)] = 99;
    fillLattice(name, grid);
    // The last byte is set, and nothing behind it.
    expect(levels).toContain(grid[latticeBytes(name) - 1]);
    expect(grid[latticeBytes(name)]).toBe(99);
    const numbers = Array.from({ length: points }, (_, point) =>
      grid
        .subarray(point * dimensions, (point + 1) * dimensions)
        .reduceRight((sum, value) => sum * levels.length + levels.indexOf(value), 0),
    );
    for (let i = 1; i < points; i++) expect(numbers[i]).toBeGreaterThan(numbers[i - 1]!);
  });
});
