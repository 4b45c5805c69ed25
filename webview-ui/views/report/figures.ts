/** How this page writes numbers: few digits, grouped by locale, a true minus sign; never "NaN" unless it is the datum. */
import { formatInteger } from '../../state/format';

const minus = '\u2212';

/** Formats are slow to make and quick to use. */
const formats = new Map<string, Intl.NumberFormat>();

function formatWith(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = JSON.stringify(options);
  let format = formats.get(key);
  if (!format) {
    format = new Intl.NumberFormat(undefined, options);
    formats.set(key, format);
  }
  return format;
}

/** 3-4 significant digits. Very small and very large magnitudes get an exponent. */
export function figure(value: number, digits = 4): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Number.POSITIVE_INFINITY) return '\u221e';
  if (value === Number.NEGATIVE_INFINITY) return `${minus}\u221e`;
  if (value === 0) return '0';
  const magnitude = Math.abs(value);
  if (magnitude < 1e-4 || magnitude >= 1e7)
    return value
      .toExponential(digits - 2)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e')
      .replaceAll('-', minus);
  return formatWith({ maximumSignificantDigits: digits }).format(value).replace('-', minus);
}

/** Always so many significant digits, for columns of figures: `0.0150` under `0.0191`. */
export function padded(value: number, digits: number): string {
  const magnitude = Math.abs(value);
  if (!Number.isFinite(value) || value === 0) return figure(value);
  if (magnitude < 1e-4 || magnitude >= 1e7) {
    const [mantissa, exponent] = value.toExponential(digits - 2).split('e');
    return `${fixed(Number(mantissa), digits - 2)}e${exponent!.replace('+', '').replace('-', minus)}`;
  }
  return formatWith({ minimumSignificantDigits: digits, maximumSignificantDigits: digits })
    .format(value)
    .replace('-', minus);
}

/** As many decimals as asked for, no more and no fewer: columns of figures line up. */
export function fixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return figure(value);
  const text = formatWith({ minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(value);
  return text.replace('-', minus);
}

/** Whole numbers, thousands grouped. */
export const count = formatInteger;

/** Binary sizes with three digits. */
export function size(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return `${count(bytes)} ${bytes === 1 ? 'byte' : 'bytes'}`;
  return `${fixed(value, value >= 100 ? 0 : value >= 10 ? 1 : 2)} ${units[unit]}`;
}

/** `256 x 768`, with the multiplication sign. */
export function shapeText(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.map(count).join(' \u00d7 ');
}

/** `2nd`, `3rd`, `11th`. */
export function ordinal(value: number): string {
  const tens = value % 100;
  const ones = value % 10;
  const ending =
    tens >= 11 && tens <= 13 ? 'th' : ones === 1 ? 'st' : ones === 2 ? 'nd' : ones === 3 ? 'rd' : 'th';
  return `${count(value)}${ending}`;
}

/** Seconds as one reads them. */
export function duration(seconds: number): string {
  if (seconds < 0.1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 60) return `${figure(seconds, 2)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
