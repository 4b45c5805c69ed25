/** Smallest and largest of a run of values, so that other kernels know what they need not look out for. */

function upper(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 2, 3, 2, 3);
}

/** Largest float32 pattern without its sign: that of infinity or of a NaN when one of them is. 0 for none. */
export function largestMagnitude32(src: usize, n: i32): u32 {
  const mask = i32x4.splat(0x7fffffff);
  let first = i32x4.splat(0);
  let second = i32x4.splat(0);
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    first = i32x4.max_s(first, v128.and(v128.load(src), mask));
    second = i32x4.max_s(second, v128.and(v128.load(src, 16), mask));
    src += 32;
  }
  first = i32x4.max_s(first, second);
  first = i32x4.max_s(first, upper(first));
  let top = max<i32>(i32x4.extract_lane(first, 0), i32x4.extract_lane(first, 1));
  for (; i < n; i++) {
    top = max<i32>(top, load<i32>(src) & 0x7fffffff);
    src += 4;
  }
  return <u32>top;
}

/** Smallest and largest of finite float32 values, as two float64, never -0. Infinity and -Infinity for none. */
export function extremes32(src: usize, n: i32, out: usize): void {
  let low = f32x4.splat(Infinity);
  let high = f32x4.splat(-Infinity);
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    const a = v128.load(src);
    const b = v128.load(src, 16);
    const c = v128.load(src, 32);
    const d = v128.load(src, 48);
    low = f32x4.pmin(low, f32x4.pmin(f32x4.pmin(a, b), f32x4.pmin(c, d)));
    high = f32x4.pmax(high, f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d)));
    src += 64;
  }
  low = f32x4.pmin(low, upper(low));
  high = f32x4.pmax(high, upper(high));
  let smallest = min<f32>(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1));
  let largest = max<f32>(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1));
  for (; i < n; i++) {
    smallest = min<f32>(smallest, load<f32>(src));
    largest = max<f32>(largest, load<f32>(src));
    src += 4;
  }
  // Adding 0 turns -0 into 0 and changes nothing else.
  store<f64>(out, <f64>smallest + 0);
  store<f64>(out, <f64>largest + 0, 8);
}

function lanesMax16(x: v128): u32 {
  const four = i16x8.max_u(x, upper(x));
  const two = i16x8.max_u(four, v128.shuffle<i32>(four, four, 1, 0, 1, 0));
  return max<u32>(i16x8.extract_lane_u(two, 0), i16x8.extract_lane_u(two, 1));
}

/**
 * Of 16-bit patterns without their sign: the largest, 0 for none, and behind it the smallest that is not zero, 0x10000 when
 * all are.
 */
export function magnitudeRange16(src: usize, n: i32, out: usize): void {
  const mask = i16x8.splat(0x7fff);
  const one = i16x8.splat(1);
  let high = i16x8.splat(0);
  // Less one, a zero is the largest of all.
  let low = i16x8.splat(-1);
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    const x = v128.and(v128.load(src), mask);
    const y = v128.and(v128.load(src, 16), mask);
    high = i16x8.max_u(high, i16x8.max_u(x, y));
    low = i16x8.min_u(low, i16x8.min_u(i16x8.sub(x, one), i16x8.sub(y, one)));
    src += 32;
  }
  let largest = lanesMax16(high);
  let smallest = 0x10000 - lanesMax16(v128.not(low));
  for (; i < n; i++) {
    const x = <u32>load<u16>(src) & 0x7fff;
    largest = max<u32>(largest, x);
    if (x > 0) smallest = min<u32>(smallest, x);
    src += 2;
  }
  store<u32>(out, largest);
  store<u32>(out, smallest, 4);
}
