/** Colour arithmetic for the drawings: CSS notations, WCAG luminance and contrast, and OKLab. */

/** sRGB, 0..255 each. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** OKLab: perceived lightness 0..1, then the green-red and blue-yellow axes (Ottosson, 2020). */
export type Oklab = readonly [lightness: number, a: number, b: number];

/** sRGB transfer function of IEC 61966-2-1: 0..255 to linear light 0..1. */
function toLinear(channel: number): number {
  const c = channel / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

function fromLinear(light: number): number {
  const c = Math.min(1, Math.max(0, light));
  return 255 * (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055);
}

/** Relative luminance of WCAG 2, 0 (black) to 1 (white). */
export function luminance([red, green, blue]: Rgb): number {
  return 0.2126 * toLinear(red) + 0.7152 * toLinear(green) + 0.0722 * toLinear(blue);
}

/** Contrast ratio of WCAG 2, 1 to 21. */
export function contrast(one: Rgb, other: Rgb): number {
  const a = luminance(one);
  const b = luminance(other);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** Black or white, whichever stands out more from a background. */
export function textOver(background: Rgb): '#000000' | '#ffffff' {
  // (l + 0.05)^2 > 1.05 * 0.05 is where black's contrast overtakes white's.
  return (luminance(background) + 0.05) ** 2 > 1.05 * 0.05 ? '#000000' : '#ffffff';
}

/** sRGB to OKLab. */
export function toOklab([red, green, blue]: Rgb): Oklab {
  const r = toLinear(red);
  const g = toLinear(green);
  const b = toLinear(blue);
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** OKLab to sRGB, rounded; what lies outside the gamut is cut off channel by channel. */
export function fromOklab([lightness, a, b]: Oklab): Rgb {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    Math.round(fromLinear(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s)),
    Math.round(fromLinear(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s)),
    Math.round(fromLinear(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s)),
  ];
}

/** Lightness, chroma and hue (degrees) to OKLab. */
export function oklch(lightness: number, chroma: number, hue: number): Oklab {
  const angle = (hue * Math.PI) / 180;
  return [lightness, chroma * Math.cos(angle), chroma * Math.sin(angle)];
}

/** The straight line between two colours in OKLab. */
export function mix(from: Oklab, to: Oklab, t: number): Oklab {
  return [from[0] + (to[0] - from[0]) * t, from[1] + (to[1] - from[1]) * t, from[2] + (to[2] - from[2]) * t];
}

/** `#rgb`, `#rrggbb`, `#rrggbbaa`, `rgb()` and `rgba()`, the notations of theme variables; null for others. */
export function parseColour(css: string): Rgb | null {
  const text = css.trim();
  const hex = /^#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i.exec(text)?.[1];
  if (hex) {
    const step = hex.length <= 4 ? 1 : 2;
    const channel = (index: number) =>
      Number.parseInt(hex.slice(index * step, index * step + step).repeat(3 - step), 16);
    return [channel(0), channel(1), channel(2)];
  }
  const list = /^rgba?\(([^)]*)\)$/i.exec(text)?.[1];
  if (list) {
    const [red, green, blue] = list.split(/[\s,/]+/).map(Number.parseFloat);
    if ([red, green, blue].every(Number.isFinite)) return [red!, green!, blue!];
  }
  return null;
}

/** `rgb(r g b)` for CSS and canvas. */
export function cssColour([red, green, blue]: Rgb): string {
  return `rgb(${red} ${green} ${blue})`;
}
