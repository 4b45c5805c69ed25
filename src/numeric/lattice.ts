/** The points that ggml's IQ types choose from, as digits, and which of them are tried for a place between them. */
import { fillLattice, type LatticeName, latticeBytes, lattices } from './latticeGrids';

/** Distances of so many sizes count as near (ggml-quants.c, iq2xs_init_impl and iq3xs_init_impl). */
const nearSizes: Readonly<Record<LatticeName, number>> = {
  iq1s: 3,
  iq2xxs: 2,
  iq2xs: 2,
  iq2s: 1,
  iq3xxs: 2,
  iq3s: 3,
};

export class Lattice {
  readonly dimensions: number;
  /** Digits 0.. of all points, one after the other. */
  readonly digits: Uint8Array;
  /** What the digits stand for: 1, 3, 5 and so on. */
  readonly levels: Float32Array;
  /** Bits of a digit in a place's number. */
  readonly digitBits: 2 | 3;
  /** The point at each place, -1 between points. */
  readonly pointAt: Int16Array;
  /** Lists are made when they are first asked for: few places occur. */
  readonly #near: (Uint16Array | undefined)[];
  readonly #halves = [new Map<number, Uint8Array>(), new Map<number, Uint8Array>()] as const;

  constructor(private readonly name: LatticeName) {
    const { dimensions, levels, points } = lattices[name];
    const values = new Int8Array(latticeBytes(name));
    fillLattice(name, values);
    this.dimensions = dimensions;
    this.digitBits = dimensions === 8 ? 2 : 3;
    this.digits = Uint8Array.from(values, (value) => levels.indexOf(value));
    this.levels = Float32Array.from(this.digits, (digit) => 2 * digit + 1);
    const places = 2 ** (this.digitBits * dimensions);
    this.pointAt = new Int16Array(places).fill(-1);
    this.#near = new Array(places).fill(undefined);
    for (let point = 0; point < points; point++)
      this.pointAt[this.placeOf(this.digits, point * dimensions)] = point;
  }

  /** The number of the place whose digits begin at `start`. */
  placeOf(digits: Uint8Array, start: number): number {
    let place = 0;
    for (let i = 0; i < this.dimensions; i++) place |= digits[start + i]! << (this.digitBits * i);
    return place;
  }

  /** The points nearest to a place, from the nearest on, of equally near ones the first. */
  near(place: number): Uint16Array {
    const known = this.#near[place];
    if (known) return known;
    const found = this.nearest(place);
    this.#near[place] = found;
    return found;
  }

  /** Counts points by their distance, whose halves are known, then takes those of the smallest sizes. */
  private nearest(place: number): Uint16Array {
    const { digits, dimensions, digitBits } = this;
    const points = digits.length / dimensions;
    const bits = (digitBits * dimensions) / 2;
    const lower = this.halfDistances(0, place & (2 ** bits - 1));
    const upper = this.halfDistances(1, place >> bits);
    const counts = new Uint16Array(256);
    for (let point = 0; point < points; point++) counts[lower[point]! + upper[point]!]!++;
    const starts = new Uint16Array(256);
    let [total, limit] = [0, 0];
    for (let sizes = 0; limit < 256 && sizes < nearSizes[this.name]; limit++) {
      if (counts[limit] === 0) continue;
      starts[limit] = total;
      total += counts[limit]!;
      sizes++;
    }
    const near = new Uint16Array(total);
    for (let point = 0; point < points; point++) {
      const distance = lower[point]! + upper[point]!;
      if (distance < limit) near[starts[distance]!++] = point;
    }
    return near;
  }

  /** Squared distances of all points in one half of the dimensions; at most 4 * 49 in both. */
  private halfDistances(half: 0 | 1, place: number): Uint8Array {
    const known = this.#halves[half].get(place);
    if (known) return known;
    const { digits, dimensions, digitBits } = this;
    const distances = new Uint8Array(digits.length / dimensions);
    const size = dimensions / 2;
    for (let point = 0; point < distances.length; point++) {
      for (let i = 0; i < size; i++) {
        const digit = (place >> (digitBits * i)) & (2 ** digitBits - 1);
        distances[point]! += (digit - digits[point * dimensions + half * size + i]!) ** 2;
      }
    }
    this.#halves[half].set(place, distances);
    return distances;
  }
}

const made = new Map<LatticeName, Lattice>();

/** The lattice of a name, which is made once. */
export function latticeNamed(name: LatticeName): Lattice {
  let lattice = made.get(name);
  if (!lattice) {
    lattice = new Lattice(name);
    made.set(name, lattice);
  }
  return lattice;
}
