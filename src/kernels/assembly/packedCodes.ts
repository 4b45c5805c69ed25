/** Codes of quantized layouts to one byte each. Sources may lie at any address and are not read beyond their last code's byte. */
import { highNibbles, lowNibbles } from './lanes';

/** Code i of a dense run, from the bytes that hold it alone. */
function codeAt(src: usize, index: i32, bits: i32): u8 {
  const first = <usize>index * <usize>bits;
  const at = src + (first >> 3);
  const shift = <u32>(first & 7);
  let value = <u32>load<u8>(at);
  if (shift + <u32>bits > 8) value |= (<u32>load<u8>(at, 1)) << 8;
  return <u8>((value >> shift) & ((1 << bits) - 1));
}

/** Sixteen bytes' low and high halves, one after the other: 32 codes. */
function storeHalves(dst: usize, first: v128, second: v128): void {
  v128.store(dst, v128.shuffle<u8>(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  v128.store(
    dst,
    v128.shuffle<u8>(first, second, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
    16,
  );
}

/** Eight codes of up to 8 bits in the lower bytes of a word, spread to a byte each. */
function spread(word: u64, bits: u64): u64 {
  const mask = ((<u64>1) << bits) - 1;
  let result = word & mask;
  result |= ((word >> bits) & mask) << 8;
  result |= ((word >> (2 * bits)) & mask) << 16;
  result |= ((word >> (3 * bits)) & mask) << 24;
  result |= ((word >> (4 * bits)) & mask) << 32;
  result |= ((word >> (5 * bits)) & mask) << 40;
  result |= ((word >> (6 * bits)) & mask) << 48;
  return result | (((word >> (7 * bits)) & mask) << 56);
}

export function unpackDense(src: usize, dst: usize, count: i32, bits: i32): void {
  if (bits === 8) {
    memory.copy(dst, src, <usize>count);
    return;
  }
  let i = 0;
  let at = src;
  if (bits === 4) {
    for (; i + 32 <= count; i += 32) {
      const bytes = v128.load(at);
      storeHalves(dst + <usize>i, lowNibbles(bytes), highNibbles(bytes));
      at += 16;
    }
  } else if (bits === 2) {
    const pair = i8x16.splat(3);
    for (; i + 32 <= count; i += 32) {
      const bytes = v128.load64_zero(at);
      const first = v128.and(bytes, pair);
      const second = v128.and(i8x16.shr_u(bytes, 2), pair);
      const third = v128.and(i8x16.shr_u(bytes, 4), pair);
      const fourth = i8x16.shr_u(bytes, 6);
      const lower = v128.shuffle<u8>(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      const upper = v128.shuffle<u8>(third, fourth, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      v128.store(dst + <usize>i, v128.shuffle<u16>(lower, upper, 0, 8, 1, 9, 2, 10, 3, 11));
      v128.store(dst + <usize>i, v128.shuffle<u16>(lower, upper, 4, 12, 5, 13, 6, 14, 7, 15), 16);
      at += 8;
    }
  } else {
    // Eight bytes are loaded for eight codes, so the last ones are left to the slow loop.
    const end = src + <usize>((count * bits) >> 3);
    for (; i + 8 <= count && at + 8 <= end; i += 8) {
      store<u64>(dst + <usize>i, spread(load<u64>(at), <u64>bits));
      at += <usize>bits;
    }
  }
  for (; i < count; i++) store<u8>(dst + <usize>i, codeAt(src, i, bits));
}

export function unpackUpperFirst(src: usize, dst: usize, count: i32): void {
  let i = 0;
  for (; i + 32 <= count; i += 32) {
    const bytes = v128.load(src + <usize>(i >> 1));
    storeHalves(dst + <usize>i, highNibbles(bytes), lowNibbles(bytes));
  }
  for (; i < count; i++) {
    const byte = load<u8>(src + <usize>(i >> 1));
    store<u8>(dst + <usize>i, i & 1 ? byte & 15 : byte >> 4);
  }
}

export function unpackWords(src: usize, dst: usize, count: i32, bits: i32): void {
  const each = 32 / bits;
  const mask = <u32>((1 << bits) - 1);
  for (let i = 0; i < count; i += each) {
    let word = load<u32>(src);
    const stop = min<i32>(count, i + each);
    for (let j = i; j < stop; j++) {
      store<u8>(dst + <usize>j, <u8>(word & mask));
      word >>= bits;
    }
    src += 4;
  }
}

export function unpackField(src: usize, dst: usize, count: i32, shift: i32, bits: i32): void {
  const mask = (1 << bits) - 1;
  const masks = i32x4.splat(mask);
  let i = 0;
  for (; i + 16 <= count; i += 16) {
    const a = v128.and(i32x4.shr_u(v128.load(src), shift), masks);
    const b = v128.and(i32x4.shr_u(v128.load(src, 16), shift), masks);
    const c = v128.and(i32x4.shr_u(v128.load(src, 32), shift), masks);
    const d = v128.and(i32x4.shr_u(v128.load(src, 48), shift), masks);
    const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
    v128.store(dst + <usize>i, bytes);
    src += 64;
  }
  for (; i < count; i++) {
    store<u8>(dst + <usize>i, <u8>((load<u32>(src) >> shift) & mask));
    src += 4;
  }
}

export function flipBits(bytes: usize, count: i32, mask: i32): void {
  const top = i8x16.splat(<i8>mask);
  let i = 0;
  for (; i + 16 <= count; i += 16) v128.store(bytes + <usize>i, v128.xor(v128.load(bytes + <usize>i), top));
  for (; i < count; i++) store<u8>(bytes + <usize>i, load<u8>(bytes + <usize>i) ^ <u8>mask);
}
