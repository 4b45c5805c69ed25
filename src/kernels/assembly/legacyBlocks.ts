/** ggml's blocks of 32; the layouts are in ../reference/legacyBlocks.ts. */
import { bitMask, highNibbles, loadF16, lowNibbles, storeAffine, storeBytes } from './lanes';

/** 16 in every lane whose bit is set in the low half of `bits`. */
function fifthBits(bits: u32): v128 {
  return v128.and(bitMask(bits), i8x16.splat(16));
}

export function decodeQ8_0(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 32 <= elements; i += 32) {
    const d = loadF16(src);
    storeBytes(dst, v128.load(src, 2), d);
    storeBytes(dst + 64, v128.load(src, 18), d);
    src += 34;
    dst += 128;
  }
}

/** d, a sum that decoding does not need, codes. */
export function decodeQ8_1(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 32 <= elements; i += 32) {
    const d = loadF16(src);
    storeBytes(dst, v128.load(src, 4), d);
    storeBytes(dst + 64, v128.load(src, 20), d);
    src += 36;
    dst += 128;
  }
}

export function decodeQ4_0(src: usize, dst: usize, elements: i32): void {
  const eight = i8x16.splat(8);
  for (let i = 0; i + 32 <= elements; i += 32) {
    const d = loadF16(src);
    const codes = v128.load(src, 2);
    storeBytes(dst, i8x16.sub(lowNibbles(codes), eight), d);
    storeBytes(dst + 64, i8x16.sub(highNibbles(codes), eight), d);
    src += 18;
    dst += 128;
  }
}

export function decodeQ4_1(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 32 <= elements; i += 32) {
    const d = loadF16(src);
    const m = loadF16(src + 2);
    const codes = v128.load(src, 4);
    storeAffine(dst, lowNibbles(codes), d, m);
    storeAffine(dst + 64, highNibbles(codes), d, m);
    src += 20;
    dst += 128;
  }
}

export function decodeQ5_0(src: usize, dst: usize, elements: i32): void {
  const sixteen = i8x16.splat(16);
  for (let i = 0; i + 32 <= elements; i += 32) {
    const d = loadF16(src);
    const bits = load<u32>(src, 2);
    const codes = v128.load(src, 6);
    storeBytes(dst, i8x16.sub(v128.or(lowNibbles(codes), fifthBits(bits)), sixteen), d);
    storeBytes(dst + 64, i8x16.sub(v128.or(highNibbles(codes), fifthBits(bits >> 16)), sixteen), d);
    src += 22;
    dst += 128;
  }
}

export function decodeQ5_1(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 32 <= elements; i += 32) {
    const d = loadF16(src);
    const m = loadF16(src + 2);
    const bits = load<u32>(src, 4);
    const codes = v128.load(src, 8);
    storeAffine(dst, v128.or(lowNibbles(codes), fifthBits(bits)), d, m);
    storeAffine(dst + 64, v128.or(highNibbles(codes), fifthBits(bits >> 16)), d, m);
    src += 24;
    dst += 128;
  }
}
