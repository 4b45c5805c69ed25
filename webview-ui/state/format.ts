/** Numbers as words: 3-4 significant digits, thousands grouped by locale, binary sizes. */

const minusSign = '\u2212';

const integers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const oneDecimal = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const significantFormats = new Map<number, Intl.NumberFormat>();

function significantFormat(digits: number): Intl.NumberFormat {
  let format = significantFormats.get(digits);
  if (!format) {
    format = new Intl.NumberFormat(undefined, {
      minimumSignificantDigits: digits,
      maximumSignificantDigits: digits,
    });
    significantFormats.set(digits, format);
  }
  return format;
}

const typographic = (text: string) => text.replace('-', minusSign);

/** An integer with grouped thousands. */
export function formatInteger(value: number): string {
  return typographic(integers.format(value));
}

/**
 * A real number with the given significant digits; a power of ten outside 1e-4 .. 1e7.
 * Infinities and NaN are written as such: they only arrive here when they are the datum.
 */
export function formatNumber(value: number, digits = 4): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : `${minusSign}∞`;
  if (value === 0) return '0';
  const magnitude = Math.abs(value);
  if (magnitude < 1e-4 || magnitude >= 1e7) {
    const [mantissa = '', exponent = ''] = value.toExponential(digits - 1).split('e');
    return `${typographic(significantFormat(digits).format(Number(mantissa)))}e${typographic(exponent.replace('+', ''))}`;
  }
  if (magnitude >= 10 ** digits) return formatInteger(Math.round(value));
  return typographic(significantFormat(digits).format(value));
}

/** Axis labels: three digits, no trailing zeros. */
export function shortNumber(value: number): string {
  return formatNumber(value, 3)
    .replace(/([.,]\d*?)0+(?=$|e)/, '$1')
    .replace(/[.,](?=$|e)/, '');
}

/** One decimal, none from 10,000 on: kurtosis. */
export function formatDecimal(value: number): string {
  if (!Number.isFinite(value)) return formatNumber(value);
  if (Math.abs(value) >= 10_000) return formatInteger(Math.round(value));
  return typographic(oneDecimal.format(Object.is(Math.round(value * 10), -0) ? 0 : value));
}

/** Bits a weight with up to two decimals: "4", "4.5", "4.25". */
export function formatBits(value: number): string {
  return String(Math.round(value * 100) / 100);
}

const countUnits: readonly [number, string][] = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'K'],
];

/** A count of parameters: "65.5 K", "3.28 M", "7.24 B"; below 1,000 exact. */
export function formatParameters(count: number): string {
  for (const [unit, letter] of countUnits) {
    // 999,950 would round to 1,000.0 K; it is 1.00 M.
    if (count >= unit * 0.99995 && count >= 1000)
      return `${scaled(count / unit, letter === 'K' ? 1 : 2)} ${letter}`;
  }
  return formatInteger(count);
}

const byteUnits: readonly [number, string][] = [
  [2 ** 40, 'TiB'],
  [2 ** 30, 'GiB'],
  [2 ** 20, 'MiB'],
  [2 ** 10, 'KiB'],
];

/** Bytes in binary units: "384 KiB", "6.26 MiB". Below 1 KiB exact. */
export function formatBytes(bytes: number): string {
  for (const [unit, name] of byteUnits) {
    if (bytes >= unit) {
      const value = bytes / unit;
      return `${Number.isInteger(value) ? formatInteger(value) : scaled(value, 2)} ${name}`;
    }
  }
  return `${formatInteger(bytes)} B`;
}

/** Bytes, exact: "1,204,736 bytes". */
export function formatExactBytes(bytes: number): string {
  return `${formatInteger(bytes)} ${bytes === 1 ? 'byte' : 'bytes'}`;
}

function scaled(value: number, decimals: number): string {
  const shown = value >= 100 ? 1 : decimals;
  return new Intl.NumberFormat(undefined, {
    minimumFractionDigits: shown,
    maximumFractionDigits: shown,
  }).format(value);
}

/** A share (0..1) in per cent: "38 %", "2.4 %", "< 0.1 %". */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return `< ${oneDecimal.format(0.1)} %`;
  if (share < 1 && percent > 99.9) return `> ${oneDecimal.format(99.9)} %`;
  if (percent >= 10 || Number.isInteger(percent)) {
    return `${share < 1 && percent >= 99.5 ? oneDecimal.format(percent) : integers.format(percent)} %`;
  }
  return `${oneDecimal.format(percent)} %`;
}

/** A shape as "256 × 768"; "scalar" when it has no dimension. */
export function formatShape(shape: ArrayLike<number>): string {
  if (shape.length === 0) return 'scalar';
  let text = String(shape[0]);
  for (let i = 1; i < shape.length; i++) text += ` × ${shape[i]}`;
  return text;
}

/** A duration in words: "8 s", "about 3 min". */
export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${formatInteger(Math.max(1, Math.round(seconds)))} s`;
  if (seconds < 5400) return `${formatInteger(Math.round(seconds / 60))} min`;
  return `${oneDecimal.format(seconds / 3600)} h`;
}

/** Bytes a second in powers of ten, as disks are sold: "3.1 GB/s", "420 MB/s". */
export function formatRate(bytesPerSecond: number): string {
  const [value, unit] =
    bytesPerSecond >= 1e9 ? [bytesPerSecond / 1e9, 'GB/s'] : [bytesPerSecond / 1e6, 'MB/s'];
  return `${value < 10 ? oneDecimal.format(value) : formatInteger(Math.round(value))} ${unit}`;
}

const smallNumbers = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

/** A small count as a word for the start or middle of a sentence, a larger one in digits. */
export function countInWords(count: number, capital = false): string {
  const word = smallNumbers[count] ?? formatInteger(count);
  return capital ? word.charAt(0).toUpperCase() + word.slice(1) : word;
}
