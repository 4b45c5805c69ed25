/**
 * How number types store their values, so that any bit pattern can be read exactly: IEEE 754-2019 3.4 (binary16, 32, 64),
 * bfloat16, OCP OFP8 1.0 5.2 (E4M3, E5M2), OCP Microscaling Formats 1.0 5.3 (FP6, FP4) and 5.4 (E8M0), and the `fnuz`
 * variants of ONNX and PyTorch.
 */

export interface FloatLayout {
  readonly kind: 'float';
  /** 0 or 1. */
  readonly signBits: number;
  readonly exponentBits: number;
  readonly fractionBits: number;
  readonly bias: number;
  /**
   * 'ieee': infinities and NaN where the exponent is all ones. 'finite': NaN where all bits but the sign are. 'fnuz': NaN
   * for the pattern of -0. 'none': every pattern is a number. 'exponent': E8M0, NaN for all ones and no zero.
   */
  readonly specials: 'ieee' | 'finite' | 'fnuz' | 'none' | 'exponent';
}

export interface IntegerLayout {
  readonly kind: 'integer';
  readonly bits: number;
  readonly signed: boolean;
}

export type NumberLayout = FloatLayout | IntegerLayout | { readonly kind: 'bool' };

const float = (
  exponentBits: number,
  fractionBits: number,
  specials: FloatLayout['specials'] = 'ieee',
  bias = 2 ** (exponentBits - 1) - 1,
): FloatLayout => ({
  kind: 'float',
  signBits: specials === 'exponent' ? 0 : 1,
  exponentBits,
  fractionBits,
  bias,
  specials,
});

const integer = (bits: number, signed: boolean): IntegerLayout => ({ kind: 'integer', bits, signed });

/** By the names of `dtypes`; block and complex types are not in it. */
export const numberLayouts: ReadonlyMap<string, NumberLayout> = new Map<string, NumberLayout>([
  ['F64', float(11, 52)],
  ['F32', float(8, 23)],
  ['BF16', float(8, 7)],
  ['F16', float(5, 10)],
  ['F8_E4M3', float(4, 3, 'finite')],
  ['F8_E5M2', float(5, 2)],
  ['F8_E4M3FNUZ', float(4, 3, 'fnuz', 8)],
  ['F8_E5M2FNUZ', float(5, 2, 'fnuz', 16)],
  ['F8_E8M0', float(8, 0, 'exponent', 127)],
  ['F6_E2M3', float(2, 3, 'none')],
  ['F6_E3M2', float(3, 2, 'none')],
  ['F4', float(2, 1, 'none')],
  ...[2, 4, 8, 16, 32, 64].flatMap((bits): [string, NumberLayout][] => [
    [`I${bits}`, integer(bits, true)],
    [`U${bits}`, integer(bits, false)],
  ]),
  ['BOOL', { kind: 'bool' }],
]);

/** A finite value, exactly: (-1)^negative x significand x 2^exponent. */
export interface ExactFloat {
  readonly kind: 'finite';
  readonly negative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
  /** The significand has no hidden one: 0 and what is below the smallest normal number. */
  readonly subnormal: boolean;
  /** The next smaller magnitude is only half as far away as the next larger one. */
  readonly atPowerOfTwo: boolean;
}

export type FloatValue =
  | ExactFloat
  | { readonly kind: 'infinite'; readonly negative: boolean }
  | { readonly kind: 'nan'; readonly negative: boolean };

/** Bits of a float type. */
export const floatBits = (layout: FloatLayout): number =>
  layout.signBits + layout.exponentBits + layout.fractionBits;

/** Bits of a type. */
export function layoutBits(layout: NumberLayout): number {
  if (layout.kind === 'bool') return 8;
  return layout.kind === 'integer' ? layout.bits : floatBits(layout);
}

/** The value of a bit pattern of a float type. */
export function floatValue(layout: FloatLayout, pattern: bigint): FloatValue {
  const { exponentBits, fractionBits, bias, specials } = layout;
  const fraction = pattern & ((1n << BigInt(fractionBits)) - 1n);
  const stored = Number((pattern >> BigInt(fractionBits)) & ((1n << BigInt(exponentBits)) - 1n));
  const negative = layout.signBits === 1 && pattern >> BigInt(fractionBits + exponentBits) === 1n;
  const ones = stored === 2 ** exponentBits - 1;
  if (specials === 'exponent') {
    if (ones) return { kind: 'nan', negative: false };
    const exponent = stored - bias;
    return { kind: 'finite', negative, significand: 1n, exponent, subnormal: false, atPowerOfTwo: true };
  }
  const zero = stored === 0 && fraction === 0n;
  if (specials === 'fnuz' && negative && zero) return { kind: 'nan', negative: false };
  if (specials === 'finite' && ones && fraction === (1n << BigInt(fractionBits)) - 1n)
    return { kind: 'nan', negative };
  if (specials === 'ieee' && ones) return { kind: fraction === 0n ? 'infinite' : 'nan', negative };
  const subnormal = stored === 0;
  return {
    kind: 'finite',
    negative,
    significand: subnormal ? fraction : fraction | (1n << BigInt(fractionBits)),
    exponent: Math.max(1, stored) - bias - fractionBits,
    subnormal,
    atPowerOfTwo: fraction === 0n && stored > 1,
  };
}
