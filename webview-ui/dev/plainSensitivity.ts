/** A plain comparison of schemes for the harness: made-up integers of a few bits, per row or block, straight from the formula. */
import type { ErrorTile, SensitivityCell } from '../../src/protocol/engineApi';
import type {
  ImportanceCover,
  Recipe,
  RecipePlan,
  SchemeOffer,
  Weighing,
} from '../../src/protocol/sensitivityPageApi';

const offer = (bits: 2 | 3 | 4 | 6 | 8, blockSize: number): SchemeOffer => {
  const isRow = blockSize === 0;
  return {
    key: `int${bits}-absmax ${isRow ? 'row' : `block ${blockSize}`}`,
    choice: {
      scheme: `int${bits}-absmax`,
      granularity: isRow ? 'row' : 'block',
      ...(isRow ? {} : { blockSize }),
    },
    label: `INT${bits} absmax per ${isRow ? 'row' : `block of ${blockSize}`}`,
    short: `INT${bits}${isRow ? ' row' : ` · ${blockSize}`}`,
    family: 'Integers',
    detail: `Whole numbers of ${bits} bits; the largest magnitude of a ${isRow ? 'row' : 'block'} gets the largest code.`,
  };
};

export const plainOffers: readonly SchemeOffer[] = [
  offer(8, 0),
  offer(6, 0),
  offer(4, 32),
  offer(4, 0),
  offer(3, 32),
  offer(2, 16),
];

/** Stands for a type that needs an importance matrix: whole numbers of 2 bits per row. */
export const needingOffer: SchemeOffer = {
  key: 'iq2_xxs none',
  choice: { scheme: 'iq2_xxs', granularity: 'none' },
  label: 'IQ2_XXS',
  short: 'IQ2_XXS',
  family: 'GGUF',
  detail: 'GGUF: 2.06 bits by points of a lattice; needs an importance matrix.',
};
const allOffers = [...plainOffers, needingOffer];

/** What weighs: the last but two of the plain ones stands for types that can do without. */
export const plainWeighing: Weighing = {
  keys: [plainOffers[4]!.key, needingOffer.key],
  needing: [needingOffer.key],
  usual: [plainOffers[5]!.key, needingOffer.key],
};

export const offerOf = (choice: SchemeOffer['choice']): SchemeOffer =>
  allOffers.find((known) => JSON.stringify(known.choice) === JSON.stringify(choice))!;

/** A made-up matrix that lacks the projections of o. */
const isCovered = (name: string): boolean => !name.includes('o_proj');

export function plainCover(file: string, names: readonly string[]): ImportanceCover {
  const matrices = names.filter((name) => !/norm|bias/.test(name));
  const unweighed = matrices.filter((name) => !isCovered(name));
  return {
    ...{ file, sha256: file.replace(/[^a-f0-9]/g, '').padEnd(64, '0'), datasets: ['a text.raw'], chunks: 37 },
    ...{ entries: matrices.length, unused: 2, weighed: matrices.length - unweighed.length, unweighed },
  };
}

/** A cell as a matrix makes it: half of the error again where it weighs. */
export function weighedCell(
  cell: SensitivityCell,
  { key }: SchemeOffer,
  name: string,
  imatrix: string | undefined,
): SensitivityCell {
  if (!plainWeighing.keys.includes(key) || cell.state !== 'quantized') return cell;
  if (imatrix !== undefined && isCovered(name)) return { ...cell, mse: 1.5 * cell.mse };
  const note =
    imatrix === undefined ? `${key} needs an importance matrix.` : `the importance matrix lacks ${name}`;
  if (key === needingOffer.key) return { ...cell, state: 'failed', note };
  return imatrix === undefined ? cell : { ...cell, note: `Not weighed: ${note}.` };
}

/** x~ = round(x / s) s with s = max|x| / (2^(bits-1) - 1) over a row or a block of it. */
export function plainDequantized(
  values: Float32Array,
  columns: number,
  { choice }: SchemeOffer,
): Float32Array {
  const most = 2 ** (Number(/\d/.exec(choice.scheme)![0]) - 1) - 1;
  const length = choice.blockSize ?? columns;
  const result = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += length) {
    const group = values.subarray(start, start + length);
    const scale = group.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / most || 1;
    for (const [at, value] of group.entries()) result[start + at] = Math.round(value / scale) * scale;
  }
  return result;
}

export interface PlainTensor {
  readonly index: number;
  readonly dtype: string;
  readonly bytes: number;
  /** null: they cannot be read. */
  readonly values: Float32Array | null;
  readonly rows: number;
  readonly columns: number;
  /** Why it stays as it is. */
  readonly kept: string | undefined;
}

/** Codes, and two bytes for each scale. */
function plainSize(
  { rows, columns }: Pick<PlainTensor, 'rows' | 'columns'>,
  { choice }: SchemeOffer,
): { readonly bits: number; readonly size: number } {
  const bits = Number(/\d/.exec(choice.scheme)![0]);
  const scales = choice.blockSize === undefined ? rows : (rows * columns) / choice.blockSize;
  return { bits, size: (rows * columns * bits) / 8 + scales * 2 };
}

