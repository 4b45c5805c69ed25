/** Exact decimal texts, parted into the digits that tell a value apart from its neighbours and the noise behind them. */

/**
 * Cuts a decimal text behind its `significant`-th digit that counts: leading zeros do not. Digits before the point are
 * never noise in the sense of being left out, but they may be dimmed. The exponent, if any, stays with the head.
 */
export function splitDecimal(
  text: string,
  significant: number,
): { head: string; noise: string; tail: string } {
  const exponent = /[eE][-+]?\d+$/.exec(text)?.[0] ?? '';
  const digits = text.slice(0, text.length - exponent.length);
  let seen = 0;
  for (let at = 0; at < digits.length; at++) {
    const letter = digits[at]!;
    if (letter < '0' || letter > '9' || (seen === 0 && letter === '0')) continue;
    if (++seen === significant)
      return { head: digits.slice(0, at + 1), noise: digits.slice(at + 1), tail: exponent };
  }
  return { head: digits, noise: '', tail: exponent };
}

/** Longer decimals than this are cut in the middle of a line of text; the whole is in the title and copied. */
const longestDecimal = 72;

export function shortenedDecimal(text: string): string {
  if (text.length <= longestDecimal) return text;
  return `${text.slice(0, longestDecimal - 12)}…${text.slice(-8)}`;
}
