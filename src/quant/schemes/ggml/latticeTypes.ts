/**
 * ggml's IQ2 and IQ3 types: blocks of 256 whose codes name points of a lattice, with signs and small scales of groups
 * (ggml-quants.c, quantize_iq2_xxs and so on; the layouts are in src/kernels/reference/latticeBlocks.ts).
 */

import { latticeNamed } from '../../../numeric/lattice';
import { clamp, nearestInt, storeHalf, sumOfSquares } from './arithmetic';
import type { BlockInput, BlockOutput, BlockType } from './blockType';
import { LatticeGroup, type LatticeRule } from './latticeSearch';
import { importanceWeight } from './searches';

const f = Math.fround;
const blockSize = 256;

/** One type: its rule, its weights and how a group's points and signs are stored. */
interface LatticeLayout {
  readonly rule: LatticeRule;
  /** Weights are importance sqrt(factor * mean square + x^2). */
  readonly squareFactor: 1 | 2;
  /** The weight without an importance matrix. */
  readonly plainWeight: (value: number, meanSquare: number) => number;
  /** What the block's scale is multiplied by when it is stored. */
  readonly fudge: number;
  /** A block without any scale keeps no points. */
  readonly clears: boolean;
  /** `slot`: how many groups with values came before in the block. */
  storeGroup(
    output: BlockOutput,
    group: number,
    points: readonly number[],
    signs: Uint8Array,
    slot: number,
  ): void;
  storeScale(output: BlockOutput, group: number, code: number): void;
}

function encoder(layoutOf: () => LatticeLayout): BlockType['encode'] {
  let own: { readonly layout: LatticeLayout; readonly group: LatticeGroup } | undefined;
  return (input, output) => {
    if (!own) {
      const layout = layoutOf();
      own = { layout, group: new LatticeGroup(layout.rule) };
    }
    encodeLattice(own.layout, own.group, input, output);
  };
}

const groupScales = new Float32Array(16);

function encodeLattice(
  layout: LatticeLayout,
  group: LatticeGroup,
  input: BlockInput,
  output: BlockOutput,
): void {
  const { rule, squareFactor, plainWeight, fudge } = layout;
  const { x, importance } = input;
  const { lattice, size } = rule;
  const meanSquare = f(f(squareFactor * sumOfSquares(x, 0, blockSize)) / blockSize);
  const groups = blockSize / size;
  let largest = 0;
  let slot = 0;
  for (let number = 0; number < groups; number++) {
    const start = number * size;
    for (let i = 0; i < size; i++) {
      const value = x[start + i]!;
      group.weights[i] = importance
        ? importanceWeight(importance[start + i]!, meanSquare, value)
        : plainWeight(value, meanSquare);
    }
    groupScales[number] = 0;
    if (!group.find(x, start)) continue;
    const points: number[] = [];
    for (let at = 0; at < size; at += lattice.dimensions)
      points.push(lattice.pointAt[lattice.placeOf(group.digits, at)]!);
    layout.storeGroup(output, number, points, group.signs, slot++);
    groupScales[number] = group.scale;
    if (group.scale > largest) largest = group.scale;
  }
  if (largest === 0) {
    if (layout.clears) output.bytes.fill(0);
    return;
  }
  const scale = f(largest / 31);
  storeHalf(output.view, 0, f(scale * f(fudge)));
  const inverse = f(1 / scale);
  for (let number = 0; number < groups; number++) {
    const code = clamp(nearestInt(f(0.5 * f(f(inverse * groupScales[number]!) - 1))), 0, 15);
    layout.storeScale(output, number, code);
  }
}

/** Nibbles of scales from byte `at` on. */
const nibbleAt =
  (at: number) =>
  ({ bytes }: BlockOutput, group: number, code: number): void => {
    bytes[at + (group >> 1)]! |= code << (4 * (group & 1));
  };

/** The upper four bits of a group's word of signs. */
const wordAt =
  (at: number, step: number) =>
  ({ bytes }: BlockOutput, group: number, code: number): void => {
    bytes[at + step * group + 3]! |= code << 4;
  };

/** Seven bits of the signs of each eight values, in a word of four. */
function signWord(signs: Uint8Array): number {
  return signs.reduce((word, own, eight) => word | ((own & 127) << (7 * eight)), 0) >>> 0;
}

const square = (value: number): number => value * value;

const iq2Xxs: () => LatticeLayout = () => ({
  rule: {
    lattice: latticeNamed('iq2xxs'),
    size: 32,
    attempts: 6,
    step: 0.1,
    smallest: f(1e-15),
    evenSigns: true,
    fromPositive: true,
    again: 'all',
  },
  squareFactor: 1,
  plainWeight: square,
  fudge: 1,
  clears: true,
  storeGroup({ bytes, view }, group, points, signs) {
    bytes.set(points, 2 + 8 * group);
    view.setUint32(6 + 8 * group, signWord(signs), true);
  },
  storeScale: wordAt(6, 8),
});

