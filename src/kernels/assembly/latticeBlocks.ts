/**
 * ggml's IQ1, IQ2 and IQ3 types; the layouts are in ../reference/latticeBlocks.ts. `grid` is the address of the points' bytes.
 * No code can name a point beyond its grid: it has just the bits that count the points.
 */
import { bitMask, f16Value, loadF16, storeBytes } from './lanes';

/** Stores 16 values, negated where the mask is -1, each times a factor. */
function storeSigned(dst: usize, values: v128, mask: v128, factor: f32): void {
  storeBytes(dst, i8x16.sub(v128.xor(values, mask), mask), factor);
}

/** The eighth sign of seven stored ones makes their number even. */
function evenSigns(seven: u32): u32 {
  return seven | ((popcnt<u32>(seven) & 1) << 7);
}

/** Signs of 16 values from 14 bits. */
function evenSignsOf16(bits: u32): u32 {
  return evenSigns(bits & 127) | (evenSigns((bits >> 7) & 127) << 8);
}

/** Two points of eight values. */
function twoPoints(grid: usize, first: u32, second: u32): v128 {
  return v128.load64_lane(grid + ((<usize>second) << 3), v128.load64_zero(grid + ((<usize>first) << 3)), 1);
}

/** Four points of four values. */
function fourPoints(grid: usize, a: u32, b: u32, c: u32, d: u32): v128 {
  const one = v128.load32_zero(grid + ((<usize>a) << 2));
  const two = v128.load32_lane(grid + ((<usize>b) << 2), one, 1);
  const three = v128.load32_lane(grid + ((<usize>c) << 2), two, 2);
  return v128.load32_lane(grid + ((<usize>d) << 2), three, 3);
}

export function decodeIQ2_XXS(src: usize, dst: usize, elements: i32, grid: usize): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src);
    for (let at: usize = 2; at < 66; at += 8) {
      const points = load<u32>(src + at);
      const word = load<u32>(src + at, 4);
      const factor = d * (0.5 + <f32>(word >> 28)) * 0.25;
      const first = twoPoints(grid, points & 255, (points >> 8) & 255);
      const second = twoPoints(grid, (points >> 16) & 255, points >> 24);
      storeSigned(dst, first, bitMask(evenSignsOf16(word)), factor);
      storeSigned(dst + 64, second, bitMask(evenSignsOf16(word >> 14)), factor);
      dst += 128;
    }
    src += 66;
  }
}

/** Sixteen values of IQ2_XS from two codes. */
function storeXs(dst: usize, codes: u32, grid: usize, factor: f32): void {
  const signs = evenSigns((codes >> 9) & 127) | (evenSigns(codes >> 25) << 8);
  storeSigned(dst, twoPoints(grid, codes & 511, (codes >> 16) & 511), bitMask(signs), factor);
}

export function decodeIQ2_XS(src: usize, dst: usize, elements: i32, grid: usize): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src);
    for (let group: usize = 0; group < 8; group++) {
      const scale = <u32>load<u8>(src + group, 66);
      storeXs(dst, load<u32>(src + (group << 3), 2), grid, d * (0.5 + <f32>(scale & 15)) * 0.25);
      storeXs(dst + 64, load<u32>(src + (group << 3), 6), grid, d * (0.5 + <f32>(scale >> 4)) * 0.25);
      dst += 128;
    }
    src += 74;
  }
}

export function decodeIQ2_S(src: usize, dst: usize, elements: i32, grid: usize): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src);
    for (let group: usize = 0; group < 8; group++) {
      const low = load<u32>(src + (group << 2), 2);
      const signs = load<u32>(src + (group << 2), 34);
      const high = <u32>load<u8>(src + group, 66);
      const scale = <u32>load<u8>(src + group, 74);
      const first = twoPoints(grid, (low & 255) | ((high & 3) << 8), ((low >> 8) & 255) | ((high & 12) << 6));
      const second = twoPoints(
        grid,
        ((low >> 16) & 255) | ((high & 48) << 4),
        (low >> 24) | ((high & 192) << 2),
      );
      storeSigned(dst, first, bitMask(signs), d * (0.5 + <f32>(scale & 15)) * 0.25);
      storeSigned(dst + 64, second, bitMask(signs >> 16), d * (0.5 + <f32>(scale >> 4)) * 0.25);
      dst += 128;
    }
    src += 82;
  }
}

