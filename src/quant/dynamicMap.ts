/** bitsandbytes' signed 8-bit "dynamic" code, in which the scales of NF4 and FP4 are quantized again. */

const signBits = 7;

/** Edges of equal parts of 0.1 .. 1, rounded to float32 from float64. */
function edgesOf(parts: number): Float32Array {
  const step = (1 - 0.1) / parts;
  return Float32Array.from({ length: parts + 1 }, (_, i) => (i === parts ? 1 : i * step + 0.1));
}

/**
 * bitsandbytes, functional.py `create_dynamic_map` (Dettmers 2015, arXiv 1511.04561): for each decade 10^-6 to 10^0
 * the middles of 2^i equal parts of 0.1 .. 1, with both signs, then 0 and 1. 256 values, ascending, float32.
 */
export function signedDynamicMap(): Float32Array<ArrayBuffer> {
  const values: number[] = [0, 1];
  for (let i = 0; i < signBits; i++) {
    const edges = edgesOf(2 ** i);
    const decade = Math.fround(10 ** (i - signBits + 1));
    for (let part = 0; part < 2 ** i; part++) {
      const middle = Math.fround(Math.fround(edges[part]! + edges[part + 1]!) / 2);
      const value = Math.fround(decade * middle);
      values.push(value, -value);
    }
  }
  return Float32Array.from(values).sort();
}

/**
 * Index of the map's value nearest to `x` in -1..1. Where x lies in the middle of two, the side depends on which of them
 * the search met last, as in bitsandbytes' `dQuantize` (csrc/kernels.cu).
 */
export function nearestInMap(map: Float32Array, x: number): number {
  let pivot = 127;
  let upperPivot = 255;
  let lowerPivot = 0;
  let upper = 1;
  let lower = -1;
  let value = map[pivot]!;
  for (let step = 64; step > 0; step >>= 1) {
    if (x > value) {
      lowerPivot = pivot;
      lower = value;
      pivot += step;
    } else {
      upperPivot = pivot;
      upper = value;
      pivot -= step;
    }
    value = map[pivot]!;
  }
  if (upperPivot === 255) upper = map[255]!;
  if (lowerPivot === 0) lower = map[0]!;
  if (x > value) return x > Math.fround(Math.fround(upper + value) * 0.5) ? upperPivot : pivot;
  return x < Math.fround(Math.fround(lower + value) * 0.5) ? lowerPivot : pivot;
}
