/** Codes of one byte each packed densely. Nothing is written beyond a row's bytes. */

/** Eight codes of up to 8 bits, a byte each, moved together. */
function gather(word: u64, bits: u64): u64 {
  let result = word & 0xff;
  result |= ((word >> 8) & 0xff) << bits;
  result |= ((word >> 16) & 0xff) << (2 * bits);
  result |= ((word >> 24) & 0xff) << (3 * bits);
  result |= ((word >> 32) & 0xff) << (4 * bits);
  result |= ((word >> 40) & 0xff) << (5 * bits);
  result |= ((word >> 48) & 0xff) << (6 * bits);
  return result | ((word >> 56) << (7 * bits));
}

/** Sixteen-bit lanes of two codes each to bytes, the first code in the lower half. */
function lowFirst(pairs: v128): v128 {
  return v128.and(v128.or(pairs, i16x8.shr_u(pairs, 4)), i16x8.splat(0xff));
}

/** The same with the first code in the upper half. */
function highFirst(pairs: v128): v128 {
  return v128.and(v128.or(i16x8.shl(pairs, 4), i16x8.shr_u(pairs, 8)), i16x8.splat(0xff));
}

/** 32-bit lanes of four codes each to bytes. */
function quarters(fours: v128): v128 {
  const joined = v128.or(
    v128.or(fours, i32x4.shr_u(fours, 6)),
    v128.or(i32x4.shr_u(fours, 12), i32x4.shr_u(fours, 18)),
  );
  return v128.and(joined, i32x4.splat(0xff));
}

export function packDense(codes: usize, rows: i32, columns: i32, bits: i32, dst: usize, stride: i32): void {
  for (let row = 0; row < rows; row++) {
    const end = dst + <usize>stride;
    let at = dst;
    let column = 0;
    if (bits === 8) {
      memory.copy(at, codes, <usize>columns);
      at += <usize>columns;
      codes += <usize>columns;
      column = columns;
    } else if (bits === 4) {
      for (; column + 32 <= columns; column += 32) {
        v128.store(at, i8x16.narrow_i16x8_u(lowFirst(v128.load(codes)), lowFirst(v128.load(codes, 16))));
        codes += 32;
        at += 16;
      }
    } else if (bits === 2) {
      for (; column + 64 <= columns; column += 64) {
        const a = i16x8.narrow_i32x4_u(quarters(v128.load(codes)), quarters(v128.load(codes, 16)));
        const b = i16x8.narrow_i32x4_u(quarters(v128.load(codes, 32)), quarters(v128.load(codes, 48)));
        v128.store(at, i8x16.narrow_i16x8_u(a, b));
        codes += 64;
        at += 16;
      }
    }
    // Whole words may be stored where their upper bytes are still the row's; the next word or the padding sets them.
    for (; column + 8 <= columns && at + 8 <= end; column += 8) {
      store<u64>(at, gather(load<u64>(codes), <u64>bits));
      codes += 8;
      at += <usize>bits;
    }
    let buffer: u32 = 0;
    let held = 0;
    for (; column < columns; column++) {
      buffer |= (<u32>load<u8>(codes)) << held;
      held += bits;
      while (held >= 8) {
        store<u8>(at, <u8>buffer);
        at += 1;
        buffer >>= 8;
        held -= 8;
      }
      codes += 1;
    }
    if (held > 0) {
      store<u8>(at, <u8>buffer);
      at += 1;
    }
    memory.fill(at, 0, end - at);
    dst = end;
  }
}

export function packHighNibbles(codes: usize, count: i32, dst: usize): void {
  let i = 0;
  for (; i + 32 <= count; i += 32) {
    v128.store(dst, i8x16.narrow_i16x8_u(highFirst(v128.load(codes)), highFirst(v128.load(codes, 16))));
    codes += 32;
    dst += 16;
  }
  for (; i + 2 <= count; i += 2) {
    store<u8>(dst, <u8>(((<u32>load<u8>(codes)) << 4) | <u32>load<u8>(codes, 1)));
    codes += 2;
    dst += 1;
  }
  if (i < count) store<u8>(dst, <u8>((<u32>load<u8>(codes)) << 4));
}
