/**
 * Codebooks of 16 values over blocks of a flattened weight. A code follows from how many of ascending thresholds lie below the
 * scaled value. Value and thresholds are rounded to whole 2^-14, which keeps their order but for those that become equal: those
 * are looked at one by one. In sixteen bits a value lies in one of 32 cells with at most one threshold, so that a table gives the
 * number but for one comparison. Tables of float32 lie as four planes of 16 bytes, so that 16 codes are looked up at once.
 */

/** 1.5 * 2^23: adding it leaves no fraction bits, rounded half to even. */
const magic: f32 = 12582912;
const magicBits: i32 = 0x4b400000;
/** What values are rounded in, and where a reciprocal times that is still finite. */
const unitsInOne: f32 = 16384;
const largestInverse: f32 = 1e33;

/** Places in the tables. */
const orderAt: usize = 32;
const thresholdsAt: usize = 48;
const levelsAt: usize = 112;
const roundedAt: usize = 176;

/** The float32 of an index, from planes. */
function planed(table: usize, index: i32): f32 {
  const at = table + <usize>index;
  const low = <u32>load<u8>(at) | ((<u32>load<u8>(at, 16)) << 8);
  return reinterpret<f32>(low | ((<u32>load<u8>(at, 32)) << 16) | ((<u32>load<u8>(at, 48)) << 24));
}

