/** Shifted power sums, extremes and counts, in float64. */

const exponentBits: u32 = 0x7f800000;
/** Values looked at together: if all are finite the fast path takes them. */
const blockElements: i32 = 1024;

/** What has been summed up so far. One thread, one call at a time: plain globals serve. */
let sum1: f64 = 0;
let sum2: f64 = 0;
let sum3: f64 = 0;
let sum4: f64 = 0;
let smallest: f64 = 0;
let largest: f64 = 0;
let zeros: f64 = 0;
let nan: f64 = 0;
let inf: f64 = 0;
let posInf: f64 = 0;
let denormals: f64 = 0;
const smallestNormal64: f64 = 2.2250738585072014e-308;

function begin(): void {
  sum1 = 0;
  sum2 = 0;
  sum3 = 0;
  sum4 = 0;
  smallest = Infinity;
  largest = -Infinity;
  zeros = 0;
  nan = 0;
  inf = 0;
  posInf = 0;
  denormals = 0;
}

function finish(out: usize): void {
  store<f64>(out, sum1);
  store<f64>(out, sum2, 8);
  store<f64>(out, sum3, 16);
  store<f64>(out, sum4, 24);
  // Adding 0 turns -0 into 0 and changes nothing else.
  store<f64>(out, smallest + 0, 32);
  store<f64>(out, largest + 0, 40);
  store<f64>(out, zeros, 48);
  store<f64>(out, nan, 56);
  store<f64>(out, inf, 64);
  store<f64>(out, posInf, 72);
  store<f64>(out, denormals, 80);
}

function addOne(value: f64, shift: f64): void {
  // biome-ignore lint/suspicious/noGlobalIsNan: this is AssemblyScript's, generic over its float types.
  if (isNaN<f64>(value)) {
    nan += 1;
  } else if (abs<f64>(value) === Infinity) {
    inf += 1;
    if (value > 0) posInf += 1;
  } else {
    const d = value - shift;
    const squared = d * d;
    sum1 += d;
    sum2 += squared;
    sum3 += squared * d;
    sum4 += squared * squared;
    if (value === 0) zeros += 1;
    else if (abs<f64>(value) < smallestNormal64) denormals += 1;
    smallest = min<f64>(smallest, value);
    largest = max<f64>(largest, value);
  }
}

/** Extremes and zeros of a block of a multiple of 4 values; false, and nothing counted, when one is not finite. */
function scanBlock(src: usize, n: i32): bool {
  const magnitudeMask = i32x4.splat(0x7fffffff);
  const zero = f32x4.splat(0);
  let top = i32x4.splat(0);
  let low = f32x4.splat(f32.MAX_VALUE);
  let high = f32x4.splat(-f32.MAX_VALUE);
  let zeroLanes = i32x4.splat(0);
  for (let i = 0; i < n; i += 4) {
    const x = v128.load(src);
    top = i32x4.max_s(top, v128.and(x, magnitudeMask));
    low = f32x4.pmin(low, x);
    high = f32x4.pmax(high, x);
    zeroLanes = i32x4.sub(zeroLanes, f32x4.eq(x, zero));
    src += 16;
  }
  if (v128.any_true(i32x4.ge_s(top, i32x4.splat(exponentBits)))) return false;
  smallest = min<f64>(
    smallest,
    min<f32>(
      min<f32>(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1)),
      min<f32>(f32x4.extract_lane(low, 2), f32x4.extract_lane(low, 3)),
    ),
  );
  largest = max<f64>(
    largest,
    max<f32>(
      max<f32>(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1)),
      max<f32>(f32x4.extract_lane(high, 2), f32x4.extract_lane(high, 3)),
    ),
  );
  zeros +=
    i32x4.extract_lane(zeroLanes, 0) +
    i32x4.extract_lane(zeroLanes, 1) +
    i32x4.extract_lane(zeroLanes, 2) +
    i32x4.extract_lane(zeroLanes, 3);
  return true;
}

