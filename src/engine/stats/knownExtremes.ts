/** Smallest and largest values of tensors that were analyzed, for work that needs them of the whole tensor. */
import type { OpenedCheckpoint } from '../checkpointCache';

export interface Extremes {
  readonly min: number;
  readonly max: number;
}

const kept = new WeakMap<OpenedCheckpoint, Map<number, Extremes>>();

/** Remembers what statistics say; `null` for a tensor without finite values. */
export function keepExtremes(
  opened: OpenedCheckpoint,
  tensor: number,
  stats: { readonly min: number | null; readonly max: number | null } | null,
): void {
  if (stats?.min === null || stats?.max === null || !stats) return;
  const known = kept.get(opened) ?? new Map<number, Extremes>();
  kept.set(opened, known);
  // Values are encoded as float32, whatever they are stored in.
  known.set(tensor, { min: Math.fround(stats.min), max: Math.fround(stats.max) });
}

/** Undefined: the tensor was not analyzed since its file was opened. */
export function knownExtremes(opened: OpenedCheckpoint, tensor: number): Extremes | undefined {
  return kept.get(opened)?.get(tensor);
}
