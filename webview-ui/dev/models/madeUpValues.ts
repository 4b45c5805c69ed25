/** Weights that are the same numbers every time. */

/** A small generator of the same numbers every time (Lehmer, modulus 2^31 - 1). */
function generator(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Near-normal values; where `outlierColumns` says, 40 times as large. */
export function madeUpValues(
  seed: number,
  rows: number,
  columns: number,
  outlierColumns: readonly number[],
): Float32Array {
  const next = generator(seed);
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const value = (next() + next() + next() + next() - 2) * 0.05;
    return outlierColumns.includes(i % columns) ? value * 40 : value;
  });
}
