import type { BandCounts, Bands } from '../valueFolds';

/** The finite values of largest magnitude with their places, largest first; of equal ones those of lowest index. */
export function largestReference(
  values: Float32Array | Float64Array,
  limit: number,
): { readonly index: number; readonly value: number }[] {
  return Array.from(values, (value, index) => ({ index, value }))
    .filter(({ value }) => Number.isFinite(value))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.index - b.index)
    .slice(0, limit);
}

/** Counts beyond two rings around a center, and the values in the rings, inner and outer mixed in the values' order. */
export function tailBandsReference(values: Float32Array | Float64Array, bands: Bands): BandCounts {
  const finite = values.filter((value) => Number.isFinite(value));
  const distances = Array.from(finite, (value) => Math.abs(value - bands.center));
  const isKept = (distance: number) =>
    (distance >= bands.low3 && distance <= bands.high3) ||
    (distance >= bands.low6 && distance <= bands.high6);
  return {
    beyond3: distances.filter((distance) => distance > bands.high3).length,
    beyond6: distances.filter((distance) => distance > bands.high6).length,
    kept: Float64Array.from(finite.filter((_, i) => isKept(distances[i]!))),
  };
}
