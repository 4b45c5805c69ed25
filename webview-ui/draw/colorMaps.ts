/**
 * Colour maps. viridis (van der Walt and Smith, CC0) and cividis (Nunez, Anderton and Renslow, 2018)
 * are given by every 17th of their 256 published colours and joined in OKLab; the signed map is
 * made for the theme, with the editor's background as its middle.
 */
import { fromOklab, mix, type Oklab, oklch, type Rgb, toOklab } from './colour';

export { type Rgb, textOver } from './colour';

export type SequentialName = 'viridis' | 'cividis';

/** A table of colours from 0 to 1. */
export interface ColorMap {
  /** Number of colours; odd for signed maps, so that the middle is exact. */
  readonly size: number;
  /** Red, green, blue, one after another. */
  readonly bytes: Uint8Array;
  /** The colour at t, cut to 0..1. */
  at(t: number): Rgb;
}

/** How values become colours: `min` is the map's start and `max` its end. Both finite. */
export interface ColorScale {
  readonly map: ColorMap;
  readonly min: number;
  readonly max: number;
}

const controlColours: Readonly<Record<SequentialName, string>> = {
  viridis:
    '440154 481a6c 472f7d 414487 39568c 31688e 2a788e 23888e 1f988b 22a884 35b779 54c568 7ad151 a5db36 d2e21b fde725',
  cividis:
    '00224e 002e6c 1e3a6f 35456c 47516c 575d6d 666970 757575 848279 948e77 a59c74 b7a96e c8b866 dbc75a eed649 fee838',
};

const sequentialSize = 256;
/** Odd, so that zero has a colour of its own. */
const signedSize = 511;

class ColorTable implements ColorMap {
  readonly bytes: Uint8Array;

  constructor(
    readonly size: number,
    colourAt: (t: number) => Rgb,
  ) {
    this.bytes = new Uint8Array(size * 3);
    for (let i = 0; i < size; i++) this.bytes.set(colourAt(i / (size - 1)), i * 3);
  }

  at(t: number): Rgb {
    const i = 3 * Math.round(Math.min(1, Math.max(0, t)) * (this.size - 1));
    return [this.bytes[i]!, this.bytes[i + 1]!, this.bytes[i + 2]!];
  }
}

function joined(points: readonly Oklab[]): (t: number) => Rgb {
  return (t) => {
    const place = t * (points.length - 1);
    const index = Math.min(points.length - 2, Math.floor(place));
    return fromOklab(mix(points[index]!, points[index + 1]!, place - index));
  };
}

const sequentialMaps = new Map<SequentialName, ColorMap>();

/** A sequential map, dark to light. */
export function sequentialMap(name: SequentialName): ColorMap {
  let map = sequentialMaps.get(name);
  if (!map) {
    const points = controlColours[name].split(' ').map((hex) => {
      const value = Number.parseInt(hex, 16);
      return toOklab([value >> 16, (value >> 8) & 255, value & 255]);
    });
    map = new ColorTable(sequentialSize, joined(points));
    sequentialMaps.set(name, map);
  }
  return map;
}

/**
 * Blue (negative) - background (zero) - red (positive). On a dark background the ends are light, on a
 * light one dark; both ends have the same lightness, so neither sign looks larger than the other.
 */
export function signedMap(background: Rgb): ColorMap {
  const middle = toOklab(background);
  const dark = middle[0] < 0.6;
  const lightness = dark ? 0.72 : 0.48;
  const blue = oklch(lightness, dark ? 0.14 : 0.17, 252);
  const red = oklch(lightness, dark ? 0.17 : 0.18, dark ? 38 : 30);
  return new ColorTable(signedSize, (t) =>
    t === 0.5 ? background : fromOklab(mix(middle, t < 0.5 ? blue : red, Math.abs(t - 0.5) * 2)),
  );
}

/** Where a value lies on a scale, cut to 0..1; NaN for NaN. A scale without width is at its middle. */
export function positionOn(scale: { readonly min: number; readonly max: number }, value: number): number {
  if (Number.isNaN(value)) return Number.NaN;
  if (scale.max === scale.min) return value < scale.min ? 0 : value > scale.max ? 1 : 0.5;
  return Math.min(1, Math.max(0, (value - scale.min) / (scale.max - scale.min)));
}

/** The colour of a value; null for NaN, which is drawn as a pattern. */
export function colourOf(scale: ColorScale, value: number): Rgb | null {
  const t = positionOn(scale, value);
  return Number.isNaN(t) ? null : scale.map.at(t);
}
