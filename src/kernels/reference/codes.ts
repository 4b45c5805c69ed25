import { roundHalfEven } from '../../numeric/floats';

/**
 * u = clamp(rne(x * inverse[row]) + zero[row], low, high), one byte a code, rows `stride` bytes apart,
 * unused bytes of a row 0. `values` is rows x columns and finite.
 */
export function encode8Reference(
  values: Float32Array,
  columns: number,
  stride: number,
  inverses: Float32Array,
  zeros: Float32Array,
  low: number,
  high: number,
): Uint8Array {
  const rows = inverses.length;
  const codes = new Uint8Array(rows * stride);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const scaled = Math.fround(values[row * columns + column]! * inverses[row]!);
      const code = roundHalfEven(scaled) + zeros[row]!;
      codes[row * stride + column] = Math.min(Math.max(code, low), high);
    }
  }
  return codes;
}

/** y = (u - zero[row]) * scale[row] in float32; rows x columns without gaps. */
export function decodeCodes8Reference(
  codes: Uint8Array,
  columns: number,
  stride: number,
  scales: Float32Array,
  zeros: Float32Array,
): Float32Array {
  const rows = scales.length;
  const result = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[row * columns + column] = (codes[row * stride + column]! - zeros[row]!) * scales[row]!;
    }
  }
  return result;
}
