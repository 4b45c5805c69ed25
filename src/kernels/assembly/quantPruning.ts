/**
 * Weights set to 0 by magnitude, by rank within groups, and by column; and the passes that tell which. Runs begin at any `column`
 * of rows of `columns` values.
 */

/** Keeps what is larger in magnitude than a threshold. */
export function pruneBelow(src: usize, count: i32, threshold: f32, dst: usize): void {
  const limit = f32x4.splat(threshold);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const x = v128.load(src);
    v128.store(dst, v128.and(x, f32x4.gt(f32x4.abs(x), limit)));
    src += 16;
    dst += 16;
  }
  for (; i < count; i++) {
    const x = load<f32>(src);
    store<f32>(dst, abs<f32>(x) > threshold ? x : 0);
    src += 4;
    dst += 4;
  }
}

/** Keeps the bits that a mask of one word a column has. */
export function pruneColumns(
  src: usize,
  column: i32,
  count: i32,
  columns: i32,
  masks: usize,
  dst: usize,
): void {
  for (let i = 0; i < count; ) {
    const stop = min<i32>(count, i + columns - column);
    let mask = masks + ((<usize>column) << 2);
    for (; i + 4 <= stop; i += 4) {
      v128.store(dst, v128.and(v128.load(src), v128.load(mask)));
      src += 16;
      dst += 16;
      mask += 16;
    }
    for (; i < stop; i++) {
      store<u32>(dst, load<u32>(src) & load<u32>(mask));
      src += 4;
      dst += 4;
      mask += 4;
    }
    column = 0;
  }
}

/** 1 in lanes where a magnitude is at least the other one. */
function precedes(a: v128, b: v128): v128 {
  return i32x4.neg(f32x4.ge(f32x4.abs(a), f32x4.abs(b)));
}

/** Four groups of four values: lanes of `a` hold the groups' first values, and so on; those of ranks below `keep` stay. */
function pruneFours(src: usize, keep: v128, dst: usize): void {
  const r0 = v128.load(src);
  const r1 = v128.load(src, 16);
  const r2 = v128.load(src, 32);
  const r3 = v128.load(src, 48);
  const t0 = v128.shuffle<u32>(r0, r1, 0, 4, 1, 5);
  const t1 = v128.shuffle<u32>(r0, r1, 2, 6, 3, 7);
  const t2 = v128.shuffle<u32>(r2, r3, 0, 4, 1, 5);
  const t3 = v128.shuffle<u32>(r2, r3, 2, 6, 3, 7);
  const a = v128.shuffle<u32>(t0, t2, 0, 1, 4, 5);
  const b = v128.shuffle<u32>(t0, t2, 2, 3, 6, 7);
  const c = v128.shuffle<u32>(t1, t3, 0, 1, 4, 5);
  const d = v128.shuffle<u32>(t1, t3, 2, 3, 6, 7);
  const ab = precedes(a, b);
  const ac = precedes(a, c);
  const ad = precedes(a, d);
  const bc = precedes(b, c);
  const bd = precedes(b, d);
  const cd = precedes(c, d);
  // A rank is how many of the others come before: those before in the group win ties.
  const one = i32x4.splat(1);
  const rankA = i32x4.sub(i32x4.splat(3), i32x4.add(ab, i32x4.add(ac, ad)));
  const rankB = i32x4.add(ab, i32x4.sub(i32x4.splat(2), i32x4.add(bc, bd)));
  const rankC = i32x4.add(i32x4.add(ac, bc), i32x4.sub(one, cd));
  const rankD = i32x4.add(i32x4.add(ad, bd), cd);
  const keptA = v128.and(a, i32x4.lt_s(rankA, keep));
  const keptB = v128.and(b, i32x4.lt_s(rankB, keep));
  const keptC = v128.and(c, i32x4.lt_s(rankC, keep));
  const keptD = v128.and(d, i32x4.lt_s(rankD, keep));
  const s0 = v128.shuffle<u32>(keptA, keptB, 0, 4, 1, 5);
  const s1 = v128.shuffle<u32>(keptA, keptB, 2, 6, 3, 7);
  const s2 = v128.shuffle<u32>(keptC, keptD, 0, 4, 1, 5);
  const s3 = v128.shuffle<u32>(keptC, keptD, 2, 6, 3, 7);
  v128.store(dst, v128.shuffle<u32>(s0, s2, 0, 1, 4, 5));
  v128.store(dst, v128.shuffle<u32>(s0, s2, 2, 3, 6, 7), 16);
  v128.store(dst, v128.shuffle<u32>(s1, s3, 0, 1, 4, 5), 32);
  v128.store(dst, v128.shuffle<u32>(s1, s3, 2, 3, 6, 7), 48);
}