/** Bytes of two vectors in turn, from their lower halves. */
function lower8(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
function upper8(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
/** The same of pairs of bytes. */
function lower16(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
function upper16(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** Sixteen masks or small integers of 32 bits to bytes. */
function narrowed(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

/** Scaled values that are compared: magnitudes (`T` is signed) where the thresholds are of magnitudes. */
function compared<T>(src: usize, inverse: v128): v128 {
  const scaled = f32x4.mul(v128.load(src), inverse);
  return isSigned<T>() ? f32x4.abs(scaled) : scaled;
}

/** Eight of them in units. */
function units<T>(src: usize, inverse: v128): v128 {
  const lift = f32x4.splat(magic);
  const bits = i32x4.splat(magicBits);
  const a = f32x4.add(compared<T>(src, inverse), lift);
  const b = f32x4.add(compared<T>(src + 16, inverse), lift);
  return i16x8.narrow_i32x4_s(i32x4.sub(a, bits), i32x4.sub(b, bits));
}

/** Which of sixteen values are above the thresholds of given places. */
function exactlyBeyond<T>(src: usize, inverse: v128, place: v128, tables: usize): v128 {
  const p0 = i8x16.swizzle(v128.load(tables + thresholdsAt), place);
  const p1 = i8x16.swizzle(v128.load(tables + thresholdsAt, 16), place);
  const p2 = i8x16.swizzle(v128.load(tables + thresholdsAt, 32), place);
  const p3 = i8x16.swizzle(v128.load(tables + thresholdsAt, 48), place);
  const low01 = lower8(p0, p1);
  const low23 = lower8(p2, p3);
  const high01 = upper8(p0, p1);
  const high23 = upper8(p2, p3);
  return narrowed(
    f32x4.gt(compared<T>(src, inverse), lower16(low01, low23)),
    f32x4.gt(compared<T>(src + 16, inverse), upper16(low01, low23)),
    f32x4.gt(compared<T>(src + 32, inverse), lower16(high01, high23)),
    f32x4.gt(compared<T>(src + 48, inverse), upper16(high01, high23)),
  );
}

/** Which of sixteen scaled values are negative. */
function negatives(src: usize, inverse: v128): v128 {
  const zero = f32x4.splat(0);
  return narrowed(
    f32x4.lt(f32x4.mul(v128.load(src), inverse), zero),
    f32x4.lt(f32x4.mul(v128.load(src, 16), inverse), zero),
    f32x4.lt(f32x4.mul(v128.load(src, 32), inverse), zero),
    f32x4.lt(f32x4.mul(v128.load(src, 48), inverse), zero),
  );
}

/** `V`: i32 codes and values, u32 codes alone, where `dst` counts for nothing. */
function encodeBlocks<T, V>(
  src: usize,
  codes: usize,
  dst: usize,
  count: i32,
  width: i32,
  absmax: usize,
  scales: usize,
  tables: usize,
  smallest: f32,
): void {
  const below0 = v128.load(tables);
  const below1 = v128.load(tables, 16);
  const rounded0 = v128.load(tables + roundedAt);
  const rounded1 = v128.load(tables + roundedAt, 16);
  const l0 = v128.load(tables + levelsAt);
  const l1 = v128.load(tables + levelsAt, 16);
  const l2 = v128.load(tables + levelsAt, 32);
  const l3 = v128.load(tables + levelsAt, 48);
  for (let i = 0; i < count; ) {
    const stop = min<i32>(i + width, count);
    const inverse = <f32>1 / max<f32>(load<f32>(absmax), smallest);
    const scale = load<f32>(scales);
    const scaleLanes = f32x4.splat(scale);
    // A product with a power of two is exact.
    const unitLanes = f32x4.splat(inverse * unitsInOne);
    // The test stands at the end, so that the compiler keeps what does not change out of the loop.
    if (inverse < largestInverse && i + 16 <= stop)
      do {
        const low = units<T>(src, unitLanes);
        const high = units<T>(src + 32, unitLanes);
        // Cells from -16 on; 16 is that of 1 itself.
        const cells = i8x16.narrow_i16x8_s(i16x8.shr_s(low, 10), i16x8.shr_s(high, 10));
        // An index of 16 and more, or below 0, gives 0.
        const place = v128.or(
          i8x16.swizzle(below0, i8x16.add(cells, i8x16.splat(16))),
          i8x16.swizzle(below1, i8x16.min_s(cells, i8x16.splat(15))),
        );
        const p0 = i8x16.swizzle(rounded0, place);
        const p1 = i8x16.swizzle(rounded1, place);
        const lowThreshold = lower8(p0, p1);
        const highThreshold = upper8(p0, p1);
        let beyond = i8x16.narrow_i16x8_s(i16x8.gt_s(low, lowThreshold), i16x8.gt_s(high, highThreshold));
        if (v128.any_true(v128.or(i16x8.eq(low, lowThreshold), i16x8.eq(high, highThreshold))))
          beyond = exactlyBeyond<T>(src, f32x4.splat(inverse), place, tables);
        let code = i8x16.sub(place, beyond);
        if (isSigned<T>()) {
          const sign = v128.and(negatives(src, f32x4.splat(inverse)), i8x16.splat(8));
          code = v128.or(i8x16.swizzle(v128.load(tables + orderAt), code), sign);
        }
        v128.store(codes, code);
        if (isSigned<V>()) {
          const q0 = i8x16.swizzle(l0, code);
          const q1 = i8x16.swizzle(l1, code);
          const q2 = i8x16.swizzle(l2, code);
          const q3 = i8x16.swizzle(l3, code);
          const value01 = lower8(q0, q1);
          const value23 = lower8(q2, q3);
          const upper01 = upper8(q0, q1);
          const upper23 = upper8(q2, q3);
          v128.store(dst, f32x4.mul(lower16(value01, value23), scaleLanes));
          v128.store(dst, f32x4.mul(upper16(value01, value23), scaleLanes), 16);
          v128.store(dst, f32x4.mul(lower16(upper01, upper23), scaleLanes), 32);
          v128.store(dst, f32x4.mul(upper16(upper01, upper23), scaleLanes), 48);
        }
        src += 64;
        dst += 64;
        codes += 16;
        i += 16;
      } while (i + 16 <= stop);
    for (; i < stop; i++) {
      const scaled = load<f32>(src) * inverse;
      const magnitude = isSigned<T>() ? abs<f32>(scaled) : scaled;
      let place = 0;
      while (place < 15 && magnitude > planed(tables + thresholdsAt, place)) place++;
      const sign = isSigned<T>() && scaled < 0 ? 8 : 0;
      const code = (isSigned<T>() ? <i32>load<u8>(tables + orderAt + <usize>place) : place) + sign;
      store<u8>(codes, <u8>code);
      if (isSigned<V>()) store<f32>(dst, planed(tables + levelsAt, code) * scale);
      src += 4;
      dst += 4;
      codes += 1;
    }
    absmax += 4;
    scales += 4;
  }
}

/** `dst` is 0 where codes alone are wanted. */
export function encodeCodebook(
  src: usize,
  codes: usize,
  dst: usize,
  count: i32,
  width: i32,
  absmax: usize,
  scales: usize,
  tables: usize,
  smallest: f32,
  bySign: i32,
): void {
  if (bySign) {
    if (dst) encodeBlocks<i32, i32>(src, codes, dst, count, width, absmax, scales, tables, smallest);
    else encodeBlocks<i32, u32>(src, codes, dst, count, width, absmax, scales, tables, smallest);
  } else if (dst) encodeBlocks<u32, i32>(src, codes, dst, count, width, absmax, scales, tables, smallest);
  else encodeBlocks<u32, u32>(src, codes, dst, count, width, absmax, scales, tables, smallest);
}
