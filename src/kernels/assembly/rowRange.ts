/** Extremes of rows, and the search for values that cannot be quantized. */

const exponentBits: u32 = 0x7f800000;

export function rowRange(src: usize, rows: i32, columns: i32, minimum: usize, maximum: usize): i32 {
  const infinity = i32x4.splat(exponentBits);
  const magnitudeMask = i32x4.splat(0x7fffffff);
  for (let row = 0; row < rows; row++) {
    const start = src;
    let low = f32x4.splat(f32.MAX_VALUE);
    let high = f32x4.splat(-f32.MAX_VALUE);
    let special = i32x4.splat(0);
    let column = 0;
    for (; column + 8 <= columns; column += 8) {
      const a = v128.load(src);
      const b = v128.load(src, 16);
      low = f32x4.pmin(f32x4.pmin(low, a), b);
      high = f32x4.pmax(f32x4.pmax(high, a), b);
      special = v128.or(special, i32x4.ge_s(v128.and(a, magnitudeMask), infinity));
      special = v128.or(special, i32x4.ge_s(v128.and(b, magnitudeMask), infinity));
      src += 32;
    }
    let smallest = min<f32>(
      min<f32>(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1)),
      min<f32>(f32x4.extract_lane(low, 2), f32x4.extract_lane(low, 3)),
    );
    let largest = max<f32>(
      max<f32>(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1)),
      max<f32>(f32x4.extract_lane(high, 2), f32x4.extract_lane(high, 3)),
    );
    let odd = v128.any_true(special);
    for (; column < columns; column++) {
      const value = load<f32>(src);
      if ((reinterpret<u32>(value) & 0x7fffffff) >= exponentBits) odd = true;
      smallest = min<f32>(smallest, value);
      largest = max<f32>(largest, value);
      src += 4;
    }
    if (odd) return row * columns + firstNonFinite(start, columns);
    // Adding 0 turns -0 into 0 and changes nothing else.
    store<f32>(minimum + ((<usize>row) << 2), smallest + 0);
    store<f32>(maximum + ((<usize>row) << 2), largest + 0);
  }
  return -1;
}

function firstNonFinite(src: usize, columns: i32): i32 {
  let column = 0;
  while (column < columns && (load<u32>(src + ((<usize>column) << 2)) & 0x7fffffff) < exponentBits) column++;
  return column;
}
