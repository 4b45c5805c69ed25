/** Exact decimal texts of binary floating-point numbers, and how many of their digits mean something. */
import type { ExactFloat } from './numberLayout';

/** significand x 2^exponent with every digit, without sign: "0.333984375". */
export function exactDecimal(significand: bigint, exponent: number): string {
  if (exponent >= 0) return (significand << BigInt(exponent)).toString();
  // Divided by 2^k it has k decimals: m / 2^k = m 5^k / 10^k.
  const places = -exponent;
  const digits = (significand * 5n ** BigInt(places)).toString().padStart(places + 1, '0');
  const whole = digits.slice(0, -places);
  const fraction = digits.slice(-places).replace(/0+$/, '');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** The shortest decimal number that rounds to a value: digits x 10^power. */
export interface ShortestDecimal {
  readonly digits: bigint;
  readonly power: number;
  /** How many digits. */
  readonly count: number;
}

/**
 * Of the decimal numbers that are nearer to the value than to any neighbour in its type (at the very middle, where rounding
 * to even comes back to it), one with the fewest digits, and of those the nearest. This is what Steele & White 1990,
 * "How to print floating-point numbers accurately", define; here by whole numbers, as plainly as can be.
 */
export function shortestDecimal(value: ExactFloat): ShortestDecimal {
  const { significand, exponent, atPowerOfTwo } = value;
  if (significand === 0n) return { digits: 0n, power: 0, count: 1 };
  // In quarters of the distance to the next larger number.
  const shift = exponent - 2;
  const scaleUp = shift >= 0 ? 1n << BigInt(shift) : 1n;
  const divisor = shift >= 0 ? 1n : 1n << BigInt(-shift);
  const exact = 4n * significand * scaleUp;
  const low = exact - (atPowerOfTwo ? 1n : 2n) * scaleUp;
  const high = exact + 2n * scaleUp;
  const even = (significand & 1n) === 0n;
  const magnitude = decimalMagnitude(exact, divisor);
  for (let count = 1; ; count++) {
    const power = magnitude - count + 1;
    // A candidate c stands for c x unit, in the same quarters times ten^-power where that is whole.
    const ten = 10n ** BigInt(Math.abs(power));
    const [up, unit] = power >= 0 ? [1n, ten * divisor] : [ten, divisor];
    const below = (exact * up) / unit;
    let best: bigint | undefined;
    for (const digits of [below, below + 1n]) {
      const place = digits * unit;
      const inside = even ? place >= low * up && place <= high * up : place > low * up && place < high * up;
      if (!inside) continue;
      // Of two that are equally near the even one, as rounding has it.
      const nearer =
        best === undefined ? -1n : distance(place, exact * up) - distance(best * unit, exact * up);
      if (nearer < 0n || (nearer === 0n && digits % 2n === 0n)) best = digits;
    }
    if (best !== undefined) return { digits: best, power, count };
  }
}

const distance = (a: bigint, b: bigint): bigint => (a > b ? a - b : b - a);

/** The place of the first digit of a quotient: 0 for 1 to 9, -1 for 0.1 to 0.9. */
function decimalMagnitude(numerator: bigint, divisor: bigint): number {
  if (numerator >= divisor) return (numerator / divisor).toString().length - 1;
  const upscale = divisor.toString().length + 1;
  return ((numerator * 10n ** BigInt(upscale)) / divisor).toString().length - 1 - upscale;
}

/** The number as a text: plain from 1e-6 to 1e21 as numbers are written in JavaScript, else with an exponent. */
export function decimalText({ digits, power }: ShortestDecimal): string {
  const text = digits.toString().replace(/0+$/, '') || '0';
  const first = digits.toString().length - 1 + power;
  if (digits === 0n) return '0';
  if (first >= 21 || first < -6) {
    const rest = text.slice(1);
    return `${text[0]}${rest === '' ? '' : `.${rest}`}e${first < 0 ? '-' : '+'}${Math.abs(first)}`;
  }
  if (first < 0) return `0.${'0'.repeat(-first - 1)}${text}`;
  if (text.length <= first + 1) return text.padEnd(first + 1, '0');
  return `${text.slice(0, first + 1)}.${text.slice(first + 1)}`;
}
