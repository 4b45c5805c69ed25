/** Types whose nibbles index a table of 16 bytes; layouts and tables are in ../reference/codebookBlocks.ts. */
import { highNibbles, loadF16, lowNibbles, storeBytes } from './lanes';

/** Stores the table's values for the 32 nibbles of 16 bytes, low halves first, each times a factor. */
function storeLookup(dst: usize, codes: v128, table: v128, factor: f32): void {
  storeBytes(dst, v128.swizzle(table, lowNibbles(codes)), factor);
  storeBytes(dst + 64, v128.swizzle(table, highNibbles(codes)), factor);
}

function iq4Table(): v128 {
  return i8x16(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
}

/** Twice the values of E2M1; -0 is 0. */
function fp4Table(): v128 {
  return i8x16(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
}

export function decodeIQ4_NL(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 32 <= elements; i += 32) {
    storeLookup(dst, v128.load(src, 2), iq4Table(), loadF16(src));
    src += 18;
    dst += 128;
  }
}

export function decodeIQ4_XS(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 256 <= elements; i += 256) {
    const d = loadF16(src);
    const upper = <i32>load<u16>(src, 2);
    for (let group: usize = 0; group < 8; group++) {
      const low = (<i32>load<u8>(src + 4 + (group >> 1)) >> ((<i32>(group & 1)) << 2)) & 15;
      const high = (upper >> ((<i32>group) << 1)) & 3;
      const factor = d * <f32>((low | (high << 4)) - 32);
      storeLookup(dst, v128.load(src + 8 + (group << 4)), iq4Table(), factor);
      dst += 128;
    }
    src += 136;
  }
}

/** 2^(code - 128); the two smallest are subnormal. */
function e8m0Half(code: u32): f32 {
  return reinterpret<f32>(code < 2 ? 0x00200000 << code : (code - 1) << 23);
}

export function decodeMXFP4(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 32 <= elements; i += 32) {
    storeLookup(dst, v128.load(src, 1), fp4Table(), e8m0Half(load<u8>(src)));
    src += 17;
    dst += 128;
  }
}

/** Half of an unsigned E4M3; the pattern of NaN is 0 and the top bit unused. */
function ue4m3Half(code: u32): f32 {
  if (code === 0x7f) return 0;
  const exponent = (code >> 3) & 15;
  const fraction = code & 7;
  if (exponent === 0) return <f32>fraction * 0.0009765625;
  return reinterpret<f32>(((exponent + 119) << 23) | (fraction << 20));
}

export function decodeNVFP4(src: usize, dst: usize, elements: i32): void {
  for (let i = 0; i + 64 <= elements; i += 64) {
    for (let group: usize = 0; group < 4; group++) {
      // Eight bytes hold 16 values, the low halves first.
      const codes = v128.load64_zero(src + 4 + (group << 3));
      const both = v128.shuffle<u64>(lowNibbles(codes), highNibbles(codes), 0, 2);
      storeBytes(dst, v128.swizzle(fp4Table(), both), ue4m3Half(load<u8>(src + group)));
      dst += 64;
    }
    src += 36;
  }
}
