/**
 * ggml's IQ1_S and IQ1_M: eights of -1, 0 and 1, shifted by an eighth up or down, from a lattice of 2,048 points (ggml-quants.c,
 * quantize_row_iq1_s_impl and quantize_row_iq1_m_impl). Values are sorted and every split into three runs is tried.
 */
import { f32BitsToF16, f32ToBits } from '../../../numeric/floats';
import { type Lattice, latticeNamed } from '../../../numeric/lattice';
import { clamp, nearestInt, refuseScale, storeHalf, sumOfSquares } from './arithmetic';
import type { BlockInput, BlockOutput, BlockType } from './blockType';
import { importanceWeight } from './searches';

const f = Math.fround;
const blockSize = 256;
/** What digits 0, 1 and 2 stand for with either shift. */
const raised = Float32Array.of(-0.875, 0.125, 1.125);
const lowered = Float32Array.of(-1.125, -0.125, 0.875);

const weights = new Float32Array(32);
const digits = new Uint8Array(32);
const points = new Uint16Array(4);
const groupScales = new Float32Array(16);
/** Of each group: for IQ1_S 1 or -1; for IQ1_M how the shifts of both halves are combined. */
const shifts = new Int8Array(16);

/** Sets the weights of the group of `size` values at `start`. */
function weigh({ x, importance }: BlockInput, start: number, size: number, meanSquare: number): void {
  for (let i = 0; i < size; i++) {
    const value = x[start + i]!;
    weights[i] = importance ? importanceWeight(importance[start + i]!, meanSquare, value) : value * value;
  }
}

/** Places of a group's values in ascending order of these; equal ones stay in order. */
function sorted(x: Float32Array, start: number, size: number): number[] {
  return Array.from({ length: size }, (_, i) => i).sort((a, b) => x[start + a]! - x[start + b]!);
}

/** Where the sorted values are split, the scale, and which shift that was for. */
interface Split {
  readonly first: number;
  readonly second: number;
  readonly scale: number;
  readonly shift: number;
}

/** The best split of 32 values, all with one shift: 1 or -1. */
function splitOf32(x: Float32Array, start: number, order: readonly number[]): Split | undefined {
  const values = new Float32Array(33);
  const sums = new Float32Array(33);
  for (const [j, i] of order.entries()) {
    values[j + 1] = values[j]! + f(weights[i]! * x[start + i]!);
    sums[j + 1] = sums[j]! + weights[i]!;
  }
  let best: Split | undefined;
  let score = -largestFloat;
  for (let first = 0; first <= 32; first++) {
    for (let second = first; second <= 32; second++) {
      for (const shift of [1, -1]) {
        const [a, b, c] = (shift === 1 ? raised : lowered) as unknown as [number, number, number];
        const low = values[first]!;
        const middle = f(values[second]! - low);
        const high = f(values[32]! - values[second]!);
        const products = f(f(f(low * a) + f(middle * b)) + f(high * c));
        const lowWeight = f(f(sums[first]! * a) * a);
        const middleWeight = f(f(f(sums[second]! - sums[first]!) * b) * b);
        const squares = f(f(lowWeight + middleWeight) + f(f(f(sums[32]! - sums[second]!) * c) * c));
        if (squares > 0 && f(products * products) > f(score * squares)) {
          const scale = f(products / squares);
          score = f(scale * products);
          best = { first, second, scale, shift };
        }
      }
    }
  }
  return best;
}

const largestFloat = f(3.4028234663852886e38);

/** The best split of 16 values, whose halves have shifts of their own: 0 to 3, of which bit 1 lowers the first half. */
function splitOf16(x: Float32Array, start: number, order: readonly number[]): Split | undefined {
  const values = [new Float32Array(17), new Float32Array(17)] as const;
  const sums = [new Float32Array(17), new Float32Array(17)] as const;
  for (const [j, i] of order.entries()) {
    const own = i < 8 ? 0 : 1;
    values[own][j + 1] = values[own][j]! + f(weights[i]! * x[start + i]!);
    values[1 - own]![j + 1] = values[1 - own]![j]!;
    sums[own][j + 1] = sums[own][j]! + weights[i]!;
    sums[1 - own]![j + 1] = sums[1 - own]![j]!;
  }
  let best: Split | undefined;
  let score = -largestFloat;
  const products = new Float32Array(4);
  const squares = new Float32Array(4);
  for (let first = 0; first <= 16; first++) {
    for (let second = first; second <= 16; second++) {
      for (let half = 0; half < 2; half++) {
        const taken = f(values[half]![first]! + values[half]![second]!);
        for (let shift = 0; shift < 2; shift++) {
          const [a, b, c] = (shift === 0 ? raised : lowered) as unknown as [number, number, number];
          products[2 * half + shift] = f(values[half]![16]! * c) - taken;
          const all = f(f(sums[half]![16]! * c) * c);
          const low = f(sums[half]![first]! * f(f(a * a) - f(b * b)));
          const high = f(sums[half]![second]! * f(f(b * b) - f(c * c)));
          squares[2 * half + shift] = f(all + low) + high;
        }
      }
      for (let shift = 0; shift < 4; shift++) {
        const product = f(products[shift >> 1]! + products[2 + (shift & 1)]!);
        const square = f(squares[shift >> 1]! + squares[2 + (shift & 1)]!);
        if (square > 0 && f(product * product) > f(score * square)) {
          const scale = f(product / square);
          score = f(scale * product);
          best = { first, second, scale, shift };
        }
      }
    }
  }
  return best;
}

