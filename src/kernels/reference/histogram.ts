import { f32ToBits } from '../../numeric/floats';

/** Bins of a 16-bit pattern. */
export const patternBins = 65536;

/** Counts float32 values by their top 16 bits: sign, exponent and 7 fraction bits. */
export function histogramF32Reference(values: Float32Array): Uint32Array {
  const histogram = new Uint32Array(patternBins);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (const pattern of bits) histogram[pattern >>> 16]!++;
  return histogram;
}

/** Counts 16-bit patterns. */
export function histogramU16Reference(patterns: Uint16Array): Uint32Array {
  const histogram = new Uint32Array(patternBins);
  for (const pattern of patterns) histogram[pattern]!++;
  return histogram;
}

/**
 * Counts float64 values by the top 16 bits of the float32 nearest towards zero, so that a bin's
 * interval holds its values; finite ones beyond float32 go to the largest finite bin.
 */
export function histogramF64Reference(values: Float64Array): Uint32Array {
  const histogram = new Uint32Array(patternBins);
  for (const value of values) {
    let bits = f32ToBits(value);
    if (Math.abs(Math.fround(value)) > Math.abs(value)) bits--;
    histogram[bits >>> 16]!++;
  }
  return histogram;
}
