/** Which values the colours of the three pictures span. */
import type { ErrorTile } from '../../../src/protocol/engineApi';

export type RangeMode = 'whole' | 'clipped' | 'view';

export interface ColourRange {
  /** Original and dequantized: -signed .. signed. Above 0. */
  readonly signed: number;
  /** Error: 0 .. error. Above 0. */
  readonly error: number;
  /** Values beyond the ends exist, and take the end's colour. */
  readonly signedClipped: boolean;
  readonly errorClipped: boolean;
}

/**
 * Cells that the clipped range still tells apart. A few outlier rows of a folded picture are more than a
 * hundredth of its cells; they must not set the range, or everything else fades.
 */
export const clippedShare = 0.97;

/**
 * `whole`: everything in the tensor; `clipped`: all but the largest few of the cells; `view`: what is
 * on the screen. `maxError` is the tensor's own, which cells that fold many elements do not reach.
 */
export function colourRange(
  mode: RangeMode,
  overview: ErrorTile,
  shown: ErrorTile,
  maxError: number,
): ColourRange {
  const whole = {
    signed: Math.max(largest(overview.original), largest(overview.dequantized)),
    error: Math.max(maxError, largest(overview.error)),
  };
  const chosen =
    mode === 'whole'
      ? whole
      : mode === 'view'
        ? {
            signed: Math.max(largest(shown.original), largest(shown.dequantized)),
            error: largest(shown.error),
          }
        : { signed: magnitudeAt(overview.original), error: magnitudeAt(overview.error) };
  return {
    signed: chosen.signed || whole.signed || 1,
    error: chosen.error || whole.error || 1,
    signedClipped: mode !== 'whole' && chosen.signed > 0 && chosen.signed < whole.signed,
    errorClipped: mode !== 'whole' && chosen.error > 0 && chosen.error < whole.error,
  };
}

function largest(values: Float32Array): number {
  let most = 0;
  for (const value of values) {
    const magnitude = Math.abs(value);
    if (magnitude > most && magnitude !== Number.POSITIVE_INFINITY) most = magnitude;
  }
  return most;
}

function magnitudeAt(values: Float32Array): number {
  const magnitudes = values.map(Math.abs).filter(Number.isFinite).sort();
  return magnitudes[Math.min(magnitudes.length - 1, Math.floor(clippedShare * magnitudes.length))] ?? 0;
}