/** Sets the digits of a split, and turns them round where the scale is negative; true if it did. */
function takeSplit({ first, second, scale }: Split, order: readonly number[]): boolean {
  for (const [j, i] of order.entries()) digits[i] = j < first ? 0 : j < second ? 1 : 2;
  if (!(scale < 0)) return false;
  for (let i = 0; i < order.length; i++) digits[i] = 2 - digits[i]!;
  return true;
}

/**
 * Points of the eights of a group whose digits are set, and the scale that fits them; `levelsOf` says what digits of an eight
 * stand for.
 */
function choosePoints(
  lattice: Lattice,
  x: Float32Array,
  start: number,
  size: number,
  given: number,
  levelsOf: (eight: number) => Float32Array,
): number {
  let isOn = true;
  for (let eight = 0; eight < size / 8; eight++) {
    const place = lattice.placeOf(digits, 8 * eight);
    const point = lattice.pointAt[place]!;
    if (point < 0) isOn = false;
    points[eight] = point < 0 ? nearestOf(lattice, place, x, start, eight, given, levelsOf(eight)) : point;
  }
  if (isOn) return given;
  let products = 0;
  let squares = 0;
  for (let i = 0; i < size; i++) {
    const level = levelsOf(i >> 3)[lattice.digits[8 * points[i >> 3]! + (i & 7)]!]!;
    const weighted = f(weights[i]! * level);
    products = f(products + f(weighted * x[start + i]!));
    squares = f(squares + f(weighted * level));
  }
  return products > 0 && squares > 0 ? f(products / squares) : given;
}

/** Of the points near to a place the one of least weighted error. */
function nearestOf(
  lattice: Lattice,
  place: number,
  x: Float32Array,
  start: number,
  eight: number,
  scale: number,
  levels: Float32Array,
): number {
  const near = lattice.near(place);
  let best = near[0]!;
  let least = Number.POSITIVE_INFINITY;
  for (const point of near) {
    let error = 0;
    for (let i = 0; i < 8; i++) {
      const at = 8 * eight + i;
      const difference = f(f(scale * levels[lattice.digits[8 * point + i]!]!) - x[start + at]!);
      error = f(error + f(f(weights[at]! * difference) * difference));
      if (error >= least) break;
    }
    if (error < least) {
      least = error;
      best = point;
    }
  }
  return best;
}

/** Whether all values of a group count as zeros. */
function isNothing(x: Float32Array, start: number, size: number, smallest: number): boolean {
  for (let i = start; i < start + size; i++) if (Math.abs(x[i]!) >= smallest) return false;
  return true;
}

/** Code 0..7 of a group's scale. */
const scaleCode = (inverse: number, scale: number): number =>
  clamp(nearestInt(f(0.5 * f(f(inverse * scale) - 1))), 0, 7);

function encodeIq1S(input: BlockInput, { bytes, view }: BlockOutput): void {
  const { x } = input;
  const lattice = latticeNamed('iq1s');
  const meanSquare = f(f(2 * sumOfSquares(x, 0, blockSize)) / blockSize);
  let largest = 0;
  for (let group = 0; group < 8; group++) {
    const start = 32 * group;
    weigh(input, start, 32, meanSquare);
    groupScales[group] = 0;
    shifts[group] = 1;
    if (isNothing(x, start, 32, f(1e-12))) continue;
    const order = sorted(x, start, 32);
    const split = splitOf32(x, start, order);
    if (!split) continue;
    const turned = takeSplit(split, order);
    const shift = turned ? -split.shift : split.shift;
    const levels = shift === 1 ? raised : lowered;
    const scale = choosePoints(lattice, x, start, 32, Math.abs(split.scale), () => levels);
    let upper = 0;
    for (let eight = 0; eight < 4; eight++) {
      bytes[2 + 4 * group + eight] = points[eight]! & 255;
      upper |= (points[eight]! >> 8) << (3 * eight);
    }
    view.setUint16(34 + 2 * group, upper, true);
    groupScales[group] = scale;
    shifts[group] = shift;
    if (scale > largest) largest = scale;
  }
  if (largest === 0) return;
  const scale = f(largest / 15);
  storeHalf(view, 0, f(scale * 1.125));
  const inverse = f(1 / scale);
  for (let group = 0; group < 8; group++) {
    const code = scaleCode(inverse, groupScales[group]!) | (shifts[group] === -1 ? 8 : 0);
    bytes[35 + 2 * group]! |= code << 4;
  }
}

