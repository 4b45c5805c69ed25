/** What the kernels that encode ggml's IQ1, IQ2 and IQ3 types look up; assembly/ggmlLattice.ts reads it. */
import { latticeNamed } from '../numeric/lattice';
import type { LatticeName } from '../numeric/latticeGrids';

/** Types that choose points of a lattice: their decoders take its grid, their encoders the tables below. */
export const latticeDtypes = {
  IQ1_S: 'iq1s',
  IQ1_M: 'iq1s',
  IQ2_XXS: 'iq2xxs',
  IQ2_XS: 'iq2xs',
  IQ2_S: 'iq2s',
  IQ3_XXS: 'iq3xxs',
  IQ3_S: 'iq3s',
} as const satisfies Record<string, LatticeName>;

/** Bytes of each lattice's tables, which follow from its points: how much room is kept before they are made. */
export const latticeTableBytes: Readonly<Record<LatticeName, number>> = {
  iq1s: 3_397_088,
  iq2xxs: 1_279_168,
  iq2xs: 1_959_768,
  iq2s: 596_128,
  iq3xxs: 177_680,
  iq3s: 211_016,
};

const made = new Map<LatticeName, Uint8Array>();

/**
 * Tables of a lattice, little-endian, made once:
 * - a u32 for each place (3^8 or 8^4, the first digit the least significant): the point that lies there, or 2^31 + where its list begins;
 * - a u32 for each point: 2 digit + 1 for each value, of 3 bits where there are eight values and of 4 bits where there are four;
 * - lists of the points near a place, as `Lattice.near` orders them: how many fours (u32), then for each four 4 * digit of
 *   every point's first value (four bytes), of their second and so on, and their four numbers (u16). The last one fills a four up.
 */
export function latticeTables(name: LatticeName): Uint8Array {
  let tables = made.get(name);
  if (!tables) {
    tables = makeTables(name);
    made.set(name, tables);
  }
  return tables;
}

function makeTables(name: LatticeName): Uint8Array {
  const lattice = latticeNamed(name);
  const { dimensions, digits, digitBits, pointAt } = lattice;
  const [base, levelBits] = dimensions === 8 ? [3, 3] : [8, 4];
  const places = base ** dimensions;
  const points = digits.length / dimensions;
  const lists: { readonly place: number; readonly near: Uint16Array }[] = [];
  const head = new Uint32Array(places + points);
  let at = head.byteLength;
  const fourBytes = 4 * dimensions + 8;
  for (let place = 0; place < places; place++) {
    let bits = 0;
    for (let i = 0, rest = place; i < dimensions; i++, rest = Math.floor(rest / base))
      bits |= (rest % base) << (digitBits * i);
    const point = pointAt[bits]!;
    head[place] = point >= 0 ? point : 0x80000000 + at;
    if (point >= 0) continue;
    const near = lattice.near(bits);
    lists.push({ place, near });
    at += 4 + fourBytes * Math.ceil(near.length / 4);
  }
  for (let point = 0; point < points; point++)
    for (let i = 0; i < dimensions; i++)
      head[places + point]! |= (2 * digits[point * dimensions + i]! + 1) << (levelBits * i);
  const bytes = new Uint8Array(at);
  bytes.set(new Uint8Array(head.buffer));
  const view = new DataView(bytes.buffer);
  for (const { place, near } of lists) {
    let to = head[place]! - 0x80000000;
    const fours = Math.ceil(near.length / 4);
    view.setUint32(to, fours, true);
    to += 4;
    for (let four = 0; four < fours; four++, to += fourBytes) {
      for (let k = 0; k < 4; k++) {
        const point = near[Math.min(near.length - 1, 4 * four + k)]!;
        for (let i = 0; i < dimensions; i++) bytes[to + 4 * i + k] = 4 * digits[point * dimensions + i]!;
        view.setUint16(to + 4 * dimensions + 2 * k, point, true);
      }
    }
  }
  return bytes;
}
