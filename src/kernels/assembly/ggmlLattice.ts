/**
 * Choosing points of a lattice, as src/quant/schemes/ggml/latticeSearch.ts and oneBitTypes.ts do. ../latticeTables.ts tells the
 * layout of the tables. Four points of a list are tried at once, one in each lane, so that each adds its error in ggml's order; what
 * a value adds depends on its digit alone, and is looked up among the few that there are.
 */

/** 4 * digit in every byte of a lane, and these added, choose the bytes of a float32. */
const bytesOfLane = i32x4.splat(0x03020100);

/** Bytes 4k .. 4k + 3, each four times. */
function spread0(bytes: v128): v128 {
  return v128.shuffle<u8>(bytes, bytes, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
}

function spread1(bytes: v128): v128 {
  return v128.shuffle<u8>(bytes, bytes, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7);
}

function spread2(bytes: v128): v128 {
  return v128.shuffle<u8>(bytes, bytes, 8, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11, 11);
}

function spread3(bytes: v128): v128 {
  return v128.shuffle<u8>(bytes, bytes, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15);
}

/** weight (reached - x)^2 for what four digits reach. */
function errorsOf(reached: v128, x: usize, w: usize): v128 {
  const difference = f32x4.sub(reached, v128.load32_splat(x));
  return f32x4.mul(f32x4.mul(v128.load32_splat(w), difference), difference);
}

/** The number of the point of least error, the first of equal ones; of none at all the first. */
function bestOf(least: v128, best: v128, list: usize, fourBytes: i32): i32 {
  const pairs = f32x4.pmin(least, v128.shuffle<u32>(least, least, 2, 3, 0, 1));
  const all = f32x4.pmin(pairs, v128.shuffle<u32>(pairs, pairs, 1, 0, 3, 2));
  const own = v128.bitselect(best, i32x4.splat(i32.MAX_VALUE), f32x4.eq(least, all));
  const first = i32x4.min_s(own, v128.shuffle<u32>(own, own, 2, 3, 0, 1));
  const place = min<i32>(i32x4.extract_lane(first, 0), i32x4.extract_lane(first, 1));
  const four = list + 4 + <usize>((place >> 2) * fourBytes);
  return <i32>load<u16>(four + <usize>(fourBytes - 8 + ((place & 3) << 1)));
}

/** Of a list of points of eight values; `reached`: scale times level of the digits 0, 1 and 2. */
export function nearestOfEight(list: usize, reached: v128, x: usize, w: usize): i32 {
  const t0 = errorsOf(reached, x, w);
  const t1 = errorsOf(reached, x + 4, w + 4);
  const t2 = errorsOf(reached, x + 8, w + 8);
  const t3 = errorsOf(reached, x + 12, w + 12);
  const t4 = errorsOf(reached, x + 16, w + 16);
  const t5 = errorsOf(reached, x + 20, w + 20);
  const t6 = errorsOf(reached, x + 24, w + 24);
  const t7 = errorsOf(reached, x + 28, w + 28);
  const fours = load<u32>(list);
  let least = f32x4.splat(Infinity);
  let best = i32x4.splat(0);
  let place = i32x4(0, 1, 2, 3);
  let at = list + 4;
  for (let four: u32 = 0; four < fours; four++) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    let error = v128.swizzle(t0, v128.or(spread0(a), bytesOfLane));
    error = f32x4.add(error, v128.swizzle(t1, v128.or(spread1(a), bytesOfLane)));
    error = f32x4.add(error, v128.swizzle(t2, v128.or(spread2(a), bytesOfLane)));
    error = f32x4.add(error, v128.swizzle(t3, v128.or(spread3(a), bytesOfLane)));
    error = f32x4.add(error, v128.swizzle(t4, v128.or(spread0(b), bytesOfLane)));
    error = f32x4.add(error, v128.swizzle(t5, v128.or(spread1(b), bytesOfLane)));
    error = f32x4.add(error, v128.swizzle(t6, v128.or(spread2(b), bytesOfLane)));
    error = f32x4.add(error, v128.swizzle(t7, v128.or(spread3(b), bytesOfLane)));
    best = v128.bitselect(place, best, f32x4.lt(error, least));
    least = f32x4.pmin(least, error);
    place = i32x4.add(place, i32x4.splat(4));
    at += 40;
  }
  return bestOf(least, best, list, 40);
}

/** What one of eight digits adds: the lower or the upper four; places beyond 15 give 0. */
function ofEightDigits(low: v128, high: v128, spread: v128): v128 {
  const bytes = v128.or(spread, bytesOfLane);
  return v128.or(v128.swizzle(low, bytes), v128.swizzle(high, v128.xor(bytes, i8x16.splat(16))));
}

/** Of a list of points of four values; `low` and `high`: scale times level of the digits 0 to 3 and 4 to 7. */
export function nearestOfFour(list: usize, low: v128, high: v128, x: usize, w: usize): i32 {
  const l0 = errorsOf(low, x, w);
  const l1 = errorsOf(low, x + 4, w + 4);
  const l2 = errorsOf(low, x + 8, w + 8);
  const l3 = errorsOf(low, x + 12, w + 12);
  const h0 = errorsOf(high, x, w);
  const h1 = errorsOf(high, x + 4, w + 4);
  const h2 = errorsOf(high, x + 8, w + 8);
  const h3 = errorsOf(high, x + 12, w + 12);
  const fours = load<u32>(list);
  let least = f32x4.splat(Infinity);
  let best = i32x4.splat(0);
  let place = i32x4(0, 1, 2, 3);
  let at = list + 4;
  for (let four: u32 = 0; four < fours; four++) {
    const a = v128.load(at);
    let error = ofEightDigits(l0, h0, spread0(a));
    error = f32x4.add(error, ofEightDigits(l1, h1, spread1(a)));
    error = f32x4.add(error, ofEightDigits(l2, h2, spread2(a)));
    error = f32x4.add(error, ofEightDigits(l3, h3, spread3(a)));
    best = v128.bitselect(place, best, f32x4.lt(error, least));
    least = f32x4.pmin(least, error);
    place = i32x4.add(place, i32x4.splat(4));
    at += 24;
  }
  return bestOf(least, best, list, 24);
}
