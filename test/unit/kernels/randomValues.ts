/** Repeatable pseudo-random numbers (mulberry32) for tests. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function randomBytes(length: number, seed: number): Uint8Array {
  const next = randomSource(seed);
  return Uint8Array.from({ length }, () => Math.floor(next() * 256));
}

/** Roughly normal values around `mean`. */
export function randomNormal(length: number, seed: number, mean = 0, std = 1): Float32Array {
  const next = randomSource(seed);
  return Float32Array.from({ length }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    return mean + std * radius * Math.cos(2 * Math.PI * next());
  });
}

/** Normal values with zeros of both signs, denormals, ties, and large values strewn in. */
export function awkwardValues(length: number, seed: number): Float32Array {
  const next = randomSource(seed ^ 0x5bd1e995);
  const special = [0, -0, 1e-42, -1e-45, 0.5, -0.5, 1.5, 2.5, -3.5, 3e38, -3e38, 1e-38, 126.5, 127.5];
  return randomNormal(length, seed).map((value) =>
    next() < 0.2 ? special[Math.floor(next() * special.length)]! : value,
  );
}
