/**
 * Codes of one byte each to float32, by scales that serve runs of a row: the first run has `first` codes, the others
 * `each`. Every operation is rounded to float32, in the order of the formula.
 */

/** Scales of a row begin this many bytes after those of the row before. */
function rowBytes(groups: i32): usize {
  return (<usize>groups) << 2;
}

export function packedAffine(
  codes: usize,
  stride: i32,
  dst: usize,
  rows: i32,
  columns: i32,
  first: i32,
  each: i32,
  groups: i32,
  scales: usize,
  zeros: usize,
): void {
  for (let row = 0; row < rows; row++) {
    let from = codes + <usize>row * <usize>stride;
    let scale = scales + <usize>row * rowBytes(groups);
    let zero = zeros + <usize>row * rowBytes(groups);
    let column = 0;
    let stop = min<i32>(first, columns);
    while (column < columns) {
      const s = load<f32>(scale);
      const z = load<f32>(zero);
      const scaleLanes = f32x4.splat(s);
      const zeroLanes = f32x4.splat(z);
      for (; column + 8 <= stop; column += 8) {
        const lanes = v128.load_ext<u8>(from);
        const low = f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(lanes));
        const high = f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(lanes));
        v128.store(dst, f32x4.mul(f32x4.sub(low, zeroLanes), scaleLanes));
        v128.store(dst, f32x4.mul(f32x4.sub(high, zeroLanes), scaleLanes), 16);
        from += 8;
        dst += 32;
      }
      for (; column < stop; column++) {
        store<f32>(dst, (<f32>load<u8>(from) - z) * s);
        from += 1;
        dst += 4;
      }
      stop = min<i32>(columns, stop + each);
      scale += 4;
      zero += 4;
    }
  }
}

export function packedLinear(
  codes: usize,
  stride: i32,
  dst: usize,
  rows: i32,
  columns: i32,
  first: i32,
  each: i32,
  groups: i32,
  scales: usize,
  biases: usize,
): void {
  for (let row = 0; row < rows; row++) {
    let from = codes + <usize>row * <usize>stride;
    let scale = scales + <usize>row * rowBytes(groups);
    let bias = biases + <usize>row * rowBytes(groups);
    let column = 0;
    let stop = min<i32>(first, columns);
    while (column < columns) {
      const s = load<f32>(scale);
      const b = load<f32>(bias);
      const scaleLanes = f32x4.splat(s);
      const biasLanes = f32x4.splat(b);
      for (; column + 8 <= stop; column += 8) {
        const lanes = v128.load_ext<u8>(from);
        const low = f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(lanes));
        const high = f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(lanes));
        v128.store(dst, f32x4.add(f32x4.mul(low, scaleLanes), biasLanes));
        v128.store(dst, f32x4.add(f32x4.mul(high, scaleLanes), biasLanes), 16);
        from += 8;
        dst += 32;
      }
      for (; column < stop; column++) {
        store<f32>(dst, <f32>load<u8>(from) * s + b);
        from += 1;
        dst += 4;
      }
      stop = min<i32>(columns, stop + each);
      scale += 4;
      bias += 4;
    }
  }
}

