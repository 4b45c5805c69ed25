/** Which values the colours of the pictures span; with two schemes side by side the same ones for both. */
import type { ErrorTile } from '../../../src/protocol/engineApi';

export type RangeMode = 'whole' | 'clipped' | 'view';

export interface ColourRange {
  /** Original and dequantized: -signed .. signed. Above 0. */
  readonly signed: number;
  /** Error: 0 .. error. Above 0. */
  readonly error: number;
  /** Signed error: -difference .. difference. Above 0. */
  readonly difference: number;
  /** Values beyond the ends exist, and take the end's colour. */
  readonly signedClipped: boolean;
  readonly errorClipped: boolean;
  readonly differenceClipped: boolean;
}

/**
 * Cells that the clipped range still tells apart. A few outlier rows of a folded picture are more than a
 * hundredth of its cells; they must not set the range, or everything else fades.
 */
export const clippedShare = 0.97;

/** The tiles of one scheme. */
export interface RangeTiles {
  readonly overview: ErrorTile;
  /** What is on the screen. */
  readonly shown: ErrorTile;
  /** Of the whole tensor: cells that fold many elements do not reach it. */
  readonly maxError: number;
}

/**
 * `whole`: everything in the tensor; `clipped`: all but the largest few of the cells; `view`: what is
 * on the screen. Of several schemes the widest range.
 */
export function colourRange(mode: RangeMode, schemes: readonly RangeTiles[]): ColourRange {
  const most = (of: (tiles: RangeTiles) => number) =>
    schemes.reduce((so, tiles) => Math.max(so, of(tiles)), 0);
  const values = ({ original, dequantized }: ErrorTile) => Math.max(largest(original), largest(dequantized));
  const whole = {
    signed: most(({ overview }) => values(overview)),
    error: most(({ overview, maxError }) => Math.max(maxError, largest(overview.error))),
    difference: most(({ overview, maxError }) => Math.max(maxError, largest(overview.signed))),
  };
  const chosen =
    mode === 'whole'
      ? whole
      : mode === 'view'
        ? {
            signed: most(({ shown }) => values(shown)),
            error: most(({ shown }) => largest(shown.error)),
            difference: most(({ shown }) => largest(shown.signed)),
          }
        : {
            signed: most(({ overview }) => magnitudeAt(overview.original)),
            error: most(({ overview }) => magnitudeAt(overview.error)),
            difference: most(({ overview }) => magnitudeAt(overview.signed)),
          };
  const isClipped = (name: keyof typeof whole) =>
    mode !== 'whole' && chosen[name] > 0 && chosen[name] < whole[name];
  return {
    signed: chosen.signed || whole.signed || 1,
    error: chosen.error || whole.error || 1,
    difference: chosen.difference || whole.difference || 1,
    signedClipped: isClipped('signed'),
    errorClipped: isClipped('error'),
    differenceClipped: isClipped('difference'),
  };
}

/** Share of the cells whose magnitude is beyond a range, and which take the colour of its end; 0 where there are none. */
export function shareBeyond(values: Float32Array, range: number): number {
  let beyond = 0;
  for (const value of values) if (Math.abs(value) > range) beyond++;
  return values.length === 0 ? 0 : beyond / values.length;
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
