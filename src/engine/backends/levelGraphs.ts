/**
 * Encoders of codebooks and of small floats as graphs: places = the nearest level of x * inverse, all in float32. Inputs: x
 * [rows, columns], inverse [rows, 1]; output: codes U8 [rows, columns]. Floats, and FP4, are taken without their sign, which
 * a graph cannot see on a zero. Operators are those that the WebGPU provider has; each is exact in float32.
 */
import { roundHalfEven, roundingMagic } from '../../numeric/floats';
import { e4m3, e5m2, type Minifloat } from '../../numeric/minifloats';
import type { LevelName } from '../../quant/bandKernels/bandKernel';
import { fp4Thresholds, nf4Thresholds } from '../../quant/schemes/blockCodebook';
import { type OnnxNode, onnxFloat, onnxInt32, onnxUint8, writeOnnxModel } from './onnxGraph';

/** Levels told by fixed thresholds: a place is how many of them lie below. */
interface Thresholds {
  /** Ascending, float32, each in a cell of its own when multiplied by `cells` and rounded. */
  readonly values: Float32Array;
  readonly cells: number;
  /** Products beyond it have the outermost level. */
  readonly bound: number;
  readonly isSigned: boolean;
}

/** The float32 before a positive one. */
const before = (value: number): number => {
  const words = new Uint32Array(Float32Array.of(value).buffer);
  words[0]!--;
  return new Float32Array(words.buffer)[0]!;
};

const thresholds: Readonly<Record<'nf4' | 'fp4' | 'e2m1', Thresholds>> = {
  nf4: { values: nf4Thresholds, cells: 16, bound: 1, isSigned: true },
  fp4: { values: fp4Thresholds, cells: 16, bound: 1, isSigned: false },
  // Midpoints of 0, 0.5, 1, 1.5, 2, 3, 4 and 6; from every second on the upper code is the even one.
  e2m1: {
    values: Float32Array.of(0.25, before(0.75), 1.25, before(1.75), 2.5, before(3.5), 5),
    cells: 4,
    bound: 6,
    isSigned: false,
  },
};

/** The graph of a list of levels. Throws a RangeError for thresholds that share a cell. */
export function levelGraph(name: LevelName): Uint8Array {
  if (name === 'e4m3') return smallFloatGraph(name, e4m3);
  if (name === 'e5m2') return smallFloatGraph(name, e5m2);
  return thresholdGraph(name, thresholds[name]);
}

const graph = (
  name: string,
  constants: Readonly<Record<string, number | readonly number[]>>,
  nodes: readonly OnnxNode[],
) =>
  writeOnnxModel({
    name,
    inputs: [
      { name: 'x', elementType: onnxFloat, shape: ['rows', 'columns'] },
      { name: 'inverse', elementType: onnxFloat, shape: ['rows', 1] },
    ],
    outputs: [{ name: 'codes', elementType: onnxUint8, shape: ['rows', 'columns'] }],
    constants,
    nodes,
  });

/** x * inverse without its sign, within the levels. */
const magnitude: readonly OnnxNode[] = [
  { operator: 'Mul', inputs: ['x', 'inverse'], output: 'scaled' },
  { operator: 'Abs', inputs: ['scaled'], output: 'magnitude' },
  { operator: 'Clip', inputs: ['magnitude', 'low', 'bound'], output: 'bounded' },
];

