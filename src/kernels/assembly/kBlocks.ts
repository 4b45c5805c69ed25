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

/** Stores 16 codes with a byte of two nibbles: one multiplies the scale, the other the minimum. */
function storeNibbleScaled(dst: usize, codes: v128, scale: u32, d: f32, min: f32): void {
  storeAffine(dst, codes, d * <f32>(scale & 15), -(min * <f32>(scale >> 4)));
}

export function decodeQ2_K(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src + 80);
    const min = loadF16(src + 82);
    for (let part: usize = 0; part < 2; part++) {
      for (let half: usize = 0; half < 2; half++) {
        const codes = v128.load(src + 16 + (part << 5) + (half << 4));
        const scales = src + (part << 3) + half;
        const out = dst + (half << 6);
        storeNibbleScaled(out, pairs(codes, 0), load<u8>(scales), d, min);
        storeNibbleScaled(out + 128, pairs(codes, 2), load<u8>(scales, 2), d, min);
        storeNibbleScaled(out + 256, pairs(codes, 4), load<u8>(scales, 4), d, min);
        storeNibbleScaled(out + 384, pairs(codes, 6), load<u8>(scales, 6), d, min);
      }
      dst += 512;
    }
    src += 84;
  }
}

/** Sixteen codes of Q3_K: pairs of bits, less the 4 that all codes lack whose bit in `tops` is not set. */
function threeBitCodes(low: v128, tops: v128, bit: i32): v128 {
  return i8x16.sub(v128.or(low, whereBit(tops, bit, 4)), i8x16.splat(4));
}

/** Six-bit scale of Q3_K, 32 too large, from a byte of nibbles and a byte of pairs, already shifted. */
function scaleOfQ3(nibbles: u32, pairsOfBits: u32): f32 {
  return <f32>(<i32>((nibbles & 15) | ((pairsOfBits & 3) << 4)) - 32);
}

export function decodeQ3_K(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src + 108);
    for (let part: usize = 0; part < 2; part++) {
      // The second part takes the upper halves of what tells the first part's upper bits and scales.
      const shift = <u32>(part << 2);
      for (let half: usize = 0; half < 2; half++) {
        const codes = v128.load(src + 32 + (part << 5) + (half << 4));
        const tops = i8x16.shr_u(v128.load(src + (half << 4)), <i32>shift);
        const low = src + 96 + half;
        const first = <u32>load<u8>(src + half, 104) >> shift;
        const second = <u32>load<u8>(src + half, 106) >> shift;
        const out = dst + (half << 6);
        const scale0 = d * scaleOfQ3(<u32>load<u8>(low) >> shift, first);
        const scale1 = d * scaleOfQ3(<u32>load<u8>(low, 2) >> shift, second);
        const scale2 = d * scaleOfQ3(<u32>load<u8>(low, 4) >> shift, first >> 2);
        const scale3 = d * scaleOfQ3(<u32>load<u8>(low, 6) >> shift, second >> 2);
        storeBytes(out, threeBitCodes(pairs(codes, 0), tops, 0), scale0);
        storeBytes(out + 128, threeBitCodes(pairs(codes, 2), tops, 1), scale1);
        storeBytes(out + 256, threeBitCodes(pairs(codes, 4), tops, 2), scale2);
        storeBytes(out + 384, threeBitCodes(pairs(codes, 6), tops, 3), scale3);
      }
      dst += 512;
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