/** A cell, exact, or with a made-up interval of 1 dB to either side. */
export function plainCell(
  tensor: PlainTensor,
  offer: SchemeOffer,
  at: number,
  isExact: boolean,
): SensitivityCell {
  const { index, dtype, bytes, values, columns, rows, kept } = tensor;
  const none = { mse: 0, relative: 0, sqnr: null, maxAbs: 0, cosine: 1, meanAbs: 0, kl: 0 };
  const elements = rows * columns;
  const left = {
    tensor: index,
    choice: at,
    to: dtype,
    bytes,
    bitsPerWeight: (8 * bytes) / elements,
    ...none,
  };
  if (kept !== undefined) return { ...left, state: 'kept', note: kept };
  if (!values || values.some((value) => !Number.isFinite(value))) {
    return { ...left, state: 'failed', note: 'It holds values that are not finite.' };
  }
  const given = plainDequantized(values, columns, offer);
  let [error, signal, cross, other, maxAbs, sum] = [0, 0, 0, 0, 0, 0];
  for (const [i, x] of values.entries()) {
    const e = x - given[i]!;
    error += e * e;
    signal += x * x;
    cross += x * given[i]!;
    other += given[i]! ** 2;
    sum += Math.abs(e);
    maxAbs = Math.max(maxAbs, Math.abs(e));
  }
  const { bits, size } = plainSize(tensor, offer);
  const sqnr = error === 0 ? null : 10 * Math.log10(signal / error);
  return {
    tensor: index,
    choice: at,
    state: 'quantized',
    to: `INT${bits}`,
    bytes: size,
    bitsPerWeight: (8 * size) / elements,
    mse: error / values.length,
    relative: signal === 0 ? 0 : Math.sqrt(error / signal),
    sqnr,
    maxAbs,
    cosine: cross / Math.sqrt(signal * other || 1),
    meanAbs: sum / values.length,
    kl: error / (signal || 1) / 10,
    ...(isExact || sqnr === null
      ? {}
      : {
          sampled: { values: Math.min(1024, elements), of: elements, sqnrLow: sqnr - 1, sqnrHigh: sqnr + 1 },
        }),
  };
}

/** What a recipe comes to; globs without `**` and the expressions that the page writes are understood. */
export function plainPlan(
  recipe: Recipe,
  name: string,
  names: readonly string[],
  tensorOf: (index: number) => Omit<PlainTensor, 'values'>,
): RecipePlan {
  let [bytesBefore, bytesAfter, elements, quantized] = [0, 0, 0, 0];
  const decided = recipe.rules.map(() => 0);
  const patterns = new Map(recipe.rules.map(({ match }) => [match, patternOf(match)]));
  for (const [index, own] of names.entries()) {
    const tensor = tensorOf(index);
    const rule = recipe.rules.findIndex(({ match }) => match === own || patterns.get(match)!.test(own));
    if (rule >= 0) decided[rule]!++;
    const choice = rule < 0 ? recipe.default : recipe.rules[rule]!.choice;
    const offer = choice === 'keep' ? undefined : offerOf(choice);
    const isKept = !offer || (rule < 0 && tensor.kept !== undefined);
    bytesBefore += tensor.bytes;
    elements += tensor.rows * tensor.columns;
    bytesAfter += isKept ? tensor.bytes : plainSize(tensor, offer).size;
    if (!isKept) quantized++;
  }
  const bitsPerWeight = (8 * bytesAfter) / elements;
  return {
    ...{ name, file: name, refusals: [], warnings: [] },
    rules: decided.map((count) => ({ decided: count, matches: count > 0 })),
    ruleSizes: decided.map((tensors) => ({ tensors, elements: 0, bytesBefore: 0, bytesAfter: 0 })),
    restSize: { tensors: names.length, elements, bytesBefore, bytesAfter },
    ...{ bytesBefore, bytesAfter, bitsPerWeight, quantized, kept: names.length - quantized },
  };
}

function patternOf(match: string): RegExp {
  if (match.startsWith('/')) return new RegExp(match.slice(1, -1));
  return new RegExp(`^${match.replaceAll('.', '\\.').replaceAll('*', '[^.]*')}$`);
}

/** Original, dequantized and mean error of evenly cut cells. */
export function plainErrorTile(
  values: Float32Array,
  [height, width]: readonly [number, number],
  offer: SchemeOffer,
  rows: number,
  columns: number,
): ErrorTile {
  const given = plainDequantized(values, width, offer);
  const cells = rows * columns;
  const [original, dequantized, error, signed] = [
    new Float32Array(cells),
    new Float32Array(cells),
    new Float32Array(cells),
    new Float32Array(cells),
  ];
  const counts = new Float32Array(cells);
  for (let at = 0; at < height * width; at++) {
    const row = Math.floor((Math.floor(at / width) * rows) / height);
    const cell = row * columns + Math.floor(((at % width) * columns) / width);
    for (const [target, source] of [
      [original, values],
      [dequantized, given],
    ] as const)
      if (Math.abs(source[at]!) > Math.abs(target[cell]!)) target[cell] = source[at]!;
    const difference = given[at]! - values[at]!;
    if (Math.abs(difference) > Math.abs(signed[cell]!)) signed[cell] = difference;
    error[cell]! += Math.abs(difference);
    counts[cell]!++;
  }
  for (let cell = 0; cell < cells; cell++) error[cell]! /= counts[cell]!;
  const region = { row0: 0, row1: height, column0: 0, column1: width };
  return { region, rows, columns, original, dequantized, error, signed };
}
