/** ggml's K types; the layouts are in ../reference/kBlocks.ts. */
import { highNibbles, loadF16, lowNibbles, storeAffine, storeBytes } from './lanes';

/** Two bits of 16 bytes. */
function pairs(bytes: v128, shift: i32): v128 {
  return v128.and(i8x16.shr_u(bytes, shift), i8x16.splat(3));
}

/** `value` in every byte that has the given bit, 0 elsewhere. */
function whereBit(bytes: v128, bit: i32, value: i8): v128 {
  const mask = i8x16.splat(<i8>((<i32>1) << bit));
  return v128.and(i8x16.eq(v128.and(bytes, mask), mask), i8x16.splat(value));
}

export function decodeQ2_K(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src + 80);
    const min = loadF16(src + 82);
    for (let group: usize = 0; group < 16; group++) {
      const scale = <u32>load<u8>(src + group);
      const codes = v128.load(src + 16 + ((group >> 3) << 5) + ((group & 1) << 4));
      const shift = <i32>(((group >> 1) & 3) << 1);
      storeAffine(dst, pairs(codes, shift), d * <f32>(scale & 15), -(min * <f32>(scale >> 4)));
      dst += 64;
    }
    src += 84;
  }
}

export function decodeQ3_K(src: usize, dst: usize, elements: i32): void {
  const four = i8x16.splat(4);
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src + 108);
    for (let group: usize = 0; group < 16; group++) {
      const half = (group & 1) << 4;
      const low = (<i32>load<u8>(src + 96 + (group & 7)) >> (group < 8 ? 0 : 4)) & 15;
      const high = (<i32>load<u8>(src + 104 + (group & 3)) >> ((<i32>(group >> 2)) << 1)) & 3;
      const codes = pairs(v128.load(src + 32 + ((group >> 3) << 5) + half), <i32>(((group >> 1) & 3) << 1));
      // A set bit of the mask adds the 4 that all codes lack.
      const top = whereBit(v128.load(src + half), <i32>(group >> 1), 4);
      storeBytes(dst, i8x16.sub(i8x16.add(codes, top), four), d * <f32>((low | (high << 4)) - 32));
      dst += 64;
    }
    src += 110;
  }
}

/** Six-bit scale of group 0..7 in the 12 bytes at an address. */
function sixBitScale(scales: usize, group: usize): f32 {
  if (group < 4) return <f32>(load<u8>(scales + group) & 63);
  return <f32>((load<u8>(scales + group + 4) & 15) | ((load<u8>(scales + group - 4) >> 6) << 4));
}

/** Six-bit minimum of group 0..7. */
function sixBitMin(scales: usize, group: usize): f32 {
  if (group < 4) return <f32>(load<u8>(scales + group + 4) & 63);
  return <f32>((load<u8>(scales + group + 4) >> 4) | ((load<u8>(scales + group) >> 6) << 4));
}

export function decodeQ4_K(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src);
    const min = loadF16(src + 2);
    let codes = src + 16;
    for (let group: usize = 0; group < 8; group += 2) {
      const first = v128.load(codes);
      const second = v128.load(codes, 16);
      const factor = d * sixBitScale(src + 4, group);
      const offset = -(min * sixBitMin(src + 4, group));
      storeAffine(dst, lowNibbles(first), factor, offset);
      storeAffine(dst + 64, lowNibbles(second), factor, offset);
      const nextFactor = d * sixBitScale(src + 4, group + 1);
      const nextOffset = -(min * sixBitMin(src + 4, group + 1));
      storeAffine(dst + 128, highNibbles(first), nextFactor, nextOffset);
      storeAffine(dst + 192, highNibbles(second), nextFactor, nextOffset);
      codes += 32;
      dst += 256;
    }
    src += 144;
  }
}

export function decodeQ5_K(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src);
    const min = loadF16(src + 2);
    const firstTop = v128.load(src, 16);
    const secondTop = v128.load(src, 32);
    let codes = src + 48;
    for (let group: usize = 0; group < 8; group += 2) {
      const first = v128.load(codes);
      const second = v128.load(codes, 16);
      const bit = <i32>group;
      const factor = d * sixBitScale(src + 4, group);
      const offset = -(min * sixBitMin(src + 4, group));
      storeAffine(dst, v128.or(lowNibbles(first), whereBit(firstTop, bit, 16)), factor, offset);
      storeAffine(dst + 64, v128.or(lowNibbles(second), whereBit(secondTop, bit, 16)), factor, offset);
      const nextFactor = d * sixBitScale(src + 4, group + 1);
      const nextOffset = -(min * sixBitMin(src + 4, group + 1));
      const firstHigh = v128.or(highNibbles(first), whereBit(firstTop, bit + 1, 16));
      const secondHigh = v128.or(highNibbles(second), whereBit(secondTop, bit + 1, 16));
      storeAffine(dst + 128, firstHigh, nextFactor, nextOffset);
      storeAffine(dst + 192, secondHigh, nextFactor, nextOffset);
      codes += 32;
      dst += 256;
    }
    src += 176;
  }
}

/** Sixteen codes of Q6_K from their low halves and the bytes that hold their upper pairs. */
function sixBitCodes(low: v128, high: v128, shift: i32): v128 {
  return i8x16.sub(v128.or(low, i8x16.shl(pairs(high, shift), 4)), i8x16.splat(32));
}

export function decodeQ6_K(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src + 208);
    for (let part: usize = 0; part < 2; part++) {
      for (let half: usize = 0; half < 2; half++) {
        const low = src + (part << 6) + (half << 4);
        const first = v128.load(low);
        const second = v128.load(low, 32);
        const high = v128.load(src + 128 + (part << 5) + (half << 4));
        const scales = src + 192 + (part << 3) + half;
        const out = dst + (half << 6);
        storeBytes(out, sixBitCodes(lowNibbles(first), high, 0), d * <f32>load<i8>(scales));
        storeBytes(out + 128, sixBitCodes(lowNibbles(second), high, 2), d * <f32>load<i8>(scales, 2));
        storeBytes(out + 256, sixBitCodes(highNibbles(first), high, 4), d * <f32>load<i8>(scales, 4));
        storeBytes(out + 384, sixBitCodes(highNibbles(second), high, 6), d * <f32>load<i8>(scales, 6));
      }
      dst += 512;
    }
    src += 210;
  }
}

export function decodeQ8_K(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = load<f32>(src);
    for (let at: usize = 4; at < 260; at += 16) {
      storeBytes(dst, v128.load(src + at), d);
      dst += 64;
    }
    src += 292;
  }
}
