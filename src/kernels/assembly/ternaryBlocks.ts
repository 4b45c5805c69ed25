/** ggml's types of three values or two; the layouts are in ../reference/ternaryBlocks.ts. */
import { bitMask, loadF16, storeBytes, storeQuarters, storeScaled } from './lanes';

/** Eight digits less 1, from bytes in 16-bit lanes. */
function digits(lanes: v128, power: i32): v128 {
  const front = v128.and(i16x8.mul(lanes, i16x8.splat(<i16>power)), i16x8.splat(255));
  return i16x8.sub(i16x8.shr_u(i16x8.mul(front, i16x8.splat(3)), 8), i16x8.splat(1));
}

/** Stores the five digits of 16 bytes, digit n at `dst` + n * `stride`. */
function storeDigits(src: usize, dst: usize, stride: usize, d: v128): void {
  const bytes = v128.load(src);
  const low = i16x8.extend_low_i8x16_u(bytes);
  const high = i16x8.extend_high_i8x16_u(bytes);
  let power = 1;
  for (let n = 0; n < 5; n++) {
    storeScaled(dst, digits(low, power), d);
    storeScaled(dst + 32, digits(high, power), d);
    power *= 3;
    dst += stride;
  }
}

export function decodeTQ1_0(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const scale = loadF16(src + 52);
    const d = f32x4.splat(scale);
    storeDigits(src, dst, 128, d);
    storeDigits(src + 16, dst + 64, 128, d);
    storeDigits(src + 32, dst + 640, 64, d);
    let power = 1;
    let out = dst + 960;
    for (let n = 0; n < 4; n++) {
      for (let byte: usize = 48; byte < 52; byte++) {
        const front = (<i32>load<u8>(src + byte) * power) & 255;
        store<f32>(out, scale * <f32>(((front * 3) >> 8) - 1));
        out += 4;
      }
      power *= 3;
    }
    src += 54;
    dst += 1024;
  }
}

/** Stores one pair of bits of 16 bytes, less 1. */
function storePairs(dst: usize, bytes: v128, shift: i32, d: f32): void {
  storeBytes(dst, i8x16.sub(v128.and(i8x16.shr_u(bytes, shift), i8x16.splat(3)), i8x16.splat(1)), d);
}

export function decodeTQ2_0(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src + 64);
    for (let part: usize = 0; part < 64; part += 32) {
      const first = v128.load(src + part);
      const second = v128.load(src + part, 16);
      for (let shift = 0; shift < 8; shift += 2) {
        storePairs(dst, first, shift, d);
        storePairs(dst + 64, second, shift, d);
        dst += 128;
      }
    }
    src += 66;
  }
}

export function decodeQ1_0(src: usize, dst: usize, elements: i32): void {
  const one = i8x16.splat(1);
  for (let i = 0; i + 128 <= elements; i += 128) {
    const d = loadF16(src);
    for (let at: usize = 2; at < 18; at += 2) {
      // A set bit, -1 as a mask, stands for d and another for -d.
      const mask = bitMask(load<u16>(src + at));
      storeBytes(dst, i8x16.sub(i8x16.sub(i8x16.splat(0), i8x16.add(mask, mask)), one), d);
      dst += 64;
    }
    src += 18;
  }
}

export function decodeQ2_0(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 64 <= elements; i += 64) {
    storeQuarters(dst, v128.load(src, 2), i8x16.splat(0), i8x16.splat(1), loadF16(src));
    src += 18;
    dst += 256;
  }
}
