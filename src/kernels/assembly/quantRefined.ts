/** Half-quadratic refinement of zero points, and the codes that follow. Steps and their order are those of src/quant/halfQuadratic.ts. */
const magic: f32 = 12582912;
const ln2: f64 = Math.LN2;

const turns = 20;
const firstBeta: f32 = 10;
const growth: f32 = 1.01;
/** Errors below this always shrink to 0. */
const alwaysShrunk: f32 = 0.125;
/** The bits of sqrt(1/2). */
const rootOfHalf: i32 = 0x3f3504f3;

/** The upper two lanes as float64. */
function upperWide(lanes: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<u32>(lanes, lanes, 2, 3, 2, 3));
}

function roundedLanes(value: v128): v128 {
  const lift = f32x4.splat(magic);
  return f32x4.sub(f32x4.add(value, lift), lift);
}

/** Clamped before rounding, which is the same for whole bounds. */
function codesOf(x: v128, inverse: v128, zero: v128, high: v128): v128 {
  const raised = f32x4.add(f32x4.mul(x, inverse), zero);
  return roundedLanes(f32x4.pmin(f32x4.pmax(raised, f32x4.splat(0)), high));
}

/** sum * x + coefficient. */
function nextTerm(sum: v128, x: v128, coefficient: f64): v128 {
  return f32x4.add(f32x4.mul(sum, x), f32x4.splat(<f32>coefficient));
}

/** `shrinkPower` of four. */
function powers(x: v128): v128 {
  const exponent = i32x4.shr_s(i32x4.sub(x, i32x4.splat(rootOfHalf)), 23);
  const mantissa = i32x4.sub(x, i32x4.shl(exponent, 23));
  const one = f32x4.splat(1);
  const t = f32x4.div(f32x4.sub(mantissa, one), f32x4.add(mantissa, one));
  const square = f32x4.mul(t, t);
  let sum = f32x4.splat(<f32>(2.0 / 9.0 / ln2));
  sum = nextTerm(sum, square, 2.0 / 7.0 / ln2);
  sum = nextTerm(sum, square, 2.0 / 5.0 / ln2);
  sum = nextTerm(sum, square, 2.0 / 3.0 / ln2);
  sum = nextTerm(sum, square, 2.0 / ln2);
  const logarithm = f32x4.add(f32x4.mul(t, sum), f32x4.convert_i32x4_s(exponent));
  const power = f32x4.mul(logarithm, f32x4.splat(<f32>(0.7 - 1.0)));
  const whole = roundedLanes(power);
  const part = f32x4.sub(power, whole);
  const second = ln2 * (ln2 / 2);
  const third = second * (ln2 / 3);
  const fourth = third * (ln2 / 4);
  const fifth = fourth * (ln2 / 5);
  let value = f32x4.splat(<f32>(fifth * (ln2 / 6)));
  value = nextTerm(value, part, fifth);
  value = nextTerm(value, part, fourth);
  value = nextTerm(value, part, third);
  value = nextTerm(value, part, second);
  value = nextTerm(value, part, ln2);
  value = nextTerm(value, part, 1);
  const scale = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(whole), i32x4.splat(127)), 23);
  return f32x4.mul(value, scale);
}

/** The values less what is left of their errors when those have shrunk. */
function lessErrors(x: v128, rest: v128, size: v128, beta: v128): v128 {
  const isLarge = f32x4.ge(size, f32x4.splat(alwaysShrunk));
  if (!v128.any_true(isLarge)) return x;
  const left = f32x4.sub(size, f32x4.div(powers(size), beta));
  const shrunk = v128.and(f32x4.pmax(f32x4.splat(0), left), isLarge);
  return f32x4.sub(x, v128.or(shrunk, v128.and(rest, i32x4.splat(0x80000000))));
}

function fourSum(low: v128, high: v128): f64 {
  const first = f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1);
  return first + (f64x2.extract_lane(high, 0) + f64x2.extract_lane(high, 1));
}

/** The last values of a group, filled up with 0, and which of its lanes they are. */
const lastFour: usize = memory.data(32);

