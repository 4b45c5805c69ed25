import { expect } from 'vitest';
import { plainValues, readPlainSafetensors } from '../../../fixtures/plainSafetensors';

/** Codes (signed), scales and zero points of a written weight, read with plain code. */
export function pieces(file: string, name: string, rows: number, columns: number) {
  const stored = readPlainSafetensors(file);
  const packed = stored.get(`${name}_packed`)!;
  const stride = 4 * Math.ceil(columns / 4);
  expect([packed.dtype, ...packed.shape]).toEqual(['I32', rows, stride / 4]);
  const shape = stored.get(`${name}_shape`)!;
  const shapeView = new DataView(shape.bytes.buffer, shape.bytes.byteOffset);
  expect([shape.dtype, ...shape.shape]).toEqual(['I64', 2]);
  expect([shapeView.getBigInt64(0, true), shapeView.getBigInt64(8, true)]).toEqual([
    BigInt(rows),
    BigInt(columns),
  ]);
  const codes = new Int8Array(rows * columns);
  let padding = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < stride; column++) {
      const code = packed.bytes[row * stride + column]!;
      if (column < columns) codes[row * columns + column] = code - 128;
      else padding += code;
    }
  }
  expect(padding).toBe(0);
  const scale = stored.get(`${name}_scale`)!;
  expect(scale.shape).toEqual([rows, 1]);
  const zeroPoint = stored.get(`${name}_zero_point`);
  return { codes, scaleDtype: scale.dtype, scales: plainValues(scale), zeroPoint };
}
