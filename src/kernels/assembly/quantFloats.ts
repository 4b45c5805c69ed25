/**
 * Float32 to floats of 4, 8 and 16 bits: to nearest, ties to even. The type parameter says what is wanted: i32 codes and the
 * values that they stand for, u32 codes alone, where `dst` counts for nothing.
 */
import { f16Lanes } from './lanes';

/**
 * Four values as codes of a small float, saturated. Adding 2^(23 - fraction bits) times the value's own power of two leaves
 * just its fraction bits; the patterns' difference is the number of steps.
 */
function smallLanes<T>(
  scaled: v128,
  dst: usize,
  scale: v128,
  fractionBits: i32,
  smallestField: v128,
  largest: v128,
  signBit: v128,
): v128 {
  const magnitude = f32x4.pmin(f32x4.abs(scaled), largest);
  const field = i32x4.max_s(i32x4.shr_u(magnitude, 23), smallestField);
  const power = i32x4.shl(i32x4.add(field, i32x4.splat(23 - fractionBits)), 23);
  const lifted = f32x4.add(magnitude, power);
  const sign = v128.and(scaled, i32x4.splat(<i32>0x80000000));
  if (isSigned<T>()) v128.store(dst, f32x4.mul(v128.or(f32x4.sub(lifted, power), sign), scale));
  const code = i32x4.add(i32x4.sub(lifted, power), i32x4.shl(i32x4.sub(field, smallestField), fractionBits));
  return v128.or(code, v128.and(i32x4.shr_s(scaled, 31), signBit));
}

function smallFloats<T>(
  src: usize,
  codes: usize,
  dst: usize,
  rows: i32,
  columns: i32,
  width: i32,
  scales: usize,
  inverses: usize,
  step: i32,
  fractionBits: i32,
  smallestExponent: i32,
  largest: f32,
  signBit: i32,
): void {
  const smallestField = i32x4.splat(smallestExponent + 127);
  const largestLanes = f32x4.splat(largest);
  const signLanes = i32x4.splat(signBit);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; ) {
      const stop = min<i32>(column + width, columns);
      const scale = v128.load32_splat(scales);
      const inverse = v128.load32_splat(inverses);
      for (; column + 4 <= stop; column += 4) {
        const scaled = f32x4.mul(v128.load(src), inverse);
        const code = smallLanes<T>(scaled, dst, scale, fractionBits, smallestField, largestLanes, signLanes);
        const halves = i16x8.narrow_i32x4_s(code, code);
        v128.store32_lane(codes, i8x16.narrow_i16x8_u(halves, halves), 0);
        src += 16;
        dst += 16;
        codes += 4;
      }
      for (; column < stop; column++) {
        // The same lanes for one value; its result is stored over the place of four only within the scratch.
        const scaled = f32x4.mul(v128.load32_splat(src), inverse);
        const code = smallLanes<T>(
          scaled,
          scratch,
          scale,
          fractionBits,
          smallestField,
          largestLanes,
          signLanes,
        );
        if (isSigned<T>()) store<f32>(dst, load<f32>(scratch));
        store<u8>(codes, <u8>i32x4.extract_lane(code, 0));
        src += 4;
        dst += 4;
        codes += 1;
      }
      scales += <usize>step;
      inverses += <usize>step;
    }
  }
}

/** Room for four float32. */
const scratch: usize = memory.data(16);

/** `step` is 4 where each group has a scale of its own, and 0 where all share one; `dst` is 0 where codes alone are wanted. */
export function encodeSmallFloats(
  src: usize,
  codes: usize,
  dst: usize,
  rows: i32,
  columns: i32,
  width: i32,
  scales: usize,
  inverses: usize,
  step: i32,
  fraction: i32,
  smallest: i32,
  largest: f32,
  sign: i32,
): void {
  if (dst)
    smallFloats<i32>(
      src,
      codes,
      dst,
      rows,
      columns,
      width,
      scales,
      inverses,
      step,
      fraction,
      smallest,
      largest,
      sign,
    );
  else
    smallFloats<u32>(
      src,
      codes,
      dst,
      rows,
      columns,
      width,
      scales,
      inverses,
      step,
      fraction,
      smallest,
      largest,
      sign,
    );
}

/** Rounded patterns to 16-bit words at `out`, and their values to `dst`. */
export function castBF16(src: usize, out: usize, dst: usize, count: i32): void {
  if (dst) toBF16<i32>(src, out, dst, count);
  else toBF16<u32>(src, out, dst, count);
}

export function castF16(src: usize, out: usize, dst: usize, count: i32): void {
  if (dst) toF16<i32>(src, out, dst, count);
  else toF16<u32>(src, out, dst, count);
}

function toBF16<T>(src: usize, out: usize, dst: usize, count: i32): void {
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const a = bfloatLanes(v128.load(src));
    const b = bfloatLanes(v128.load(src, 16));
    if (isSigned<T>()) {
      v128.store(dst, i32x4.shl(a, 16));
      v128.store(dst, i32x4.shl(b, 16), 16);
    }
    v128.store(out, i16x8.narrow_i32x4_u(a, b));
    src += 32;
    dst += 32;
    out += 16;
  }
  for (; i < count; i++) {
    const half = i32x4.extract_lane(bfloatLanes(v128.load32_zero(src)), 0);
    store<u16>(out, <u16>half);
    if (isSigned<T>()) store<u32>(dst, (<u32>half) << 16);
    src += 4;
    dst += 4;
    out += 2;
  }
}

function bfloatLanes(bits: v128): v128 {
  const even = v128.and(i32x4.shr_u(bits, 16), i32x4.splat(1));
  return i32x4.shr_u(i32x4.add(i32x4.add(bits, i32x4.splat(0x7fff)), even), 16);
}

function toF16<T>(src: usize, out: usize, dst: usize, count: i32): void {
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const a = halfLanes(v128.load(src));
    const b = halfLanes(v128.load(src, 16));
    if (isSigned<T>()) {
      v128.store(dst, f16Lanes(a));
      v128.store(dst, f16Lanes(b), 16);
    }
    v128.store(out, i16x8.narrow_i32x4_u(a, b));
    src += 32;
    dst += 32;
    out += 16;
  }
  for (; i < count; i++) {
    const half = halfLanes(v128.load32_zero(src));
    store<u16>(out, <u16>i32x4.extract_lane(half, 0));
    if (isSigned<T>()) store<f32>(dst, f32x4.extract_lane(f16Lanes(half), 0));
    src += 4;
    dst += 4;
    out += 2;
  }
}

/** `f32BitsToF16` of src/numeric/floats.ts, for finite values. */
export function halfLanes(bits: v128): v128 {
  const magnitude = v128.and(bits, i32x4.splat(0x7fffffff));
  const sign = v128.and(i32x4.shr_u(bits, 16), i32x4.splat(0x8000));
  // Below 2^-14 the result counts units of 2^-24, to which adding 0.5 rounds.
  const tiny = i32x4.sub(f32x4.add(magnitude, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  const rebased = i32x4.sub(magnitude, i32x4.splat(0x38000000));
  const even = v128.and(i32x4.shr_u(rebased, 13), i32x4.splat(1));
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(rebased, i32x4.splat(0xfff)), even), 13);
  const small = v128.bitselect(tiny, normal, i32x4.lt_s(magnitude, i32x4.splat(0x38800000)));
  const large = i32x4.ge_s(magnitude, i32x4.splat(0x47800000));
  return v128.or(v128.bitselect(i32x4.splat(0x7c00), small, large), sign);
}