/** Bytes 0, 2, 4 ... of two vectors. */
function evens(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

/** Bytes 1, 3, 5 ... of two vectors. */
function odds(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

/** The lower eight bytes of two vectors in turn. */
function lowerPairs(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** The upper eight bytes of two vectors in turn. */
function upperPairs(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

export function packedTable16(
  codes: usize,
  stride: i32,
  dst: usize,
  rows: i32,
  columns: i32,
  first: i32,
  each: i32,
  groups: i32,
  scales: usize,
  table: usize,
): void {
  // The four bytes of the 16 values apart, so that one lookup of bytes gives each byte of 16 results.
  const lowEven = evens(v128.load(table), v128.load(table, 16));
  const highEven = evens(v128.load(table, 32), v128.load(table, 48));
  const lowOdd = odds(v128.load(table), v128.load(table, 16));
  const highOdd = odds(v128.load(table, 32), v128.load(table, 48));
  const plane0 = evens(lowEven, highEven);
  const plane1 = evens(lowOdd, highOdd);
  const plane2 = odds(lowEven, highEven);
  const plane3 = odds(lowOdd, highOdd);
  for (let row = 0; row < rows; row++) {
    let from = codes + <usize>row * <usize>stride;
    let scale = scales + <usize>row * rowBytes(groups);
    let column = 0;
    let stop = min<i32>(first, columns);
    while (column < columns) {
      const s = load<f32>(scale);
      const factor = f32x4.splat(s);
      for (; column + 16 <= stop; column += 16) {
        const index = v128.load(from);
        const byte0 = v128.swizzle(plane0, index);
        const byte1 = v128.swizzle(plane1, index);
        const byte2 = v128.swizzle(plane2, index);
        const byte3 = v128.swizzle(plane3, index);
        const low01 = lowerPairs(byte0, byte1);
        const low23 = lowerPairs(byte2, byte3);
        const high01 = upperPairs(byte0, byte1);
        const high23 = upperPairs(byte2, byte3);
        const a = v128.shuffle<u16>(low01, low23, 0, 8, 1, 9, 2, 10, 3, 11);
        const b = v128.shuffle<u16>(low01, low23, 4, 12, 5, 13, 6, 14, 7, 15);
        const c = v128.shuffle<u16>(high01, high23, 0, 8, 1, 9, 2, 10, 3, 11);
        const d = v128.shuffle<u16>(high01, high23, 4, 12, 5, 13, 6, 14, 7, 15);
        v128.store(dst, f32x4.mul(a, factor));
        v128.store(dst, f32x4.mul(b, factor), 16);
        v128.store(dst, f32x4.mul(c, factor), 32);
        v128.store(dst, f32x4.mul(d, factor), 48);
        from += 16;
        dst += 64;
      }
      for (; column < stop; column++) {
        store<f32>(dst, load<f32>(table + ((<usize>(load<u8>(from) & 15)) << 2)) * s);
        from += 1;
        dst += 4;
      }
      stop = min<i32>(columns, stop + each);
      scale += 4;
    }
  }
}

export function packedTable256(
  codes: usize,
  stride: i32,
  dst: usize,
  rows: i32,
  columns: i32,
  first: i32,
  each: i32,
  groups: i32,
  scales: usize,
  table: usize,
): void {
  for (let row = 0; row < rows; row++) {
    let from = codes + <usize>row * <usize>stride;
    let scale = scales + <usize>row * rowBytes(groups);
    let column = 0;
    let stop = min<i32>(first, columns);
    while (column < columns) {
      const s = load<f32>(scale);
      const factor = f32x4.splat(s);
      for (; column + 4 <= stop; column += 4) {
        let lanes = v128.load32_zero(table + ((<usize>load<u8>(from)) << 2));
        lanes = v128.load_lane<u32>(table + ((<usize>load<u8>(from, 1)) << 2), lanes, 1);
        lanes = v128.load_lane<u32>(table + ((<usize>load<u8>(from, 2)) << 2), lanes, 2);
        lanes = v128.load_lane<u32>(table + ((<usize>load<u8>(from, 3)) << 2), lanes, 3);
        v128.store(dst, f32x4.mul(lanes, factor));
        from += 4;
        dst += 16;
      }
      for (; column < stop; column++) {
        store<f32>(dst, load<f32>(table + ((<usize>load<u8>(from)) << 2)) * s);
        from += 1;
        dst += 4;
      }
      stop = min<i32>(columns, stop + each);
      scale += 4;
    }
  }
}

export function packedByIndex(
  codes: usize,
  stride: i32,
  dst: usize,
  rows: i32,
  columns: i32,
  groupOffsets: usize,
  groups: i32,
  scales: usize,
  zeros: usize,
): void {
  for (let row = 0; row < rows; row++) {
    const from = codes + <usize>row * <usize>stride;
    const scale = scales + <usize>row * rowBytes(groups);
    const zero = zeros + <usize>row * rowBytes(groups);
    let column = 0;
    for (; column + 4 <= columns; column += 4) {
      const at = groupOffsets + ((<usize>column) << 2);
      const g0 = <usize>load<u32>(at);
      const g1 = <usize>load<u32>(at, 4);
      const g2 = <usize>load<u32>(at, 8);
      const g3 = <usize>load<u32>(at, 12);
      let s = v128.load32_zero(scale + g0);
      s = v128.load_lane<u32>(scale + g1, s, 1);
      s = v128.load_lane<u32>(scale + g2, s, 2);
      s = v128.load_lane<u32>(scale + g3, s, 3);
      let z = v128.load32_zero(zero + g0);
      z = v128.load_lane<u32>(zero + g1, z, 1);
      z = v128.load_lane<u32>(zero + g2, z, 2);
      z = v128.load_lane<u32>(zero + g3, z, 3);
      const bytes = i32x4.splat(load<i32>(from + <usize>column));
      const values = f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes)));
      v128.store(dst, f32x4.mul(f32x4.sub(values, z), s));
      dst += 16;
    }
    for (; column < columns; column++) {
      const g = <usize>load<u32>(groupOffsets + ((<usize>column) << 2));
      store<f32>(dst, (<f32>load<u8>(from + <usize>column) - load<f32>(zero + g)) * load<f32>(scale + g));
      dst += 4;
    }
  }
}

export function packedTimes(values: usize, count: i32, factor: f32): void {
  const lanes = f32x4.splat(factor);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(values, f32x4.mul(v128.load(values), lanes));
    values += 16;
  }
  for (; i < count; i++) {
    store<f32>(values, load<f32>(values) * factor);
    values += 4;
  }
}
