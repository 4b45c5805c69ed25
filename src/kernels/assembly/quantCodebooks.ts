/**
 * Codebooks of 16 values over blocks of a flattened weight. A code is how many of ascending thresholds lie below the scaled
 * value; four lanes search for it at once, each picking its next threshold from a vector by its byte indices.
 */

/** Byte indices of a 32-bit entry of four, by its two bits as masks. */
function entry(high: v128, low: v128): v128 {
  const bits = v128.or(v128.and(high, i32x4.splat(0x08080808)), v128.and(low, i32x4.splat(0x04040404)));
  return v128.or(bits, i32x4.splat(0x03020100));
}

/** Every second or fourth threshold from one on. */
function strided(table: usize, first: usize, step: usize): v128 {
  const at = table + (first << 2);
  const each = step << 2;
  let lanes = v128.load32_zero(at);
  lanes = v128.load32_lane(at + each, lanes, 1);
  lanes = v128.load32_lane(at + 2 * each, lanes, 2);
  return v128.load32_lane(at + 3 * each, lanes, 3);
}

/** Reciprocals in float32 of a block's largest magnitude, of at least `smallest`. */
function inverseOf(absmax: usize, smallest: f32): f32 {
  return <f32>1 / max<f32>(load<f32>(absmax), smallest);
}

export function encodeNormalFloats(
  src: usize,
  codes: usize,
  dst: usize,
  count: i32,
  width: i32,
  absmax: usize,
  scales: usize,
  thresholds: usize,
  levels: usize,
  smallest: f32,
): void {
  const middle = v128.load32_splat(thresholds, 28);
  const lower = v128.load32_splat(thresholds, 12);
  const upper = v128.load32_splat(thresholds, 44);
  const eighths = strided(thresholds, 1, 4);
  const evensBelow = strided(thresholds, 0, 2);
  const evensAbove = strided(thresholds, 8, 2);
  const levels0 = v128.load(levels);
  const levels1 = v128.load(levels, 16);
  const levels2 = v128.load(levels, 32);
  const levels3 = v128.load(levels, 48);
  for (let i = 0; i < count; ) {
    const stop = min<i32>(i + width, count);
    const inverse = inverseOf(absmax, smallest);
    const inverseLanes = f32x4.splat(inverse);
    const scale = load<f32>(scales);
    const scaleLanes = f32x4.splat(scale);
    for (; i + 4 <= stop; i += 4) {
      const x = f32x4.mul(v128.load(src), inverseLanes);
      const bit3 = f32x4.gt(x, middle);
      const bit2 = f32x4.gt(x, v128.bitselect(upper, lower, bit3));
      const bit1 = f32x4.gt(x, i8x16.swizzle(eighths, entry(bit3, bit2)));
      const next = entry(bit2, bit1);
      const bit0 = f32x4.gt(
        x,
        v128.bitselect(i8x16.swizzle(evensAbove, next), i8x16.swizzle(evensBelow, next), bit3),
      );
      const last = entry(bit1, bit0);
      const low = v128.bitselect(i8x16.swizzle(levels1, last), i8x16.swizzle(levels0, last), bit2);
      const high = v128.bitselect(i8x16.swizzle(levels3, last), i8x16.swizzle(levels2, last), bit2);
      v128.store(dst, f32x4.mul(v128.bitselect(high, low, bit3), scaleLanes));
      const code = v128.or(
        v128.or(v128.and(bit3, i32x4.splat(8)), v128.and(bit2, i32x4.splat(4))),
        v128.or(v128.and(bit1, i32x4.splat(2)), v128.and(bit0, i32x4.splat(1))),
      );
      const halves = i16x8.narrow_i32x4_s(code, code);
      v128.store32_lane(codes, i8x16.narrow_i16x8_u(halves, halves), 0);
      src += 16;
      dst += 16;
      codes += 4;
    }
    for (; i < stop; i++) {
      const x = load<f32>(src) * inverse;
      let code = 0;
      while (code < 15 && x > load<f32>(thresholds + ((<usize>code) << 2))) code++;
      store<u8>(codes, <u8>code);
      store<f32>(dst, load<f32>(levels + ((<usize>code) << 2)) * scale);
      src += 4;
      dst += 4;
      codes += 1;
    }
    absmax += 4;
    scales += 4;
  }
}

/** Thresholds are 7 of magnitudes; `order` holds the 8 codes of the magnitudes between them, `levels` the values by code. */
export function encodeSignedFloats(
  src: usize,
  codes: usize,
  dst: usize,
  count: i32,
  width: i32,
  absmax: usize,
  scales: usize,
  thresholds: usize,
  levels: usize,
  order: usize,
  smallest: f32,
): void {
  const middle = v128.load32_splat(thresholds, 12);
  const lower = v128.load32_splat(thresholds, 4);
  const upper = v128.load32_splat(thresholds, 20);
  const evens = strided(thresholds, 0, 2);
  const orderLanes = v128.load64_zero(order);
  const levels0 = v128.load(levels);
  const levels1 = v128.load(levels, 16);
  const signBit = i32x4.splat(<i32>0x80000000);
  for (let i = 0; i < count; ) {
    const stop = min<i32>(i + width, count);
    const inverse = inverseOf(absmax, smallest);
    const inverseLanes = f32x4.splat(inverse);
    const scale = load<f32>(scales);
    const scaleLanes = f32x4.splat(scale);
    for (; i + 4 <= stop; i += 4) {
      const x = f32x4.mul(v128.load(src), inverseLanes);
      const negative = f32x4.lt(x, f32x4.splat(0));
      const magnitude = f32x4.abs(x);
      const bit2 = f32x4.gt(magnitude, middle);
      const bit1 = f32x4.gt(magnitude, v128.bitselect(upper, lower, bit2));
      const bit0 = f32x4.gt(magnitude, i8x16.swizzle(evens, entry(bit2, bit1)));
      const place = v128.or(
        v128.or(v128.and(bit2, i32x4.splat(4)), v128.and(bit1, i32x4.splat(2))),
        v128.and(bit0, i32x4.splat(1)),
      );
      // Lanes of zeros pick entry 0, which the mask removes.
      const code = v128.and(i8x16.swizzle(orderLanes, place), i32x4.splat(7));
      const inUpper = i32x4.gt_s(code, i32x4.splat(3));
      const within = v128.or(
        i32x4.mul(v128.and(code, i32x4.splat(3)), i32x4.splat(0x04040404)),
        i32x4.splat(0x03020100),
      );
      const value = v128.bitselect(i8x16.swizzle(levels1, within), i8x16.swizzle(levels0, within), inUpper);
      v128.store(dst, v128.xor(f32x4.mul(value, scaleLanes), v128.and(negative, signBit)));
      const signed = v128.or(code, v128.and(negative, i32x4.splat(8)));
      const halves = i16x8.narrow_i32x4_s(signed, signed);
      v128.store32_lane(codes, i8x16.narrow_i16x8_u(halves, halves), 0);
      src += 16;
      dst += 16;
      codes += 4;
    }
    for (; i < stop; i++) {
      const x = load<f32>(src) * inverse;
      let place = 0;
      while (place < 7 && abs<f32>(x) > load<f32>(thresholds + ((<usize>place) << 2))) place++;
      const code = <i32>load<u8>(order + <usize>place) + (x < 0 ? 8 : 0);
      store<u8>(codes, <u8>code);
      store<f32>(dst, load<f32>(levels + ((<usize>code) << 2)) * scale);
      src += 4;
      dst += 4;
      codes += 1;
    }
    absmax += 4;
    scales += 4;
  }
}
