/** Packed weights as other tools write them: group-wise scales, one scale a tensor, odd widths. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { f32Data, i32Data, i64Data } from '../../../fixtures/makeCheckpoint';
import { startEngine, temporaryFolder, writeModel } from '../support';

const engine = startEngine();
const folder = temporaryFolder();

interface Layout {
  readonly rows: number;
  readonly columns: number;
  /** Scales a row, or 0 for one scale in all. */
  readonly groups: number;
  readonly asymmetric: boolean;
}

/** Writes a packed weight, and gives the values it stands for. */
function packedModel(
  name: string,
  { rows, columns, groups, asymmetric }: Layout,
): { path: string; values: number[] } {
  const stride = 4 * Math.ceil(columns / 4);
  const codes = new Uint8Array(rows * stride);
  const perRow = Math.max(1, groups);
  const scaleCount = groups === 0 ? 1 : rows * groups;
  const scales = Array.from({ length: scaleCount }, (_, i) => 2 ** ((i % 7) - 6));
  const zeroRows = groups === 0 ? 1 : Math.ceil(rows / 4);
  const zeros = new Uint8Array(4 * zeroRows * perRow);
  const values: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const code = (row * 31 + column * 7) % 256;
      codes[row * stride + column] = code;
      const group = groups > 1 ? Math.floor(column / (columns / groups)) : 0;
      const zero = asymmetric ? (groups === 0 ? 9 : (row * 5 + group * 3) % 256) : 128;
      const word = groups === 0 ? 0 : Math.floor(row / 4) * perRow + group;
      if (asymmetric) zeros[4 * word + (groups === 0 ? 0 : row % 4)] = zero;
      values.push((code - zero) * scales[groups === 0 ? 0 : row * groups + group]!);
    }
  }
  const scaleShape = groups === 0 ? [1] : [rows, groups];
  const path = writeModel(join(folder, name, 'model.safetensors'), [
    { name: 'w.weight_shape', dtype: 'I64', shape: [2], data: i64Data([rows, columns]) },
    { name: 'w.weight_packed', dtype: 'I32', shape: [rows, stride / 4], data: codes },
    { name: 'w.weight_scale', dtype: 'F32', shape: scaleShape, data: f32Data(scales) },
    ...(asymmetric
      ? [
          {
            name: 'w.weight_zero_point',
            dtype: 'I32',
            shape: [zeroRows, perRow],
            data: i32Data(new Int32Array(zeros.buffer)),
          },
        ]
      : []),
  ]);
  return { path, values };
}

it.each([
  ['one scale a row, odd width', { rows: 9, columns: 13, groups: 1, asymmetric: true }],
  ['one scale a row, symmetric', { rows: 5, columns: 16, groups: 1, asymmetric: false }],
  ['one scale a tensor', { rows: 6, columns: 10, groups: 0, asymmetric: false }],
  ['groups', { rows: 7, columns: 64, groups: 4, asymmetric: false }],
  ['groups with zero points', { rows: 10, columns: 96, groups: 3, asymmetric: true }],
  ['a single row', { rows: 1, columns: 8, groups: 1, asymmetric: true }],
  ['rows longer than a segment', { rows: 2, columns: 600_000, groups: 1, asymmetric: true }],
] as const)('dequantizes %s', async (name, layout) => {
  const { path, values } = packedModel(name, layout);
  const { rows, columns } = layout;
  const { tensors, findings } = await engine.call('open', { path });
  expect([findings, tensors.names, tensors.dtypes]).toEqual([[], ['w.weight'], ['INT8']]);

  const [stats] = await engine.call('stats', { path, tensors: [0], channels: 'full' });
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const largest = (numbers: number[]) => numbers.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(stats).toMatchObject({ count: rows * columns, absmax: largest(values) });
  expect(Math.abs(stats!.mean! - mean)).toBeLessThanOrEqual(1e-12 * largest(values));
  expect(stats!.zeros).toBe(values.filter((value) => value === 0).length);
  const rowMax = Array.from({ length: rows }, (_, row) =>
    largest(values.slice(row * columns, (row + 1) * columns)),
  );
  expect([...stats!.channels!.rows.absmax]).toEqual(rowMax);

  const region = { row0: 0, row1: rows, column0: 2, column1: Math.min(columns, 300) - 1 };
  const width = region.column1 - region.column0;
  const tile = await engine.call('tile', { path, tensor: 0, region, rows, columns: width });
  const want = Array.from({ length: rows }, (_, row) =>
    values.slice(row * columns + region.column0, row * columns + region.column1),
  ).flat();
  expect([...tile.values].map((value) => value + 0)).toEqual(want.map((value) => value + 0));
});