function lanesTotal(first: v128, second: v128): f64 {
  const sum = f64x2.add(first, second);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

function addBlock(src: usize, n: i32, shift: f64): void {
  const shifts = f64x2.splat(shift);
  const zero = f64x2.splat(0);
  let first1 = zero;
  let first2 = zero;
  let first3 = zero;
  let first4 = zero;
  let second1 = zero;
  let second2 = zero;
  let second3 = zero;
  let second4 = zero;
  for (let i = 0; i < n; i += 4) {
    const x = v128.load(src);
    const d0 = f64x2.sub(f64x2.promote_low_f32x4(x), shifts);
    const d1 = f64x2.sub(f64x2.promote_low_f32x4(v128.shuffle<f32>(x, x, 2, 3, 2, 3)), shifts);
    const squared0 = f64x2.mul(d0, d0);
    const squared1 = f64x2.mul(d1, d1);
    first1 = f64x2.add(first1, d0);
    second1 = f64x2.add(second1, d1);
    first2 = f64x2.add(first2, squared0);
    second2 = f64x2.add(second2, squared1);
    first3 = f64x2.add(first3, f64x2.mul(squared0, d0));
    second3 = f64x2.add(second3, f64x2.mul(squared1, d1));
    first4 = f64x2.add(first4, f64x2.mul(squared0, squared0));
    second4 = f64x2.add(second4, f64x2.mul(squared1, squared1));
    src += 16;
  }
  sum1 += lanesTotal(first1, second1);
  sum2 += lanesTotal(first2, second2);
  sum3 += lanesTotal(first3, second3);
  sum4 += lanesTotal(first4, second4);
}

export function moments(src: usize, n: i32, shift: f64, out: usize): void {
  begin();
  while (n > 0) {
    const block = min<i32>(n, blockElements);
    const lanes = block & ~3;
    let from = 0;
    if (scanBlock(src, lanes)) {
      addBlock(src, lanes, shift);
      from = lanes;
    }
    for (let i = from; i < block; i++) addOne(<f64>load<f32>(src + ((<usize>i) << 2)), shift);
    src += (<usize>block) << 2;
    n -= block;
  }
  finish(out);
}

export function moments64(src: usize, n: i32, shift: f64, out: usize): void {
  begin();
  let total1: f64 = 0;
  let total2: f64 = 0;
  let total3: f64 = 0;
  let total4: f64 = 0;
  while (n > 0) {
    // Sums of few terms, so that rounding errors stay small.
    const run = min<i32>(n, 256);
    for (let i = 0; i < run; i++) {
      addOne(load<f64>(src), shift);
      src += 8;
    }
    total1 += sum1;
    total2 += sum2;
    total3 += sum3;
    total4 += sum4;
    sum1 = 0;
    sum2 = 0;
    sum3 = 0;
    sum4 = 0;
    n -= run;
  }
  sum1 = total1;
  sum2 = total2;
  sum3 = total3;
  sum4 = total4;
  finish(out);
}

export function countBeyond(src: usize, n: i32, mean: f64, sigma3: f64, sigma6: f64, out: usize): void {
  const means = f64x2.splat(mean);
  const limit3 = f64x2.splat(sigma3);
  const limit6 = f64x2.splat(sigma6);
  const infinity = f64x2.splat(Infinity);
  let beyond3 = i64x2.splat(0);
  let beyond6 = i64x2.splat(0);
  let i = 0;
  for (; i + 2 <= n; i += 2) {
    // Finite values stay finite here, and a NaN compares false.
    const distance = f64x2.abs(f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(src)), means));
    const finite = f64x2.lt(distance, infinity);
    beyond3 = i64x2.sub(beyond3, v128.and(finite, f64x2.gt(distance, limit3)));
    beyond6 = i64x2.sub(beyond6, v128.and(finite, f64x2.gt(distance, limit6)));
    src += 8;
  }
  let count3 = <u32>(i64x2.extract_lane(beyond3, 0) + i64x2.extract_lane(beyond3, 1));
  let count6 = <u32>(i64x2.extract_lane(beyond6, 0) + i64x2.extract_lane(beyond6, 1));
  if (i < n) {
    const distance = abs<f64>(<f64>load<f32>(src) - mean);
    if (distance < Infinity && distance > sigma3) count3++;
    if (distance < Infinity && distance > sigma6) count6++;
  }
  store<u32>(out, count3);
  store<u32>(out, count6, 4);
}

export function countBeyond64(src: usize, n: i32, mean: f64, sigma3: f64, sigma6: f64, out: usize): void {
  let count3: u32 = 0;
  let count6: u32 = 0;
  for (let i = 0; i < n; i++) {
    const value = load<f64>(src);
    if (abs<f64>(value) < Infinity) {
      const distance = abs<f64>(value - mean);
      if (distance > sigma3) count3++;
      if (distance > sigma6) count6++;
    }
    src += 8;
  }
  store<u32>(out, count3);
  store<u32>(out, count6, 4);
}