/** A cell of equal widths holds one threshold at most: thresholds below the cell are counted, and the cell's own is compared. */
function thresholdGraph(name: string, { values, cells, bound, isSigned }: Thresholds): Uint8Array {
  const own = Array.from(values, (threshold) => roundHalfEven(cells * threshold));
  if (new Set(own).size < own.length) throw new RangeError('Thresholds lie too close to one another.');
  const offset = isSigned ? cells * bound : 0;
  const all = Array.from({ length: cells * bound + offset + 1 }, (_, i) => i - offset);
  const below = all.map((cell) => own.filter((other) => other < cell).length);
  // Where there is none, no product lies above it.
  const thresholdOf = all.map((cell) => (own.includes(cell) ? values[own.indexOf(cell)]! : 2 * bound));
  const constants = {
    ...{ low: isSigned ? -bound : 0, bound, cells, magic: roundingMagic, offset },
    ...{ below, thresholds: thresholdOf, one: 1, none: 0 },
  };
  const first: readonly OnnxNode[] = isSigned
    ? [
        { operator: 'Mul', inputs: ['x', 'inverse'], output: 'scaled' },
        { operator: 'Clip', inputs: ['scaled', 'low', 'bound'], output: 'bounded' },
      ]
    : magnitude;
  return graph(name, constants, [
    ...first,
    { operator: 'Mul', inputs: ['bounded', 'cells'], output: 'fine' },
    { operator: 'Add', inputs: ['fine', 'magic'], output: 'lifted' },
    { operator: 'Sub', inputs: ['lifted', 'magic'], output: 'cell' },
    { operator: 'Add', inputs: ['cell', 'offset'], output: 'place' },
    { operator: 'Cast', inputs: ['place'], output: 'index', attributes: { to: onnxInt32 } },
    { operator: 'Gather', inputs: ['below', 'index'], output: 'count' },
    { operator: 'Gather', inputs: ['thresholds', 'index'], output: 'threshold' },
    { operator: 'Greater', inputs: ['bounded', 'threshold'], output: 'isAbove' },
    { operator: 'Where', inputs: ['isAbove', 'one', 'none'], output: 'more' },
    { operator: 'Add', inputs: ['count', 'more'], output: 'level' },
    { operator: 'Cast', inputs: ['level'], output: 'codes', attributes: { to: onnxUint8 } },
  ]);
}

/**
 * Rounding to a float of few bits: the number is halved until it lies below 2, counting how often, and is then rounded to
 * multiples of the last place, half to even. What is below the smallest normal number is not halved, which is what a
 * subnormal number is. Codes count the last places of all binades before.
 */
function smallFloatGraph(
  name: string,
  { fractionBits, smallestExponent, values, largestCode }: Minifloat,
): Uint8Array {
  const steps = 2 ** fractionBits;
  const largest = values[largestCode]!;
  const constants: Record<string, number> = {
    ...{ low: 0, bound: largest, scale: 2 ** -smallestExponent, steps, magic: roundingMagic },
    ...{ one: 1, none: 0 },
  };
  const nodes: OnnxNode[] = [...magnitude, { operator: 'Mul', inputs: ['bounded', 'scale'], output: 'rest' }];
  let rest = 'rest';
  let binades = '';
  const halvings = Math.ceil(Math.log2(Math.log2(largest) - smallestExponent + 1));
  for (let bit = halvings - 1; bit >= 0; bit--) {
    const count = 2 ** bit;
    Object.assign(constants, {
      [`limit${bit}`]: 2 ** count,
      [`part${bit}`]: 2 ** -count,
      [`codes${bit}`]: steps * count,
    });
    nodes.push(
      { operator: 'GreaterOrEqual', inputs: [rest, `limit${bit}`], output: `isLarge${bit}` },
      { operator: 'Where', inputs: [`isLarge${bit}`, `part${bit}`, 'one'], output: `factor${bit}` },
      { operator: 'Mul', inputs: [rest, `factor${bit}`], output: `rest${bit}` },
      { operator: 'Where', inputs: [`isLarge${bit}`, `codes${bit}`, 'none'], output: `more${bit}` },
    );
    if (binades !== '')
      nodes.push({ operator: 'Add', inputs: [binades, `more${bit}`], output: `binades${bit}` });
    binades = binades === '' ? `more${bit}` : `binades${bit}`;
    rest = `rest${bit}`;
  }
  return graph(name, constants, [
    ...nodes,
    { operator: 'Mul', inputs: [rest, 'steps'], output: 'fine' },
    { operator: 'Add', inputs: ['fine', 'magic'], output: 'lifted' },
    { operator: 'Sub', inputs: ['lifted', 'magic'], output: 'rounded' },
    { operator: 'Add', inputs: ['rounded', binades], output: 'level' },
    { operator: 'Cast', inputs: ['level'], output: 'codes', attributes: { to: onnxUint8 } },
  ]);
}
