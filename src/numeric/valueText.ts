/** Values as short texts that give them back to the bit. */

/**
 * The shortest decimal number that rounds to a float32: at most nine digits. Printed with fewer where fewer do; of the
 * numbers of one length the nearest is tried, so at some powers of two one digit more than needed is given.
 */
function shortFloat32Text(value: number): string {
  if (!Number.isFinite(value) || (Number.isInteger(value) && Math.abs(value) < 2 ** 24))
    return plainText(value);
  const fits = (digits: number) => Math.fround(Number(value.toPrecision(digits))) === value;
  let digits = 7;
  if (fits(digits)) while (digits > 1 && fits(digits - 1)) digits--;
  else while (digits < 9 && !fits(digits)) digits++;
  return String(Number(value.toPrecision(digits)));
}

/** A float64 with its shortest digits; -0 keeps its sign. */
const plainText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

/** How numbers that are none are written, and a zero whose sign a reader would lose. */
export interface TextStyle {
  readonly nan: string;
  readonly infinity: string;
  readonly negativeZero: string;
}

/** As NumPy's and most other readers of CSV take it. */
export const csvStyle: TextStyle = { nan: 'nan', infinity: 'inf', negativeZero: '-0.0' };
/** As a Python expression beside `import numpy as np`; -0 alone would be a whole number, which has no sign. */
export const numpyStyle: TextStyle = { nan: 'np.nan', infinity: 'np.inf', negativeZero: '-0.0' };

/** A value in a style; `wide` where float32 does not hold it. */
export function styledText(value: number, style: TextStyle, wide: boolean): string {
  if (Number.isNaN(value)) return style.nan;
  if (!Number.isFinite(value)) return value < 0 ? `-${style.infinity}` : style.infinity;
  if (Object.is(value, -0)) return style.negativeZero;
  return wide ? plainText(value) : shortFloat32Text(value);
}
