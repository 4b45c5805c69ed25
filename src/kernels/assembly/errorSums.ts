/**
 * Error sums in float64 over pairs that may come in pieces: each residue of a pair's index modulo 4 has an accumulator of its
 * own. They are joined at the end, and the last total % 4 pairs are added after that; so pieces change no bit.
 *
 * A state is nine vectors of two float64 (squared errors, errors, squares of x, squares of y, two vectors each, the largest error),
 * then up to three float32 of x and of y that are left to the end.
 */
const squaredErrorAt: usize = 0;
const absoluteAt: usize = 32;
const squaredXAt: usize = 64;
const squaredYAt: usize = 96;
const largestAt: usize = 128;
const restXAt: usize = 144;
const restYAt: usize = 160;
const stateBytes: usize = 176;

function addTo(at: usize, value: f64): void {
  store<f64>(at, load<f64>(at) + value);
}

/** Adds one pair to the accumulators of its residue, given in bytes. */
function addPair(state: usize, residue: usize, x: f64, y: f64): void {
  const error = x - y;
  const distance = abs<f64>(error);
  addTo(state + squaredErrorAt + residue, error * error);
  addTo(state + absoluteAt + residue, distance);
  addTo(state + squaredXAt + residue, x * x);
  addTo(state + squaredYAt + residue, y * y);
  const largest = state + largestAt + (residue & 8);
  store<f64>(largest, max<f64>(load<f64>(largest), distance));
}

/** Two float32 at an address as float64: as fast as loading them. */
function pair(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(at));
}

export function errorSumsBegin(state: usize): void {
  memory.fill(state, 0, stateBytes);
}

export function errorSumsAdd(state: usize, x: usize, y: usize, count: i32, at: i32, total: i32): void {
  const whole = total & ~3;
  const end = at + count;
  let i = at;
  for (; i < min<i32>(end, whole) && (i & 3) !== 0; i++) {
    addPair(state, (<usize>(i & 3)) << 3, <f64>load<f32>(x), <f64>load<f32>(y));
    x += 4;
    y += 4;
  }
  let squaredError0 = v128.load(state + squaredErrorAt);
  let squaredError1 = v128.load(state + squaredErrorAt, 16);
  let absolute0 = v128.load(state + absoluteAt);
  let absolute1 = v128.load(state + absoluteAt, 16);
  let squaredX0 = v128.load(state + squaredXAt);
  let squaredX1 = v128.load(state + squaredXAt, 16);
  let squaredY0 = v128.load(state + squaredYAt);
  let squaredY1 = v128.load(state + squaredYAt, 16);
  let largest = v128.load(state + largestAt);
  const stop = min<i32>(end, whole);
  for (; i + 4 <= stop; i += 4) {
    const x0 = pair(x);
    const y0 = pair(y);
    const error0 = f64x2.sub(x0, y0);
    const distance0 = f64x2.abs(error0);
    squaredError0 = f64x2.add(squaredError0, f64x2.mul(error0, error0));
    absolute0 = f64x2.add(absolute0, distance0);
    squaredX0 = f64x2.add(squaredX0, f64x2.mul(x0, x0));
    squaredY0 = f64x2.add(squaredY0, f64x2.mul(y0, y0));
    const x1 = pair(x + 8);
    const y1 = pair(y + 8);
    const error1 = f64x2.sub(x1, y1);
    const distance1 = f64x2.abs(error1);
    squaredError1 = f64x2.add(squaredError1, f64x2.mul(error1, error1));
    absolute1 = f64x2.add(absolute1, distance1);
    squaredX1 = f64x2.add(squaredX1, f64x2.mul(x1, x1));
    squaredY1 = f64x2.add(squaredY1, f64x2.mul(y1, y1));
    largest = f64x2.pmax(largest, f64x2.pmax(distance0, distance1));
    x += 16;
    y += 16;
  }
  v128.store(state + squaredErrorAt, squaredError0);
  v128.store(state + squaredErrorAt, squaredError1, 16);
  v128.store(state + absoluteAt, absolute0);
  v128.store(state + absoluteAt, absolute1, 16);
  v128.store(state + squaredXAt, squaredX0);
  v128.store(state + squaredXAt, squaredX1, 16);
  v128.store(state + squaredYAt, squaredY0);
  v128.store(state + squaredYAt, squaredY1, 16);
  v128.store(state + largestAt, largest);
  for (; i < end; i++) {
    if (i < whole) addPair(state, (<usize>(i & 3)) << 3, <f64>load<f32>(x), <f64>load<f32>(y));
    else {
      const rest = (<usize>(i - whole)) << 2;
      store<f32>(state + restXAt + rest, load<f32>(x));
      store<f32>(state + restYAt + rest, load<f32>(y));
    }
    x += 4;
    y += 4;
  }
}

/** The sum of four accumulators. */
function joined(at: usize): f64 {
  const sum = f64x2.add(v128.load(at), v128.load(at, 16));
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

export function errorSumsEnd(state: usize, total: i32, out: usize): void {
  let squaredError = joined(state + squaredErrorAt);
  let absolute = joined(state + absoluteAt);
  let squaredX = joined(state + squaredXAt);
  let squaredY = joined(state + squaredYAt);
  let farthest = max<f64>(load<f64>(state + largestAt), load<f64>(state + largestAt, 8));
  for (let i = 0; i < (total & 3); i++) {
    const at = (<usize>i) << 2;
    const x = <f64>load<f32>(state + restXAt + at);
    const y = <f64>load<f32>(state + restYAt + at);
    const error = x - y;
    squaredError += error * error;
    absolute += abs<f64>(error);
    squaredX += x * x;
    squaredY += y * y;
    farthest = max<f64>(farthest, abs<f64>(error));
  }
  store<f64>(out, squaredError);
  store<f64>(out, absolute, 8);
  store<f64>(out, squaredX, 16);
  // From e = x - y: sum e^2 = sum x^2 - 2 sum x y + sum y^2, which spares the loop a product.
  store<f64>(out, (squaredX + squaredY - squaredError) / 2, 24);
  store<f64>(out, squaredY, 32);
  store<f64>(out, farthest, 40);
}