/** What digits of a half stand for by a combination of shifts. */
const levelsOfHalf = (shift: number, half: number): Float32Array =>
  (half === 0 ? shift < 2 : shift % 2 === 0) ? raised : lowered;

function encodeIq1M(input: BlockInput, { bytes, view }: BlockOutput): void {
  const { x } = input;
  const lattice = latticeNamed('iq1s');
  const meanSquare = f(f(2 * sumOfSquares(x, 0, blockSize)) / blockSize);
  let largest = 0;
  for (let group = 0; group < 16; group++) {
    const start = 16 * group;
    weigh(input, start, 16, meanSquare);
    groupScales[group] = 0;
    shifts[group] = 0;
    if (isNothing(x, start, 16, f(1e-7))) continue;
    const order = sorted(x, start, 16);
    const split = splitOf16(x, start, order);
    if (!split) continue;
    const shift = takeSplit(split, order) ? 3 - split.shift : split.shift;
    const scale = choosePoints(lattice, x, start, 16, Math.abs(split.scale), (half) =>
      levelsOfHalf(shift, half),
    );
    bytes[2 * group] = points[0]! & 255;
    bytes[2 * group + 1] = points[1]! & 255;
    bytes[32 + group] = (points[0]! >> 8) | ((points[1]! >> 8) << 4);
    groupScales[group] = scale;
    shifts[group] = shift;
    if (scale > largest) largest = scale;
  }
  if (largest === 0) return;
  storeScalesOfM(lattice, input, { bytes, view }, meanSquare, f(largest / 15));
}

/** The scales of IQ1_M's groups, shifts, and a block scale that fits all values best. */
function storeScalesOfM(
  lattice: Lattice,
  input: BlockInput,
  { bytes, view }: Pick<BlockOutput, 'bytes' | 'view'>,
  meanSquare: number,
  first: number,
): void {
  const { x } = input;
  const inverse = f(1 / first);
  const words = new Uint16Array(4);
  let products = 0;
  let squares = 0;
  for (let group = 0; group < 16; group++) {
    const start = 16 * group;
    const shift = shifts[group]!;
    const code = scaleCode(inverse, groupScales[group]!);
    words[group >> 2]! |= code << (3 * (group & 3));
    bytes[32 + group]! |= (shift & 2 ? 0x08 : 0) | (shift & 1 ? 0x80 : 0);
    weigh(input, start, 16, meanSquare);
    for (let i = 0; i < 16; i++) {
      const half = i >> 3;
      const point = bytes[2 * group + half]! | (((bytes[32 + group]! >> (4 * half)) & 7) << 8);
      const level = f(levelsOfHalf(shift, half)[lattice.digits[8 * point + (i & 7)]!]! * (2 * code + 1));
      const weighted = f(weights[i]! * level);
      products = f(products + f(weighted * x[start + i]!));
      squares = f(squares + f(weighted * level));
    }
  }
  const scale = squares > 0 ? f(products / squares) : first;
  const half = f32BitsToF16(f32ToBits(f(scale * f(1.1125))));
  if ((half & 0x7c00) === 0x7c00) refuseScale();
  for (let word = 0; word < 4; word++)
    view.setUint16(48 + 2 * word, words[word]! | (((half >> (4 * word)) & 15) << 12), true);
}

const common = { hasHalfScale: true, hasCodes: false, codeOffset: 0 };

export const oneBitTypes: readonly BlockType[] = [
  {
    ...common,
    name: 'iq1_m',
    type: 'IQ1_M',
    label: 'IQ1_M',
    detail: 'GGUF: 1.75 bits by points of a lattice; an importance matrix helps much.',
    groupElements: 16,
    encode: encodeIq1M,
  },
  {
    ...common,
    name: 'iq1_s',
    type: 'IQ1_S',
    label: 'IQ1_S',
    detail: 'GGUF: 1.56 bits by points of a lattice; needs an importance matrix.',
    groupElements: 32,
    needsImportance: true,
    encode: encodeIq1S,
  },
];
