/**
 * How a value of a tensor becomes a colour: linear, symmetric-log, or by its rank among all values. Signed maps keep
 * zero in their middle, so that blue is always negative and red always positive.
 */
import type { ColorMap } from './colorMaps';

export type ScaleKind = 'linear' | 'symlog' | 'quantile';

/** The distribution of |x|, for the quantile scale. */
export interface Ranks {
  rank(magnitude: number): number;
  magnitudeAt(share: number): number;
}

export interface ValueScale {
  readonly kind: ScaleKind;
  readonly map: ColorMap;
  /** Values at the ends of the map; both finite, min < max. */
  readonly min: number;
  readonly max: number;
  /** Place of a value on the map, 0..1; NaN for NaN. Infinities are at the ends. */
  position(value: number): number;
  /** The value at a place of the map: what a legend prints. */
  valueAt(position: number): number;
}

export interface ScaleRequest {
  readonly kind: ScaleKind;
  readonly map: ColorMap;
  readonly min: number;
  readonly max: number;
  readonly ranks: Ranks | undefined;
}

/** Below this part of the largest magnitude a symmetric-log scale is nearly linear. */
const linearPart = 1e-3;

/** A scale; by quantile only where the distribution is known, otherwise linear. */
export function valueScale({ kind, map, min, max, ranks }: ScaleRequest): ValueScale {
  const [low, high] = max > min ? [min, max] : [min - 1, min + 1];
  if (kind === 'quantile' && ranks) {
    const isSigned = low < 0;
    return {
      kind,
      map,
      min: low,
      max: high,
      position(value) {
        const rank = ranks.rank(Math.abs(value));
        if (Number.isNaN(value)) return Number.NaN;
        return isSigned ? 0.5 + Math.sign(value) * 0.5 * rank : value < 0 ? 0 : rank;
      },
      valueAt(position) {
        if (!isSigned) return ranks.magnitudeAt(position);
        const side = position * 2 - 1;
        return side === 0 ? 0 : Math.sign(side) * ranks.magnitudeAt(Math.abs(side));
      },
    };
  }
  if (kind === 'symlog') {
    const knee = Math.max(Math.abs(low), Math.abs(high)) * linearPart;
    const bend = (value: number) => Math.sign(value) * Math.log1p(Math.abs(value) / knee);
    const from = bend(low);
    const extent = bend(high) - from;
    return {
      kind,
      map,
      min: low,
      max: high,
      position: (value) => cut((bend(value) - from) / extent),
      valueAt(position) {
        const bent = from + position * extent;
        return Math.sign(bent) * knee * Math.expm1(Math.abs(bent));
      },
    };
  }
  const extent = high - low;
  return {
    kind: 'linear',
    map,
    min: low,
    max: high,
    position: (value) => cut((value - low) / extent),
    valueAt: (position) => low + position * extent,
  };
}

/** NaN stays NaN. */
function cut(position: number): number {
  return position < 0 ? 0 : position > 1 ? 1 : position;
}
