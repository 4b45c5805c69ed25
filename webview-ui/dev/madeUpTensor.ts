/** A tensor out of a formula, and plain answers about it: slow, readable, independent of the engine. For the harness only. */
import type { Aggregate, DisplayHistogram, Region, TensorSlice, Tile } from '../../src/protocol/engineApi';
import { atOfFlat, flatOf } from '../../src/protocol/tensorIndex';
import type {
  BitField,
  ConvertedNumber,
  ElementReading,
  NumberPicture,
} from '../../src/protocol/tensorViews';

export interface MadeUpTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Rows and columns of the matrix that a slice gives. */
export function sizeOf(shape: readonly number[], slice: TensorSlice | undefined): [number, number] {
  if (slice) return [shape[slice.rowDimension]!, shape[slice.columnDimension]!];
  if (shape.length < 2) return [1, shape[0] ?? 1];
  return [shape[0]!, shape.slice(1).reduce((product, size) => product * size, 1)];
}

/** Bell-shaped noise with two large columns, one large row, a single peak and, if wanted, a NaN. */
export function makeTensor(shape: readonly number[], hasNan: boolean): MadeUpTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const [, columns] = sizeOf(shape, undefined);
  const values = new Float32Array(count);
  let seed = 12345;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  for (let i = 0; i < count; i++) {
    const noise = (random() + random() + random() + random() - 2) * 0.05;
    const column = i % columns;
    const row = Math.floor(i / columns);
    const isLarge = column === 37 || column === Math.floor(columns * 0.7);
    values[i] = noise * (isLarge ? 12 : 1) * (row === 21 ? 5 : 1);
  }
  values[Math.floor(count * 0.61)] = 1.75;
  values[Math.min(count - 1, 5)] = 1 / 3;
  if (hasNan) values[Math.floor(count * 0.303)] = Number.NaN;
  return { shape, values };
}

/** The value at a row and a column. */
export function valueAt(
  { shape, values }: MadeUpTensor,
  row: number,
  column: number,
  slice?: TensorSlice,
): number {
  if (!slice) return values[row * sizeOf(shape, undefined)[1] + column]!;
  const at = slice.at.slice();
  at[slice.rowDimension] = row;
  at[slice.columnDimension] = column;
  return values[flatOf(at, shape)]!;
}

export function makeTile(
  tensor: MadeUpTensor,
  request: {
    region: Region;
    rows: number;
    columns: number;
    slice?: TensorSlice | undefined;
    aggregate: Aggregate;
  },
): Tile {
  const { region, rows, columns, slice, aggregate } = request;
  const values = new Float32Array(rows * columns);
  // Cells of a power of two, as the engine's aligned ones: the last of an axis is cut.
  const edge = (from: number, to: number, cells: number, at: number) =>
    Math.min(to, from + at * 2 ** Math.max(0, Math.ceil(Math.log2((to - from) / cells))));
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const cell: number[] = [];
      for (
        let row = edge(region.row0, region.row1, rows, r);
        row < edge(region.row0, region.row1, rows, r + 1);
        row++
      )
        for (
          let column = edge(region.column0, region.column1, columns, c);
          column < edge(region.column0, region.column1, columns, c + 1);
          column++
        )
          cell.push(valueAt(tensor, row, column, slice));
      const sum = (each: (value: number) => number) => cell.reduce((total, value) => total + each(value), 0);
      const extreme = cell.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
      const hasNan = cell.some(Number.isNaN);
      values[r * columns + c] = hasNan
        ? Number.NaN
        : aggregate === 'mean'
          ? sum((value) => value) / cell.length
          : aggregate === 'rms'
            ? Math.sqrt(sum((value) => value * value) / cell.length)
            : extreme;
    }
  const finite = values.filter(Number.isFinite);
  return {
    region,
    rows,
    columns,
    values,
    min: Math.min(...finite.slice(0, 9)),
    max: Math.max(...finite.slice(0, 9)),
  };
}

export function makeHistogram(
  values: Float32Array,
  bins: number,
  range: { readonly min: number; readonly max: number } | undefined,
): DisplayHistogram | null {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return null;
  let min = finite[0]!;
  let max = finite[0]!;
  for (const value of finite) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (range) ({ min, max } = range);
  const counts = new Float64Array(bins);
  for (const value of finite)
    if (value >= min && value <= max)
      counts[Math.min(bins - 1, Math.floor(((value - min) / (max - min || 1)) * bins))]!++;
  return { min, max, counts };
}

/** Digits of a number, exact: every double below 2^53 with up to 100 decimals is written in full. */
function exactText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return value.toFixed(80).replace(/\.?0+$/, '');
}

/** Rounds to so many bits of significand, the smallest exponent given; ties to even. */
function rounded(value: number, bits: number, leastExponent: number): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const exponent = Math.max(leastExponent, Math.floor(Math.log2(Math.abs(value))));
  const unit = 2 ** (exponent - bits + 1);
  const scaled = value / unit;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  return (rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor) * unit;
}

function floatPicture(value: number, exponentBits: number, fractionBits: number): NumberPicture {
  const bias = 2 ** (exponentBits - 1) - 1;
  const magnitude = Math.abs(value);
  const exponent = magnitude === 0 ? 1 - bias : Math.max(1 - bias, Math.floor(Math.log2(magnitude)));
  const significand = Math.round((magnitude / 2 ** exponent) * 2 ** fractionBits);
  const isNormal = significand >= 2 ** fractionBits;
  const bits =
    (value < 0 ? '1' : '0') +
    (isNormal ? exponent + bias : 0).toString(2).padStart(exponentBits, '0') +
    (significand % 2 ** fractionBits).toString(2).padStart(fractionBits, '0');
  const fields: BitField[] = [
    { name: 'sign', from: 0, to: 1, text: value < 0 ? 'negative' : 'positive' },
    { name: 'exponent', from: 1, to: 1 + exponentBits, text: `2^${exponent}` },
    {
      name: 'fraction',
      from: 1 + exponentBits,
      to: bits.length,
      text: String(significand / 2 ** fractionBits),
    },
  ];
  const significant = Math.ceil((fractionBits + 1) * Math.log10(2)) + 1;
  return { bits, fields, decimal: exactText(value), significant, shortest: String(value) };
}

/** What the engine says of an element that is stored as F32. */
export function makeElement(
  tensor: MadeUpTensor,
  row: number,
  column: number,
  slice?: TensorSlice,
): ElementReading {
  const { shape } = tensor;
  const value = valueAt(tensor, row, column, slice);
  const at = slice
    ? shape.map((_, d) =>
        d === slice.rowDimension ? row : d === slice.columnDimension ? column : slice.at[d]!,
      )
    : atOfFlat(row * sizeOf(shape, undefined)[1] + column, shape);
  const as = (
    [
      ['F32', 8, 23],
      ['F16', 5, 10],
      ['BF16', 8, 7],
      ['F8_E4M3', 4, 3],
      ['F8_E5M2', 5, 2],
    ] as const
  ).map(([dtype, exponentBits, fractionBits]): ConvertedNumber => {
    const other = rounded(value, fractionBits + 1, 2 - 2 ** (exponentBits - 1));
    return { dtype, value: other, error: other - value, ...floatPicture(other, exponentBits, fractionBits) };
  });
  return {
    index: flatOf(at, shape),
    at,
    value,
    decimal: exactText(value),
    dtype: 'F32',
    byteOffset: 4096 + 4 * flatOf(at, shape),
    stored: Number.isNaN(value) ? null : floatPicture(value, 8, 23),
    as,
  };
}
