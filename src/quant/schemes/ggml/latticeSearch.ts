/** The scale and the points of a group for ggml's IQ2 and IQ3 types (ggml-quants.c, quantize_row_iq2_xs_impl and its kin). */

import type { Lattice } from '../../../numeric/lattice';
import { clamp, nearestInt } from './arithmetic';
import { positiveScale } from './searches';

const f = Math.fround;

/** How a type looks for the scale of a group. */
export interface LatticeRule {
  readonly lattice: Lattice;
  /** Values of a group. */
  readonly size: 16 | 32;
  /** Attempts on either side of the plain scale, and how far they are apart. */
  readonly attempts: number;
  readonly step: number;
  /** Groups of smaller values are zeros. */
  readonly smallest: number;
  /** An even number of signs is set in each eight: seven bits tell them. */
  readonly evenSigns: boolean;
  /** Attempts lie around the best scale of four levels instead of the largest value's. */
  readonly fromPositive?: boolean;
  /** With the scale found, points are chosen anew: those of places between points, all if there is one, or all always. */
  readonly again: 'missed' | 'all-if-missed' | 'all';
}

/** Magnitudes, weights and their roots, and what is tried and found for one group. */
export class LatticeGroup {
  readonly x = new Float32Array(32);
  readonly weights = new Float32Array(32);
  readonly digits = new Uint8Array(32);
  /** A byte for each eight values: bit i is set for a negative one. */
  readonly signs = new Uint8Array(4);
  scale = 0;
  private readonly roots = new Float32Array(32);
  private readonly tried = new Uint8Array(32);
  private readonly missed = new Uint8Array(8);
  private readonly triedMissed = new Uint8Array(8);

  constructor(private readonly rule: LatticeRule) {}

  /** Finds scale, digits and signs of the group at `start`; `weights` are set. False for a group of zeros. */
  find(values: Float32Array, start: number): boolean {
    const { lattice, size, attempts, step, smallest, fromPositive, again } = this.rule;
    const { x, weights, roots, digits, tried } = this;
    for (let i = 0; i < size; i++) roots[i] = Math.sqrt(weights[i]!);
    this.takeSigns(values, start);
    let largest = x[0]!;
    for (let i = 1; i < size; i++) largest = largest > x[i]! ? largest : x[i]!;
    digits.fill(0);
    this.scale = 0;
    if (smallest === 0 ? largest === 0 : largest < smallest) return false;
    const top = lattice.digitBits === 2 ? 5 : 15;
    let extent = largest;
    let scale = f(largest / top);
    if (fromPositive) {
      scale = positiveScale({ x, start: 0, count: size, codes: digits }, 4, weights);
      extent = f(scale * 3);
      if (extent <= 0) {
        digits.fill(0);
        return false;
      }
    }
    let best = 0;
    this.missed.fill(again === 'missed' ? 0 : 1);
    for (let attempt = -attempts; attempt <= attempts; attempt++) {
      const inverse = f(f(top + f(attempt * f(step))) / extent);
      this.choose(inverse, f(1 / inverse), tried, this.triedMissed);
      const [products, squares] = this.sums(tried);
      if (squares > 0 && f(products * products) > f(best * squares)) {
        scale = f(products / squares);
        best = f(scale * products);
        digits.set(tried);
        this.missed.set(this.triedMissed);
      }
    }
    const places = size / lattice.dimensions;
    const isMissed = again === 'all' || this.missed.subarray(0, places).includes(1);
    if (isMissed && scale > 0) {
      this.choose(f(1 / scale), scale, tried, this.triedMissed);
      for (let place = 0; place < places; place++) {
        if (again === 'missed' && this.missed[place] === 0) continue;
        const at = place * lattice.dimensions;
        digits.set(tried.subarray(at, at + lattice.dimensions), at);
      }
      const [products, squares] = this.sums(digits);
      if (squares > 0) scale = f(products / squares);
    }
    if (scale < 0) {
      scale = -scale;
      for (let eight = 0; eight < size / 8; eight++) this.signs[eight]! ^= 255;
    }
    this.scale = scale;
    return true;
  }

  /** Magnitudes and signs; where these must be even, the value that matters least gets the other sign. */
  private takeSigns(values: Float32Array, start: number): void {
    const { x, weights, signs } = this;
    const { size, evenSigns } = this.rule;
    for (let eight = 0; eight < size / 8; eight++) {
      let own = 0;
      let count = 0;
      let least = 0;
      let leastLoss = 0;
      for (let i = 0; i < 8; i++) {
        const at = 8 * eight + i;
        const value = values[start + at]!;
        const isNegative = !(value >= 0);
        x[at] = isNegative ? -value : value;
        if (isNegative) {
          own |= 1 << i;
          count++;
        }
        const loss = f(f(weights[at]! * value) * value);
        if (i === 0 || loss < leastLoss) {
          leastLoss = loss;
          least = i;
        }
      }
      if (evenSigns && count % 2 === 1) {
        x[8 * eight + least]! *= -1;
        own ^= 1 << least;
      }
      signs[eight] = own;
    }
  }

  /** Digits of the nearest places, or of the best of the points near to them; `missed` tells of the latter. */
  private choose(inverse: number, scale: number, into: Uint8Array, missed: Uint8Array): void {
    const { lattice, size } = this.rule;
    const { dimensions, digits: points } = lattice;
    const top = lattice.digitBits === 2 ? 2 : 7;
    for (let start = 0, place = 0; start < size; start += dimensions, place++) {
      for (let i = start; i < start + dimensions; i++)
        into[i] = clamp(nearestInt(f(0.5 * f(f(inverse * this.x[i]!) - 1))), 0, top);
      const number = lattice.placeOf(into, start);
      missed[place] = 0;
      if (lattice.pointAt[number]! >= 0) continue;
      missed[place] = 1;
      const point = this.nearestOf(lattice.near(number), scale, start);
      for (let i = 0; i < dimensions; i++) into[start + i] = points[point * dimensions + i]!;
    }
  }

  /** Of some points the one of least error, weighted by the roots of the weights. */
  private nearestOf(points: Uint16Array, scale: number, start: number): number {
    const { dimensions, levels } = this.rule.lattice;
    let best = points[0]!;
    let least = Number.POSITIVE_INFINITY;
    const { x, roots } = this;
    for (let k = 0; k < points.length; k++) {
      const point = points[k]!;
      let error = 0;
      for (let i = 0; i < dimensions; i++) {
        const difference = f(f(scale * levels[point * dimensions + i]!) - x[start + i]!);
        error = f(error + f(f(roots[start + i]! * difference) * difference));
        // What is added is never negative, and rounding keeps the order.
        if (error >= least) break;
      }
      if (error < least) {
        least = error;
        best = point;
      }
    }
    return best;
  }

  /** Weighted sums of products with the levels, and of their squares. */
  private sums(digits: Uint8Array): [products: number, squares: number] {
    let products = 0;
    let squares = 0;
    for (let i = 0; i < this.rule.size; i++) {
      const level = 2 * digits[i]! + 1;
      const weight = this.weights[i]!;
      products = f(products + f(f(weight * this.x[i]!) * level));
      squares = f(squares + f(f(weight * level) * level));
    }
    return [products, squares];
  }
}