function refinedZero(src: usize, count: i32, scale: f32, inverse: f32, start: f32, high: f32): f32 {
  const whole = count & ~3;
  for (let i = 0; i < 4; i++) {
    const at = (<usize>i) << 2;
    const isValue = whole + i < count;
    store<f32>(lastFour + at, isValue ? load<f32>(src + ((<usize>(whole + i)) << 2)) : 0);
    store<i32>(lastFour + at, isValue ? -1 : 0, 16);
  }
  const inverses = f32x4.splat(inverse);
  const scales = f32x4.splat(scale);
  const highs = f32x4.splat(high);
  const all = i32x4.splat(-1);
  let zero = start;
  let best = start;
  let bestError = f64.POSITIVE_INFINITY;
  let beta = firstBeta;
  for (let turn = 0; turn < turns; turn++) {
    const zeros = f32x4.splat(zero);
    const betas = f32x4.splat(beta);
    let sums0 = f64x2.splat(0);
    let sums1 = f64x2.splat(0);
    let errors0 = f64x2.splat(0);
    let errors1 = f64x2.splat(0);
    for (let i = 0; i < count; i += 4) {
      const x = v128.load(i < whole ? src + ((<usize>i) << 2) : lastFour);
      const mask = i < whole ? all : v128.load(lastFour, 16);
      const q = codesOf(x, inverses, zeros, highs);
      const rest = f32x4.sub(x, f32x4.mul(f32x4.sub(q, zeros), scales));
      const size = f32x4.abs(rest);
      const kept = lessErrors(x, rest, size, betas);
      const place = v128.and(f32x4.sub(q, f32x4.mul(kept, inverses)), mask);
      const error = v128.and(size, mask);
      sums0 = f64x2.add(sums0, f64x2.promote_low_f32x4(place));
      sums1 = f64x2.add(sums1, upperWide(place));
      errors0 = f64x2.add(errors0, f64x2.promote_low_f32x4(error));
      errors1 = f64x2.add(errors1, upperWide(error));
    }
    const error = fourSum(errors0, errors1);
    if (!(error < bestError)) break;
    bestError = error;
    best = zero;
    zero = <f32>(fourSum(sums0, sums1) / <f64>count);
    beta *= growth;
  }
  return best;
}

export function refineZeros(
  src: usize,
  rows: i32,
  columns: i32,
  width: i32,
  high: i32,
  scales: usize,
  inverses: usize,
  zeros: usize,
): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += width) {
      const count = min<i32>(width, columns - column);
      const zero = refinedZero(
        src,
        count,
        load<f32>(scales),
        load<f32>(inverses),
        load<f32>(zeros),
        <f32>high,
      );
      store<f32>(zeros, zero);
      src += (<usize>count) << 2;
      scales += 4;
      inverses += 4;
      zeros += 4;
    }
  }
}

export function encodeRefined(
  src: usize,
  codes: usize,
  dst: usize,
  rows: i32,
  columns: i32,
  width: i32,
  scales: usize,
  inverses: usize,
  zeros: usize,
  highest: i32,
): void {
  const high = f32x4.splat(<f32>highest);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; ) {
      const stop = min<i32>(column + width, columns);
      const scale = v128.load32_splat(scales);
      const inverse = v128.load32_splat(inverses);
      const zero = v128.load32_splat(zeros);
      for (; column + 4 <= stop; column += 4) {
        const u = codesOf(v128.load(src), inverse, zero, high);
        v128.store(dst, f32x4.mul(f32x4.sub(u, zero), scale));
        const halves = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(u), i32x4.splat(0));
        v128.store32_lane(codes, i8x16.narrow_i16x8_u(halves, halves), 0);
        src += 16;
        dst += 16;
        codes += 4;
      }
      for (; column < stop; column++) {
        const u = codesOf(v128.load32_splat(src), inverse, zero, high);
        v128.store32_lane(dst, f32x4.mul(f32x4.sub(u, zero), scale), 0);
        store<u8>(codes, <u8>i32x4.extract_lane(i32x4.trunc_sat_f32x4_s(u), 0));
        src += 4;
        dst += 4;
        codes += 1;
      }
      scales += 4;
      inverses += 4;
      zeros += 4;
    }
  }
}
