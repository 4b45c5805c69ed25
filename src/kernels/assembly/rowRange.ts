/** Extremes of rows, and the search for values that cannot be quantized. */

const exponentBits: u32 = 0x7f800000;

/** Lanes whose exponent field is full: NaN and infinity. */
export function isSpecial(lanes: v128): v128 {
  const bits = i32x4.splat(exponentBits);
  return i32x4.eq(v128.and(lanes, bits), bits);
}

export function rowRange(src: usize, rows: i32, columns: i32, minimum: usize, maximum: usize): i32 {
  for (let row = 0; row < rows; row++) {
    const start = src;
    let low = f32x4.splat(f32.MAX_VALUE);
    let high = f32x4.splat(-f32.MAX_VALUE);
    let special = i32x4.splat(0);
    let column = 0;
    // Pairs first: the loop waits for its own last result once a step only.
    for (; column + 16 <= columns; column += 16) {
      const a = v128.load(src);
      const b = v128.load(src, 16);
      const c = v128.load(src, 32);
      const d = v128.load(src, 48);
      low = f32x4.pmin(low, f32x4.pmin(f32x4.pmin(a, b), f32x4.pmin(c, d)));
      high = f32x4.pmax(high, f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d)));
      const ab = v128.or(isSpecial(a), isSpecial(b));
      special = v128.or(special, v128.or(ab, v128.or(isSpecial(c), isSpecial(d))));
      src += 64;
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

/** The first NaN or infinity of a run, or its length. */
export function firstNonFinite(src: usize, columns: i32): i32 {
  let column = 0;
  while (column < columns && (load<u32>(src + ((<usize>column) << 2)) & 0x7fffffff) < exponentBits) column++;
  return column;
}