/** Keeps the `keep` largest magnitudes of `every` values of a row, of equal ones the first. Groups begin where the run does. */
export function pruneRanks(
  src: usize,
  column: i32,
  count: i32,
  columns: i32,
  keep: i32,
  every: i32,
  dst: usize,
): void {
  let i = 0;
  if (every === 4 && columns % 4 === 0) {
    const limit = i32x4.splat(keep);
    for (; i + 16 <= count; i += 16) {
      pruneFours(src, limit, dst);
      src += 64;
      dst += 64;
    }
    column = (column + i) % columns;
  }
  while (i < count) {
    const size = min<i32>(min<i32>(every, columns - column), count - i);
    for (let own = 0; own < size; own++) {
      const at = (<usize>own) << 2;
      const value = load<f32>(src + at);
      const magnitude = abs<f32>(value);
      let before = 0;
      for (let other = 0; other < size; other++) {
        const rival = abs<f32>(load<f32>(src + ((<usize>other) << 2)));
        if (rival > magnitude || (rival === magnitude && other < own)) before++;
      }
      store<f32>(dst + at, before < keep ? value : 0);
    }
    src += (<usize>size) << 2;
    dst += (<usize>size) << 2;
    i += size;
    column += size;
    if (column === columns) column = 0;
  }
}

/** Counts values by the lower half of their patterns, of those whose upper half without the sign is `upper`. */
export function countLowerHalves(src: usize, count: i32, upper: i32, counts: usize): void {
  const wanted = i32x4.splat(upper);
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const a = v128.and(i32x4.shr_u(v128.load(src), 16), i32x4.splat(0x7fff));
    const b = v128.and(i32x4.shr_u(v128.load(src, 16), 16), i32x4.splat(0x7fff));
    if (v128.any_true(v128.or(i32x4.eq(a, wanted), i32x4.eq(b, wanted)))) countEach(src, 8, upper, counts);
    src += 32;
  }
  countEach(src, count - i, upper, counts);
}

function countEach(src: usize, count: i32, upper: i32, counts: usize): void {
  for (let i = 0; i < count; i++) {
    const bits = load<u32>(src + ((<usize>i) << 2));
    if (((bits >> 16) & 0x7fff) !== <u32>upper) continue;
    const at = counts + ((<usize>(bits & 0xffff)) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
}

/** A sum of squares in float64, added in order to what it starts from. */
export function squareSum(src: usize, count: i32, start: f64): f64 {
  let sum = start;
  for (let i = 0; i < count; i++) {
    const x = <f64>load<f32>(src + ((<usize>i) << 2));
    sum += x * x;
  }
  return sum;
}

/** The same for each column, to float64. */
export function addColumnSquares(src: usize, column: i32, count: i32, columns: i32, sums: usize): void {
  for (let i = 0; i < count; ) {
    const stop = min<i32>(count, i + columns - column);
    let sum = sums + ((<usize>column) << 3);
    for (; i + 2 <= stop; i += 2) {
      const x = f64x2.promote_low_f32x4(v128.load64_zero(src));
      v128.store(sum, f64x2.add(v128.load(sum), f64x2.mul(x, x)));
      src += 8;
      sum += 16;
    }
    for (; i < stop; i++) {
      const x = <f64>load<f32>(src);
      store<f64>(sum, load<f64>(sum) + x * x);
      src += 4;
      sum += 8;
    }
    column = 0;
  }
}

/** Extends the ranges of columns, float32. */
export function columnRanges(
  src: usize,
  column: i32,
  count: i32,
  columns: i32,
  lows: usize,
  highs: usize,
): void {
  for (let i = 0; i < count; ) {
    const stop = min<i32>(count, i + columns - column);
    let at = (<usize>column) << 2;
    for (; i + 4 <= stop; i += 4) {
      const x = v128.load(src);
      v128.store(lows + at, f32x4.pmin(v128.load(lows + at), x));
      v128.store(highs + at, f32x4.pmax(v128.load(highs + at), x));
      src += 16;
      at += 16;
    }
    for (; i < stop; i++) {
      const x = load<f32>(src);
      if (x < load<f32>(lows + at)) store<f32>(lows + at, x);
      if (x > load<f32>(highs + at)) store<f32>(highs + at, x);
      src += 4;
      at += 4;
    }
    column = 0;
  }
}