export function decodeIQ3_XXS(src: usize, dst: usize, elements: i32, grid: usize): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src);
    for (let group: usize = 0; group < 8; group++) {
      const a = load<u32>(src + (group << 3), 2);
      const b = load<u32>(src + (group << 3), 6);
      const word = load<u32>(src + (group << 2), 66);
      const factor = d * (0.5 + <f32>(word >> 28)) * 0.5;
      const first = fourPoints(grid, a & 255, (a >> 8) & 255, (a >> 16) & 255, a >> 24);
      const second = fourPoints(grid, b & 255, (b >> 8) & 255, (b >> 16) & 255, b >> 24);
      storeSigned(dst, first, bitMask(evenSignsOf16(word)), factor);
      storeSigned(dst + 64, second, bitMask(evenSignsOf16(word >> 14)), factor);
      dst += 128;
    }
    src += 98;
  }
}

/** Four points of IQ3_S from four bytes and four bits. */
function ninthBitPoints(grid: usize, low: u32, high: u32): v128 {
  return fourPoints(
    grid,
    (low & 255) | ((high & 1) << 8),
    ((low >> 8) & 255) | ((high & 2) << 7),
    ((low >> 16) & 255) | ((high & 4) << 6),
    (low >> 24) | ((high & 8) << 5),
  );
}

export function decodeIQ3_S(src: usize, dst: usize, elements: i32, grid: usize): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src);
    for (let group: usize = 0; group < 8; group++) {
      const high = <u32>load<u8>(src + group, 66);
      const signs = load<u32>(src + (group << 2), 74);
      const scale = (<u32>load<u8>(src + (group >> 1), 106) >> ((<u32>(group & 1)) << 2)) & 15;
      const factor = d * <f32>((scale << 1) | 1);
      const first = ninthBitPoints(grid, load<u32>(src + (group << 3), 2), high);
      const second = ninthBitPoints(grid, load<u32>(src + (group << 3), 6), high >> 4);
      storeSigned(dst, first, bitMask(signs), factor);
      storeSigned(dst + 64, second, bitMask(signs >> 16), factor);
      dst += 128;
    }
    src += 110;
  }
}

export function decodeIQ1_S(src: usize, dst: usize, elements: i32, grid: usize): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    // Points are in eighths, and so are the deltas.
    const eighth = loadF16(src) * 0.125;
    for (let group: usize = 0; group < 8; group++) {
      const low = load<u32>(src + (group << 2), 2);
      const high = <u32>load<u16>(src + (group << 1), 34);
      const factor = eighth * <f32>((((high >> 12) & 7) << 1) | 1);
      const delta = i8x16.splat(<i8>(high & 0x8000 ? -1 : 1));
      const first = twoPoints(grid, (low & 255) | ((high & 7) << 8), ((low >> 8) & 255) | ((high & 56) << 5));
      const second = twoPoints(
        grid,
        ((low >> 16) & 255) | ((high & 0x1c0) << 2),
        (low >> 24) | ((high & 0xe00) >> 1),
      );
      storeBytes(dst, i8x16.add(first, delta), factor);
      storeBytes(dst + 64, i8x16.add(second, delta), factor);
      dst += 128;
    }
    src += 50;
  }
}

/** Sixteen values of IQ1_M from two bytes of points, and a byte of two nibbles with what they lack and their deltas. */
function storeM(dst: usize, low: u32, high: u32, grid: usize, factor: f32): void {
  const points = twoPoints(grid, (low & 255) | ((high & 7) << 8), ((low >> 8) & 255) | ((high & 0x70) << 4));
  // A set bit of delta makes eight bytes -1, another leaves them 1.
  const minus = i64x2.splat(-(<i64>((high >> 3) & 1)));
  const deltas = v128.or(i64x2.replace_lane(minus, 1, -(<i64>((high >> 7) & 1))), i8x16.splat(1));
  storeBytes(dst, i8x16.add(points, deltas), factor);
}

export function decodeIQ1_M(src: usize, dst: usize, elements: i32, grid: usize): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const all = load<u64>(src, 48);
    const bits = ((all >> 12) & 0xf) | ((all >> 24) & 0xf0) | ((all >> 36) & 0xf00) | ((all >> 48) & 0xf000);
    const eighth = f16Value(<u32>bits) * 0.125;
    for (let group: usize = 0; group < 8; group++) {
      const scales = <u32>load<u16>(src + ((group >> 1) << 1), 48) >> (<u32>(group & 1) * 6);
      const low = load<u32>(src + (group << 2));
      const high = <u32>load<u16>(src + (group << 1), 32);
      storeM(dst, low, high, grid, eighth * <f32>(((scales & 7) << 1) | 1));
      storeM(dst + 64, low >> 16, high >> 8, grid, eighth * <f32>((((scales >> 3) & 7) << 1) | 1));
      dst += 128;
    }
    src += 56;
  }
}