const iq2Xs: () => LatticeLayout = () => ({
  rule: {
    lattice: latticeNamed('iq2xs'),
    size: 16,
    attempts: 9,
    step: 0.1,
    smallest: f(1e-15),
    evenSigns: true,
    again: 'missed',
  },
  squareFactor: 1,
  plainWeight: square,
  fudge: 1,
  clears: true,
  storeGroup({ view }, group, points, signs) {
    for (let k = 0; k < 2; k++)
      view.setUint16(2 + 4 * group + 2 * k, points[k]! | ((signs[k]! & 127) << 9), true);
  },
  storeScale: nibbleAt(66),
});

const iq2S: () => LatticeLayout = () => ({
  rule: {
    lattice: latticeNamed('iq2s'),
    size: 16,
    attempts: 9,
    step: 0.1,
    smallest: f(1e-8),
    evenSigns: false,
    again: 'missed',
  },
  squareFactor: 2,
  plainWeight: (value, meanSquare) => f(f(0.25 * meanSquare) + f(value * value)),
  fudge: 0.9875,
  clears: false,
  storeGroup({ bytes }, group, points, signs) {
    for (let k = 0; k < 2; k++) {
      const eight = 2 * group + k;
      bytes[2 + eight] = points[k]! & 255;
      bytes[34 + eight] = signs[k]!;
      bytes[66 + (eight >> 2)]! |= (points[k]! >> 8) << (2 * (eight & 3));
    }
  },
  storeScale: nibbleAt(74),
});

const iq3Xxs: () => LatticeLayout = () => ({
  rule: {
    lattice: latticeNamed('iq3xxs'),
    size: 32,
    attempts: 15,
    step: 0.2,
    smallest: f(1e-8),
    evenSigns: true,
    again: 'missed',
  },
  squareFactor: 2,
  plainWeight: square,
  fudge: 1.0125,
  clears: true,
  storeGroup({ bytes, view }, group, points, signs) {
    bytes.set(points, 2 + 8 * group);
    view.setUint32(66 + 4 * group, signWord(signs), true);
  },
  storeScale: wordAt(66, 4),
});

const iq3S: () => LatticeLayout = () => ({
  rule: {
    lattice: latticeNamed('iq3s'),
    size: 32,
    attempts: 9,
    step: 0.2,
    smallest: 0,
    evenSigns: false,
    again: 'all-if-missed',
  },
  squareFactor: 2,
  plainWeight: square,
  fudge: 1.033,
  clears: false,
  // ggml leaves no room for a group of zeros: points and signs of those behind it move up, where its own decoder does not look
  // for them. The bytes are to be the same, and reports tell the error that it makes.
  storeGroup({ bytes }, group, points, signs, slot) {
    for (let k = 0; k < 8; k++) {
      bytes[2 + 8 * slot + k] = points[k]! & 255;
      bytes[66 + group]! |= (points[k]! >> 8) << k;
    }
    bytes.set(signs, 74 + 4 * slot);
  },
  storeScale: nibbleAt(106),
});

const common = { groupElements: 32, hasHalfScale: true, hasCodes: false, codeOffset: 0 };

export const latticeTypes: readonly BlockType[] = [
  {
    ...common,
    name: 'iq3_s',
    type: 'IQ3_S',
    label: 'IQ3_S',
    detail: 'GGUF: 3.44 bits by points of a lattice; an importance matrix helps.',
    encode: encoder(iq3S),
  },
  {
    ...common,
    name: 'iq3_xxs',
    type: 'IQ3_XXS',
    label: 'IQ3_XXS',
    detail: 'GGUF: 3.06 bits by points of a lattice; an importance matrix helps much.',
    encode: encoder(iq3Xxs),
  },
  {
    ...common,
    name: 'iq2_s',
    type: 'IQ2_S',
    label: 'IQ2_S',
    detail: 'GGUF: 2.56 bits by points of a lattice; an importance matrix helps much.',
    groupElements: 16,
    encode: encoder(iq2S),
  },
  {
    ...common,
    name: 'iq2_xs',
    type: 'IQ2_XS',
    label: 'IQ2_XS',
    detail: 'GGUF: 2.31 bits by points of a lattice; needs an importance matrix.',
    groupElements: 16,
    needsImportance: true,
    encode: encoder(iq2Xs),
  },
  {
    ...common,
    name: 'iq2_xxs',
    type: 'IQ2_XXS',
    label: 'IQ2_XXS',
    detail: 'GGUF: 2.06 bits by points of a lattice; needs an importance matrix.',
    needsImportance: true,
    encode: encoder(iq2Xxs),
  },
];
