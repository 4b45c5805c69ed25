/** Eight-bit codes from float32 and back. */

/** 1.5 * 2^23: adding it leaves no fraction bits, rounded half to even. */
const magic: f32 = 12582912;
/** The pattern of `magic`; a rounded sum's pattern less this is the integer itself. */
const magicBits: i32 = 0x4b400000;
/** 2^21; see `roundHalfEven` in src/numeric/floats.ts. */
const limit: f32 = 2097152;

/** rne(x * inverse) + zero for four lanes, as integers. */
function codeLanes(x: v128, inverse: v128, offset: v128): v128 {
  const scaled = f32x4.mul(x, inverse);
  const clamped = f32x4.pmax(f32x4.pmin(scaled, f32x4.splat(limit)), f32x4.splat(-limit));
  return i32x4.add(f32x4.add(clamped, f32x4.splat(magic)), offset);
}

export function encode8(
  src: usize,
  codes: usize,
  rows: i32,
  columns: i32,
  stride: i32,
  inverses: usize,
  zeros: usize,
  low: i32,
  high: i32,
): void {
  const lowest = i8x16.splat(<i8>low);
  const highest = i8x16.splat(<i8>high);
  for (let row = 0; row < rows; row++) {
    const inverse = load<f32>(inverses + ((<usize>row) << 2));
    const zero = <i32>load<f32>(zeros + ((<usize>row) << 2));
    const inverseLanes = f32x4.splat(inverse);
    const offset = i32x4.splat(zero - magicBits);
    let out = codes + <usize>row * <usize>stride;
    let column = 0;
    for (; column + 16 <= columns; column += 16) {
      const a = codeLanes(v128.load(src), inverseLanes, offset);
      const b = codeLanes(v128.load(src, 16), inverseLanes, offset);
      const c = codeLanes(v128.load(src, 32), inverseLanes, offset);
      const d = codeLanes(v128.load(src, 48), inverseLanes, offset);
      // Both narrowings saturate, so they clamp to 0..255 on the way.
      const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
      v128.store(out, i8x16.min_u(i8x16.max_u(bytes, lowest), highest));
      src += 64;
      out += 16;
    }
    for (; column < columns; column++) {
      const scaled = min<f32>(max<f32>(load<f32>(src) * inverse, -limit), limit);
      const code = <i32>(scaled + magic - magic) + zero;
      store<u8>(out, <u8>min<i32>(max<i32>(code, low), high));
      src += 4;
      out += 1;
    }
    for (; column < stride; column++) {
      store<u8>(out, 0);
      out += 1;
    }
  }
}

export function decodeCodes8(
  codes: usize,
  dst: usize,
  rows: i32,
  columns: i32,
  stride: i32,
  scales: usize,
  zeros: usize,
): void {
  for (let row = 0; row < rows; row++) {
    const scale = load<f32>(scales + ((<usize>row) << 2));
    const zero = load<f32>(zeros + ((<usize>row) << 2));
    const scaleLanes = f32x4.splat(scale);
    const zeroLanes = f32x4.splat(zero);
    let from = codes + <usize>row * <usize>stride;
    let column = 0;
    for (; column + 8 <= columns; column += 8) {
      const lanes = v128.load_ext<u8>(from);
      const first = f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(lanes));
      const second = f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(lanes));
      v128.store(dst, f32x4.mul(f32x4.sub(first, zeroLanes), scaleLanes));
      v128.store(dst, f32x4.mul(f32x4.sub(second, zeroLanes), scaleLanes), 16);
      from += 8;
      dst += 32;
    }
    for (; column < columns; column++) {
      store<f32>(dst, (<f32>load<u8>(from) - zero) * scale);
      from += 1;
      dst += 4;
    }
  }
}
