/** The few values that need a second look: the largest ones, and those near or beyond a distance from the mean. */

/** Magnitudes of four values; -1 for what is not finite. */
function magnitudes(src: usize): v128 {
  const all = f32x4.abs(v128.load(src));
  return v128.bitselect(all, f32x4.splat(-1), f32x4.lt(all, f32x4.splat(Infinity)));
}

function lanesMin(x: v128): f32 {
  return min<f32>(
    min<f32>(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    min<f32>(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

/**
 * Sixteen values are at least as large as the least of the maxima of sixteen lanes, so smaller ones are not among the
 * sixteen largest. -1 for fewer than 16 values.
 */
function sixteenthAtLeast(src: usize, n: i32): f32 {
  let a = f32x4.splat(-1);
  let b = a;
  let c = a;
  let d = a;
  for (let i = 0; i + 16 <= n; i += 16) {
    a = f32x4.pmax(a, magnitudes(src));
    b = f32x4.pmax(b, magnitudes(src + 16));
    c = f32x4.pmax(c, magnitudes(src + 32));
    d = f32x4.pmax(d, magnitudes(src + 48));
    src += 64;
  }
  return lanesMin(f32x4.pmin(f32x4.pmin(a, b), f32x4.pmin(c, d)));
}

/** Lists the values of a finite magnitude above `threshold` and of at least `least`; stops when more than `most` are found. */
function listAbove(src: usize, n: i32, threshold: f32, least: f32, out: usize, most: i32): i32 {
  const above = f32x4.splat(threshold);
  let found = 0;
  let i = 0;
  while (i < n) {
    if (i + 16 <= n) {
      // A NaN compares false.
      const far = v128.or(
        v128.or(f32x4.gt(f32x4.abs(v128.load(src)), above), f32x4.gt(f32x4.abs(v128.load(src, 16)), above)),
        v128.or(
          f32x4.gt(f32x4.abs(v128.load(src, 32)), above),
          f32x4.gt(f32x4.abs(v128.load(src, 48)), above),
        ),
      );
      if (!v128.any_true(far)) {
        i += 16;
        src += 64;
        continue;
      }
    }
    const end = min<i32>(n, i + 16);
    for (; i < end; i++) {
      const magnitude = abs<f32>(load<f32>(src));
      if (magnitude < Infinity && magnitude > threshold && magnitude >= least) {
        store<u32>(out + ((<usize>found) << 2), i);
        found++;
      }
      src += 4;
    }
    if (found > most) break;
  }
  return found;
}

export function topCandidates(src: usize, n: i32, threshold: f32, out: usize): i32 {
  // Usually a few values are above the threshold. Of many, most are not among the sixteen largest.
  const few = threshold < 0 ? 65 : listAbove(src, n, threshold, 0, out, 64);
  return few <= 64 ? few : listAbove(src, n, threshold, sixteenthAtLeast(src, n), out, n);
}

export function countZeros(src: usize, n: i32): i32 {
  const zero = f32x4.splat(0);
  let lanes = i32x4.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    lanes = i32x4.sub(lanes, f32x4.eq(v128.load(src), zero));
    src += 16;
  }
  let count =
    i32x4.extract_lane(lanes, 0) +
    i32x4.extract_lane(lanes, 1) +
    i32x4.extract_lane(lanes, 2) +
    i32x4.extract_lane(lanes, 3);
  for (; i < n; i++) {
    if (load<f32>(src) === 0) count++;
    src += 4;
  }
  return count;
}

/** Byte offsets of the state: see `Bands` and `BandCounts` in ../valueFolds.ts; the list of kept values comes last. */
const centerAt: usize = 0;
const low3At: usize = 8;
const high3At: usize = 16;
const low6At: usize = 24;
const high6At: usize = 32;
const beyond3At: usize = 40;
const beyond6At: usize = 48;
const keptAt: usize = 56;
const capacityAt: usize = 60;
const listAt: usize = 64;

function addToBands(value: f64, state: usize): void {
  const distance = abs<f64>(value - load<f64>(state, centerAt));
  // False for NaN too.
  if (!(distance >= load<f64>(state, low3At)) || distance === Infinity) return;
  if (distance > load<f64>(state, high3At)) store<f64>(state, load<f64>(state, beyond3At) + 1, beyond3At);
  else keep(value, state);
  if (distance < load<f64>(state, low6At)) return;
  if (distance > load<f64>(state, high6At)) store<f64>(state, load<f64>(state, beyond6At) + 1, beyond6At);
  else keep(value, state);
}

/** Keeps a value while there is room, and counts it in any case. */
function keep(value: f64, state: usize): void {
  const kept = load<u32>(state, keptAt);
  if (kept < load<u32>(state, capacityAt)) store<f64>(state + ((<usize>kept) << 3), value, listAt);
  store<u32>(state, kept + 1, keptAt);
}

export function tailBands(src: usize, n: i32, center: f32, nearest: f32, state: usize): void {
  const centers = f32x4.splat(center);
  const least = f32x4.splat(nearest);
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    const a = f32x4.abs(f32x4.sub(v128.load(src), centers));
    const b = f32x4.abs(f32x4.sub(v128.load(src, 16), centers));
    const c = f32x4.abs(f32x4.sub(v128.load(src, 32), centers));
    const d = f32x4.abs(f32x4.sub(v128.load(src, 48), centers));
    const far = v128.or(
      v128.or(f32x4.ge(a, least), f32x4.ge(b, least)),
      v128.or(f32x4.ge(c, least), f32x4.ge(d, least)),
    );
    if (v128.any_true(far)) {
      for (let k: usize = 0; k < 64; k += 16) addFour(src + k, centers, least, state);
    }
    src += 64;
  }
  for (; i < n; i++) {
    addToBands(<f64>load<f32>(src), state);
    src += 4;
  }
}

/** Sorts those of four values into bands that are at least `nearest` from the center in float32. */
function addFour(src: usize, centers: v128, least: v128, state: usize): void {
  let far = i32x4.bitmask(f32x4.ge(f32x4.abs(f32x4.sub(v128.load(src), centers)), least));
  while (far !== 0) {
    addToBands(<f64>load<f32>(src + ((<usize>ctz<i32>(far)) << 2)), state);
    far &= far - 1;
  }
}

/** As `tailBands` for the groups that `foldFinite` listed. */
export function tailGroups(
  list: usize,
  groups: i32,
  stride: usize,
  center: f32,
  nearest: f32,
  state: usize,
): void {
  const centers = f32x4.splat(center);
  const least = f32x4.splat(nearest);
  for (let i = 0; i < groups; i++) {
    const group = load<u32>(list);
    const src = <usize>(group & ~1);
    addFour(src, centers, least, state);
    if ((group & 1) === 0) addFour(src + stride, centers, least, state);
    list += 4;
  }
}

/** Smallest and largest of the values of listed groups, as `extremes32` gives them. */
export function groupExtremes(list: usize, groups: i32, stride: usize, out: usize): void {
  let low = f32x4.splat(Infinity);
  let high = f32x4.splat(-Infinity);
  for (let i = 0; i < groups; i++) {
    const group = load<u32>(list);
    const a = v128.load(<usize>(group & ~1));
    const b = (group & 1) === 0 ? v128.load(<usize>group + stride) : a;
    low = f32x4.pmin(low, f32x4.pmin(a, b));
    high = f32x4.pmax(high, f32x4.pmax(a, b));
    list += 4;
  }
  // Adding 0 turns -0 into 0 and changes nothing else.
  store<f64>(out, <f64>lanesMin(low) + 0);
  store<f64>(out, -(<f64>lanesMin(f32x4.neg(high))) + 0, 8);
}

/** Lists the addresses of the values of listed groups whose magnitude is above `threshold`, at most `most`; returns how many there are. */
export function groupCandidates(
  list: usize,
  groups: i32,
  stride: usize,
  threshold: f32,
  out: usize,
  most: i32,
): i32 {
  const above = f32x4.splat(threshold);
  let found = 0;
  for (let i = 0; i < groups; i++) {
    const group = load<u32>(list);
    let src = <usize>(group & ~1);
    for (let row = <i32>(group & 1); row < 2; row++) {
      let far = i32x4.bitmask(f32x4.gt(f32x4.abs(v128.load(src)), above));
      while (far !== 0) {
        if (found < most) store<u32>(out + ((<usize>found) << 2), <u32>src + ((<u32>ctz<i32>(far)) << 2));
        found++;
        far &= far - 1;
      }
      src += stride;
    }
    list += 4;
  }
  return found;
}

export function tailBands64(src: usize, n: i32, state: usize): void {
  for (let i = 0; i < n; i++) {
    addToBands(load<f64>(src), state);
    src += 8;
  }
}
