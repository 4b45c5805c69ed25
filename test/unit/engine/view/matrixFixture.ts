/** Models of one tensor for the viewer's tests, and a plain reading of their values. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeReference, decodeWideReference } from '../../../../src/kernels/reference/decode';
import { wideDtypes } from '../../../../src/numeric/dtypes';
import type { Region, TensorSlice } from '../../../../src/protocol/engineApi';
import { makeGguf } from '../../../fixtures/makeCheckpoint';
import { randomBlocks } from '../../kernels/randomBlocks';
import { writeModel } from '../support';

export interface MatrixFixture {
  readonly path: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
  /** Decoded by the plain reference, flat. */
  readonly values: Float32Array | Float64Array;
}

/** Writes a model of one random tensor; ggml's types to GGUF, all others to safetensors. */
export function matrixFixture(
  folder: string,
  dtype: string,
  shape: readonly number[],
  given?: Uint8Array,
): MatrixFixture {
  const elements = shape.reduce((product, size) => product * size, 1);
  const data = given ?? randomBlocks(dtype, elements, elements);
  const isGgml = /^(Q|IQ|TQ|MXFP|NVFP)/.test(dtype);
  const name = `${dtype}-${shape.join('x')}${given ? '-given' : ''}`;
  const path = join(folder, `${name}.${isGgml ? 'gguf' : 'safetensors'}`);
  const tensors = [{ name: 'w', dtype, shape, data }];
  mkdirSync(folder, { recursive: true });
  if (isGgml) writeFileSync(path, makeGguf({ metadata: [], tensors }));
  else writeModel(path, tensors);
  const decode = wideDtypes.has(dtype) ? decodeWideReference : decodeReference;
  return { path, dtype, shape, data, values: decode(dtype, data, elements) };
}

/** Rows and columns of the matrix that a slice, or none, makes of a shape. */
export function sizeOf(shape: readonly number[], slice?: TensorSlice): { rows: number; columns: number } {
  if (slice) return { rows: shape[slice.rowDimension]!, columns: shape[slice.columnDimension]! };
  if (shape.length < 2) return { rows: 1, columns: shape[0] ?? 1 };
  return { rows: shape[0]!, columns: shape.slice(1).reduce((product, size) => product * size, 1) };
}

/** Place in the flattened tensor of a value of the matrix, index by index. */
export function flatIndex(
  shape: readonly number[],
  slice: TensorSlice | undefined,
  row: number,
  column: number,
): number {
  if (!slice) return row * sizeOf(shape).columns + column;
  const at = shape.map((_, d) => {
    if (d === slice.rowDimension) return row;
    return d === slice.columnDimension ? column : slice.at[d]!;
  });
  return at.reduce((index, one, d) => index * shape[d]! + one, 0);
}

/** The values of a region, row by row. */
export function regionValues(
  { shape, values }: Pick<MatrixFixture, 'shape' | 'values'>,
  { row0, row1, column0, column1 }: Region,
  slice?: TensorSlice,
): number[] {
  const found: number[] = [];
  for (let row = row0; row < row1; row++)
    for (let column = column0; column < column1; column++)
      found.push(values[flatIndex(shape, slice, row, column)]!);
  return found;
}

/** A region of at least one value, the same in every run for a seed. */
export function someRegion({ rows, columns }: { rows: number; columns: number }, seed: number): Region {
  const range = (size: number, salt: number): [number, number] => {
    const pick = (more: number) =>
      Math.floor(size * (Math.abs(1000 * Math.sin(seed * 12.9898 + salt + more)) % 1));
    const [a, b] = [pick(0), pick(1)];
    return [Math.min(a, b), Math.max(a, b) + 1];
  };
  const [row0, row1] = range(rows, 1);
  const [column0, column1] = range(columns, 3);
  return { row0, row1, column0, column1 };
}

/** Slices of every kind: along rows, across them, strided, far apart. */
export const slicesOfEveryKind: readonly (readonly [string, readonly number[], TensorSlice | undefined])[] = [
  ['a matrix', [37, 300], undefined],
  ['four dimensions as one matrix', [5, 4, 3, 32], undefined],
  ['one row', [1000], undefined],
  ['a single value', [], undefined],
  ['a matrix transposed', [40, 96], { rowDimension: 1, columnDimension: 0, at: [0, 0] }],
  ['an expert', [4, 24, 64], { rowDimension: 1, columnDimension: 2, at: [2, 0, 0] }],
  ['an expert transposed', [4, 24, 64], { rowDimension: 2, columnDimension: 1, at: [3, 0, 0] }],
  ['the first and last dimension', [12, 6, 64], { rowDimension: 0, columnDimension: 2, at: [0, 5, 0] }],
  ['two inner strides', [20, 16, 3, 32], { rowDimension: 0, columnDimension: 1, at: [0, 0, 2, 7] }],
  ['outer dimensions swapped', [20, 16, 3, 32], { rowDimension: 1, columnDimension: 0, at: [0, 0, 1, 31] }],
  ['far strides', [6, 5, 64, 64], { rowDimension: 1, columnDimension: 0, at: [0, 0, 63, 9] }],
];

/** Whether rows of a shape fill blocks of a type. */
export function fillsBlocks(dtype: string, shape: readonly number[]): boolean {
  const last = shape.at(-1) ?? 1;
  if (/_K$|^IQ[1-3]|^TQ/.test(dtype)) return last % 256 === 0;
  if (/^(Q|IQ|MXFP)/.test(dtype)) return last % 32 === 0;
  return dtype !== 'F4' || last % 2 === 0;
}
