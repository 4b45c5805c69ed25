/** A stored number taken apart: its bits, what they mean, and its exact value. */
import { decimalText, exactDecimal, shortestDecimal } from './exactDecimal';
import { type FloatLayout, floatBits, floatValue, type NumberLayout } from './numberLayout';

/** A run of bits with a meaning. */
export interface BitField {
  readonly name: 'sign' | 'exponent' | 'fraction' | 'integer' | 'code';
  /** Half-open range of positions in `bits`, 0 the most significant. */
  readonly from: number;
  readonly to: number;
  /** What the field says: "negative", "2^-2", "1.333984375" ... */
  readonly text: string;
}

/** One value of a number type, as it is stored. */
export interface NumberPicture {
  /** "0" and "1", the most significant first. */
  readonly bits: string;
  readonly fields: readonly BitField[];
  /** Every digit of the value, without exponent: "0.333984375", "-0", "NaN", "Infinity", "-Infinity". */
  readonly decimal: string;
  /**
   * How many leading digits of `decimal`, counted from its first digit that is not 0, tell the value from its neighbours
   * in this type; the digits behind are noise. 0 where there are no digits (NaN, infinities), 1 for zero, all digits of
   * an integer type.
   */
  readonly significant: number;
  /** The shortest number that rounds to the value, of so many digits: "0.33333334" beside "0.3333333432...". */
  readonly shortest: string;
}

const bitText = (pattern: bigint, bits: number): string => pattern.toString(2).padStart(bits, '0');

/** Takes a bit pattern apart; the pattern has no bits beyond the type's. */
export function numberPicture(layout: NumberLayout, pattern: bigint): NumberPicture {
  if (layout.kind === 'float') return floatPicture(layout, pattern);
  if (layout.kind === 'bool') {
    const decimal = pattern === 0n ? '0' : '1';
    const text = pattern === 0n ? 'false' : 'true';
    return wholePicture(bitText(pattern, 8), decimal, [{ name: 'integer', from: 0, to: 8, text }]);
  }
  const { bits, signed } = layout;
  const value = signed ? BigInt.asIntN(bits, pattern) : pattern;
  const fields: BitField[] = signed
    ? [
        {
          name: 'sign',
          from: 0,
          to: 1,
          // Two's complement: the first bit counts -2^(bits - 1).
          text: value < 0n ? `-${1n << BigInt(bits - 1)}` : '0',
        },
        { name: 'integer', from: 1, to: bits, text: BigInt.asUintN(bits - 1, pattern).toString() },
      ]
    : [{ name: 'integer', from: 0, to: bits, text: value.toString() }];
  return wholePicture(bitText(pattern, bits), value.toString(), fields);
}

function wholePicture(bits: string, decimal: string, fields: readonly BitField[]): NumberPicture {
  return { bits, fields, decimal, significant: decimal.replace('-', '').length, shortest: decimal };
}

function floatPicture(layout: FloatLayout, pattern: bigint): NumberPicture {
  const { signBits, exponentBits, fractionBits } = layout;
  const total = floatBits(layout);
  const value = floatValue(layout, pattern);
  const fields: BitField[] = [];
  if (signBits === 1) {
    const set = pattern >> BigInt(total - 1) === 1n;
    fields.push({ name: 'sign', from: 0, to: 1, text: set ? 'negative' : 'positive' });
  }
  const place = (name: BitField['name'], from: number, bits: number, text: string) => {
    if (bits > 0) fields.push({ name, from, to: from + bits, text });
  };
  if (value.kind !== 'finite') {
    const text = value.kind === 'nan' ? 'not a number' : 'infinity';
    place('exponent', signBits, exponentBits, layout.specials === 'fnuz' ? 'zero' : 'all ones');
    place('fraction', signBits + exponentBits, fractionBits, text);
    const sign = value.negative ? '-' : '';
    const decimal = value.kind === 'nan' ? 'NaN' : `${sign}Infinity`;
    return { bits: bitText(pattern, total), fields, decimal, significant: 0, shortest: decimal };
  }
  const power = value.exponent + fractionBits;
  place('exponent', signBits, exponentBits, `2^${power}${value.subnormal ? ' (no leading 1)' : ''}`);
  place('fraction', signBits + exponentBits, fractionBits, exactDecimal(value.significand, -fractionBits));
  const sign = value.negative ? '-' : '';
  const shortest = shortestDecimal(value);
  return {
    bits: bitText(pattern, total),
    fields,
    decimal: sign + exactDecimal(value.significand, value.exponent),
    significant: shortest.count,
    shortest: sign + decimalText(shortest),
  };
}
