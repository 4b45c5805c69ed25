/** What the kernels look up when they choose points of a lattice. */
import { expect, it } from 'vitest';
import { latticeTableBytes, latticeTables } from '../../../src/kernels/latticeTables';
import { latticeNamed } from '../../../src/numeric/lattice';
import { type LatticeName, lattices } from '../../../src/numeric/latticeGrids';

const names = Object.keys(lattices) as LatticeName[];

it.each(names)(
  '%s fills the room that is kept for it, and lists the nearest points of each place',
  (name) => {
    const tables = latticeTables(name);
    expect(tables.length).toBe(latticeTableBytes[name]);
    const { dimensions, digits } = latticeNamed(name);
    const base = dimensions === 8 ? 3 : 8;
    const view = new DataView(tables.buffer);
    const distanceTo = (place: readonly number[], point: number) =>
      place.reduce((sum, digit, i) => sum + (digit - digits[dimensions * point + i]!) ** 2, 0);
    // A few places, none like the others.
    for (let number = 1; number < base ** dimensions; number += 211) {
      const place = Array.from({ length: dimensions }, (_, i) => Math.floor(number / base ** i) % base);
      const distances = Array.from({ length: lattices[name].points }, (_, point) => distanceTo(place, point));
      const entry = view.getUint32(4 * number, true);
      if (entry < 2 ** 31) {
        expect(distances[entry]).toBe(0);
        continue;
      }
      const fourBytes = 4 * dimensions + 8;
      const first = entry - 2 ** 31 + 4;
      const fours = view.getUint32(first - 4, true);
      const listed = Array.from({ length: 4 * fours }, (_, k) => {
        const four = first + fourBytes * (k >> 2);
        const point = view.getUint16(four + 4 * dimensions + 2 * (k & 3), true);
        const own = Array.from({ length: dimensions }, (_, i) => tables[four + 4 * i + (k & 3)]! / 4);
        expect(own).toEqual([...digits.subarray(dimensions * point, dimensions * (point + 1))]);
        return point;
      });
      // All points of the distances that are listed, from the nearest on, of equal ones the first.
      const points = listed.filter((point, k) => listed.indexOf(point) === k);
      const limit = Math.max(...points.map((point) => distances[point]!));
      const wanted = [...distances.keys()]
        .filter((point) => distances[point]! <= limit)
        .sort((a, b) => distances[a]! - distances[b]! || a - b);
      expect(points).toEqual(wanted);
    }
  },
);
