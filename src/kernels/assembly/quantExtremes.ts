/**
 * Extremes of groups of finite values; rows are cut into groups of `width` columns. Patterns of float32 are compared as integers:
 * those of positive numbers grow with them, and as unsigned numbers those of negative ones are above them and grow with the
 * magnitude. The type parameter says what is looked for: i32 the largest value, u32 the smallest, f32 the largest magnitude; 0
 * where there is none on that side.
 */
function further<T>(best: v128, next: v128): v128 {
  if (isFloat<T>()) return i32x4.max_s(best, v128.and(next, i32x4.splat(0x7fffffff)));
  return isSigned<T>() ? i32x4.max_s(best, next) : i32x4.max_u(best, next);
}

/** What is not negative becomes 0 where the smallest values are looked for. */
function finished<T>(best: v128): v128 {
  return isFloat<T>() || isSigned<T>() ? best : v128.and(best, i32x4.shr_s(best, 31));
}

/** The further of the lanes 0 and 2, 1 and 3 of two vectors in turn. */
function folded<T>(a: v128, b: v128): v128 {
  return further<T>(v128.shuffle<u32>(a, b, 0, 4, 1, 5), v128.shuffle<u32>(a, b, 2, 6, 3, 7));
}

function groupExtremes<T>(src: usize, rows: i32, columns: i32, width: i32, dst: usize): void {
  const end = src + ((<usize>(rows * columns)) << 2);
  const none = i32x4.splat(0);
  if (columns % width === 0 && width % 4 === 0) {
    // Four groups at a time, each in lanes of its own, which are transposed at the end.
    const bytes = (<usize>width) << 2;
    for (; src + 4 * bytes <= end; src += 4 * bytes) {
      let a = none;
      let b = none;
      let c = none;
      let d = none;
      for (let at = src; at < src + bytes; at += 16) {
        a = further<T>(a, v128.load(at));
        b = further<T>(b, v128.load(at + bytes));
        c = further<T>(c, v128.load(at + 2 * bytes));
        d = further<T>(d, v128.load(at + 3 * bytes));
      }
      const ab = folded<T>(a, b);
      const cd = folded<T>(c, d);
      const all = further<T>(v128.shuffle<u32>(ab, cd, 0, 1, 4, 5), v128.shuffle<u32>(ab, cd, 2, 3, 6, 7));
      v128.store(dst, finished<T>(all));
      dst += 16;
    }
  }
  for (let column = 0; src < end; ) {
    const stop = min<i32>(column + width, columns);
    let first = none;
    let second = none;
    for (; column + 8 <= stop; column += 8) {
      first = further<T>(first, v128.load(src));
      second = further<T>(second, v128.load(src, 16));
      src += 32;
    }
    for (; column < stop; column++) {
      first = further<T>(first, v128.load32_zero(src));
      src += 4;
    }
    const both = folded<T>(further<T>(first, second), none);
    const one = further<T>(both, v128.shuffle<u32>(both, both, 2, 3, 0, 1));
    v128.store_lane<u32>(dst, finished<T>(one), 0);
    dst += 4;
    if (column === columns) column = 0;
  }
}

export function groupRanges(
  src: usize,
  rows: i32,
  columns: i32,
  width: i32,
  lowest: usize,
  highest: usize,
): void {
  groupExtremes<u32>(src, rows, columns, width, lowest);
  groupExtremes<i32>(src, rows, columns, width, highest);
}

export function groupMagnitudes(src: usize, rows: i32, columns: i32, width: i32, dst: usize): void {
  groupExtremes<f32>(src, rows, columns, width, dst);
}
