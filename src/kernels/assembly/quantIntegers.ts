/**
 * Linear integer codes of groups of columns, one byte each, and the values that they stand for. The type parameter says what is
 * wanted: i32 both, u32 codes alone, where `dst` counts for nothing.
 */

/** 1.5 * 2^23: adding it leaves no fraction bits, rounded half to even. */
const magic: f32 = 12582912;
const magicBits: i32 = 0x4b400000;

/** One value: code and dequantized value; bounds are those of the code less the zero point. */
function encodeOne<T>(
  src: usize,
  codes: usize,
  dst: usize,
  inverse: f32,
  scale: f32,
  factor: f32,
  zero: f32,
  low: f32,
  high: f32,
): void {
  const bounded = max<f32>(min<f32>(load<f32>(src) * inverse, high), low);
  const rounded = bounded + magic - magic;
  store<u8>(codes, <u8>(<i32>rounded + <i32>zero));
  if (isSigned<T>()) store<f32>(dst, rounded * scale * factor);
}

/** Four values; returns codes. Clamped before rounding to whole bounds, which is the same as after it. */
function encodeFour<T>(
  src: usize,
  dst: usize,
  inverse: v128,
  scale: v128,
  factor: v128,
  offset: v128,
  low: v128,
  high: v128,
): v128 {
  const bounded = f32x4.pmax(f32x4.pmin(f32x4.mul(v128.load(src), inverse), high), low);
  const lifted = f32x4.add(bounded, f32x4.splat(magic));
  if (isSigned<T>())
    v128.store(dst, f32x4.mul(f32x4.mul(f32x4.sub(lifted, f32x4.splat(magic)), scale), factor));
  return i32x4.add(lifted, offset);
}

function groups<T>(
  src: usize,
  codes: usize,
  dst: usize,
  rows: i32,
  columns: i32,
  width: i32,
  scales: usize,
  inverses: usize,
  zeros: usize,
  step: i32,
  factor: f32,
  lowest: i32,
  highest: i32,
): void {
  const factorLanes = f32x4.splat(factor);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; ) {
      const stop = min<i32>(column + width, columns);
      const scale = load<f32>(scales);
      const inverse = load<f32>(inverses);
      const zero = load<f32>(zeros);
      const low = <f32>lowest - zero;
      const high = <f32>highest - zero;
      const scaleLanes = f32x4.splat(scale);
      const inverseLanes = f32x4.splat(inverse);
      const offset = i32x4.splat(<i32>zero - magicBits);
      const lowLanes = f32x4.splat(low);
      const highLanes = f32x4.splat(high);
      for (; column + 16 <= stop; column += 16) {
        const a = encodeFour<T>(src, dst, inverseLanes, scaleLanes, factorLanes, offset, lowLanes, highLanes);
        const b = encodeFour<T>(
          src + 16,
          dst + 16,
          inverseLanes,
          scaleLanes,
          factorLanes,
          offset,
          lowLanes,
          highLanes,
        );
        const c = encodeFour<T>(
          src + 32,
          dst + 32,
          inverseLanes,
          scaleLanes,
          factorLanes,
          offset,
          lowLanes,
          highLanes,
        );
        const d = encodeFour<T>(
          src + 48,
          dst + 48,
          inverseLanes,
          scaleLanes,
          factorLanes,
          offset,
          lowLanes,
          highLanes,
        );
        v128.store(codes, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
        src += 64;
        dst += 64;
        codes += 16;
      }
      for (; column < stop; column++) {
        encodeOne<T>(src, codes, dst, inverse, scale, factor, zero, low, high);
        src += 4;
        dst += 4;
        codes += 1;
      }
      scales += <usize>step;
      inverses += <usize>step;
      zeros += <usize>step;
    }
  }
}

/** `step` is 4 where each group has parameters of its own, and 0 where all share one; `dst` is 0 where codes alone are wanted. */
export function encodeGroups(
  src: usize,
  codes: usize,
  dst: usize,
  rows: i32,
  columns: i32,
  width: i32,
  scales: usize,
  inverses: usize,
  zeros: usize,
  step: i32,
  factor: f32,
  low: i32,
  high: i32,
): void {
  if (dst)
    groups<i32>(src, codes, dst, rows, columns, width, scales, inverses, zeros, step, factor, low, high);
  else groups<u32>(src, codes, dst, rows, columns, width, scales, inverses, zeros, step, factor, low, high);
}

/** Four values that need no clamping; returns codes. */
function roundFour<T>(src: usize, dst: usize, inverse: v128, scale: v128, offset: v128): v128 {
  const lifted = f32x4.add(f32x4.mul(v128.load(src), inverse), f32x4.splat(magic));
  if (isSigned<T>()) v128.store(dst, f32x4.mul(f32x4.sub(lifted, f32x4.splat(magic)), scale));
  return i32x4.add(lifted, offset);
}

