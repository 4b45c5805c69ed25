/**
 * Codebooks of 16 values over blocks of a flattened weight. A code follows from how many of ascending thresholds lie below the
 * scaled value. Rounded to sixteenths the value lies in a cell with at most one threshold, so that a table gives the number
 * but for one comparison. Tables of float32 lie as four planes of 16 bytes, so that 16 codes are looked up at once.
 */

/** 1.5 * 2^19: adding it leaves four fraction bits, rounded half to even. */
const magic: f32 = 786432;
/** The pattern of `magic`, less the 16 cells below 0. */
const firstCell: i32 = 0x49400000 - 16;

/** Places in the tables. */
const orderAt: usize = 32;
const thresholdsAt: usize = 48;
const levelsAt: usize = 112;

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
  const below0 = v128.load(tables);
  const below1 = v128.load(tables, 16);
  const order = v128.load(tables + orderAt);
  const t0 = v128.load(tables + thresholdsAt);
  const t1 = v128.load(tables + thresholdsAt, 16);
  const t2 = v128.load(tables + thresholdsAt, 32);
  const t3 = v128.load(tables + thresholdsAt, 48);
  const l0 = v128.load(tables + levelsAt);
  const l1 = v128.load(tables + levelsAt, 16);
  const l2 = v128.load(tables + levelsAt, 32);
  const l3 = v128.load(tables + levelsAt, 48);
  const lift = f32x4.splat(magic);
  const cell = i32x4.splat(firstCell);
  // Signs are looked at where the thresholds are of magnitudes.
  const kept = i32x4.splat(bySign ? 0x7fffffff : -1);
  const signCode = i8x16.splat(bySign ? 8 : 0);
  for (let i = 0; i < count; ) {
    const stop = min<i32>(i + width, count);
    const inverse = <f32>1 / max<f32>(load<f32>(absmax), smallest);
    const inverseLanes = f32x4.splat(inverse);
    const scale = load<f32>(scales);
    const scaleLanes = f32x4.splat(scale);
    for (; i + 16 <= stop; i += 16) {
      const a = f32x4.mul(v128.load(src), inverseLanes);
      const b = f32x4.mul(v128.load(src, 16), inverseLanes);
      const c = f32x4.mul(v128.load(src, 32), inverseLanes);
      const d = f32x4.mul(v128.load(src, 48), inverseLanes);
      const ka = v128.and(a, kept);
      const kb = v128.and(b, kept);
      const kc = v128.and(c, kept);
      const kd = v128.and(d, kept);
      const cells = i8x16.min_u(
        narrowed(
          i32x4.sub(f32x4.add(ka, lift), cell),
          i32x4.sub(f32x4.add(kb, lift), cell),
          i32x4.sub(f32x4.add(kc, lift), cell),
          i32x4.sub(f32x4.add(kd, lift), cell),
        ),
        i8x16.splat(31),
      );
      // An index of 16 and more gives 0.
      const place = v128.or(
        i8x16.swizzle(below0, cells),
        i8x16.swizzle(below1, i8x16.sub(cells, i8x16.splat(16))),
      );
      const p0 = i8x16.swizzle(t0, place);
      const p1 = i8x16.swizzle(t1, place);
      const p2 = i8x16.swizzle(t2, place);
      const p3 = i8x16.swizzle(t3, place);
      const low01 = lower8(p0, p1);
      const low23 = lower8(p2, p3);
      const high01 = upper8(p0, p1);
      const high23 = upper8(p2, p3);
      const beyond = narrowed(
        f32x4.gt(ka, lower16(low01, low23)),
        f32x4.gt(kb, upper16(low01, low23)),
        f32x4.gt(kc, lower16(high01, high23)),
        f32x4.gt(kd, upper16(high01, high23)),
      );
      const zero = f32x4.splat(0);
      const negative = narrowed(f32x4.lt(a, zero), f32x4.lt(b, zero), f32x4.lt(c, zero), f32x4.lt(d, zero));
      const code = v128.or(i8x16.swizzle(order, i8x16.sub(place, beyond)), v128.and(negative, signCode));
      v128.store(codes, code);
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
      src += 64;
      dst += 64;
      codes += 16;
    }
    for (; i < stop; i++) {
      const x = load<f32>(src) * inverse;
      const compared = bySign ? abs<f32>(x) : x;
      let place = 0;
      while (place < 15 && compared > planed(tables + thresholdsAt, place)) place++;
      const code = <i32>load<u8>(tables + orderAt + <usize>place) + (bySign && x < 0 ? 8 : 0);
      store<u8>(codes, <u8>code);
      store<f32>(dst, planed(tables + levelsAt, code) * scale);
      src += 4;
      dst += 4;
      codes += 1;
    }
    absmax += 4;
    scales += 4;
  }
}