/**
 * As `groups` of one row of groups, `width` a multiple of 16, with one zero point for all, where the largest magnitude of
 * each group is known: what it is multiplied by shows that a group needs no clamping, which is nearly always so.
 */
function symmetric<T>(
  src: usize,
  codes: usize,
  dst: usize,
  count: i32,
  width: i32,
  magnitudes: usize,
  scales: usize,
  inverses: usize,
  zeros: usize,
  lowest: i32,
  highest: i32,
): void {
  const zero = <i32>load<f32>(zeros);
  const offset = i32x4.splat(zero - magicBits);
  // Up to half a step beyond the last code rounds to it; products of smaller magnitudes are not larger.
  const limit = <f32>min<i32>(highest - zero, zero - lowest) + 0.5;
  const end = src + ((<usize>count) << 2);
  while (src < end) {
    const stop = src + ((<usize>width) << 2);
    if (load<f32>(magnitudes) * load<f32>(inverses) < limit) {
      const scale = v128.load32_splat(scales);
      const inverse = v128.load32_splat(inverses);
      // The test stands at the end, so that the compiler keeps what does not change out of the loop.
      do {
        const a = roundFour<T>(src, dst, inverse, scale, offset);
        const b = roundFour<T>(src + 16, dst + 16, inverse, scale, offset);
        const c = roundFour<T>(src + 32, dst + 32, inverse, scale, offset);
        const d = roundFour<T>(src + 48, dst + 48, inverse, scale, offset);
        v128.store(codes, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
        src += 64;
        dst += 64;
        codes += 16;
      } while (src < stop);
    } else {
      groups<T>(src, codes, dst, 1, width, width, scales, inverses, zeros, 0, 1, lowest, highest);
      src = stop;
      dst += (<usize>width) << 2;
      codes += <usize>width;
    }
    magnitudes += 4;
    scales += 4;
    inverses += 4;
  }
}

/** `dst` is 0 where codes alone are wanted. */
export function encodeSymmetric(
  src: usize,
  codes: usize,
  dst: usize,
  count: i32,
  width: i32,
  magnitudes: usize,
  scales: usize,
  inverses: usize,
  zeros: usize,
  low: i32,
  high: i32,
): void {
  if (dst) symmetric<i32>(src, codes, dst, count, width, magnitudes, scales, inverses, zeros, low, high);
  else symmetric<u32>(src, codes, dst, count, width, magnitudes, scales, inverses, zeros, low, high);
}

function eachColumn<T>(
  src: usize,
  codes: usize,
  dst: usize,
  rows: i32,
  columns: i32,
  scales: usize,
  inverses: usize,
  zeros: usize,
  lowest: i32,
  highest: i32,
): void {
  const lowLanes = f32x4.splat(<f32>lowest);
  const highLanes = f32x4.splat(<f32>highest);
  for (let row = 0; row < rows; row++) {
    let column = 0;
    for (; column + 4 <= columns; column += 4) {
      const at = (<usize>column) << 2;
      const zero = v128.load(zeros + at);
      const whole = i32x4.trunc_sat_f32x4_s(zero);
      const fours = encodeFour<T>(
        src,
        dst,
        v128.load(inverses + at),
        v128.load(scales + at),
        f32x4.splat(1),
        i32x4.sub(whole, i32x4.splat(magicBits)),
        f32x4.sub(lowLanes, zero),
        f32x4.sub(highLanes, zero),
      );
      const halves = i16x8.narrow_i32x4_s(fours, fours);
      v128.store32_lane(codes, i8x16.narrow_i16x8_u(halves, halves), 0);
      src += 16;
      dst += 16;
      codes += 4;
    }
    for (; column < columns; column++) {
      const at = (<usize>column) << 2;
      const zero = load<f32>(zeros + at);
      encodeOne<T>(
        src,
        codes,
        dst,
        load<f32>(inverses + at),
        load<f32>(scales + at),
        1,
        zero,
        <f32>lowest - zero,
        <f32>highest - zero,
      );
      src += 4;
      dst += 4;
      codes += 1;
    }
  }
}

/** As `encodeGroups` with parameters of each column. */
export function encodeColumns(
  src: usize,
  codes: usize,
  dst: usize,
  rows: i32,
  columns: i32,
  scales: usize,
  inverses: usize,
  zeros: usize,
  low: i32,
  high: i32,
): void {
  if (dst) eachColumn<i32>(src, codes, dst, rows, columns, scales, inverses, zeros, low, high);
  else eachColumn<u32>(src, codes, dst, rows, columns, scales, inverses, zeros, low, high);
}
