/** Types of one byte whose 256 values are looked up in a table. */

interface Float8Layout {
  readonly fractionBits: number;
  readonly bias: number;
  /** 'ieee': infinities and NaN as in IEEE 754. 'finite': NaN where all bits but the sign are set. 'fnuz': NaN for -0. */
  readonly specials: 'ieee' | 'finite' | 'fnuz';
}

/**
 * OCP 8-bit Floating Point Specification (OFP8) 1.0, 5.2, for the first two; the variants without infinities and
 * -0 as in ONNX (Float stored in 8 bits) and PyTorch (float8_e4m3fnuz, float8_e5m2fnuz).
 */
const float8Layouts: Readonly<Record<string, Float8Layout>> = {
  F8_E4M3: { fractionBits: 3, bias: 7, specials: 'finite' },
  F8_E5M2: { fractionBits: 2, bias: 15, specials: 'ieee' },
  F8_E4M3FNUZ: { fractionBits: 3, bias: 8, specials: 'fnuz' },
  F8_E5M2FNUZ: { fractionBits: 2, bias: 16, specials: 'fnuz' },
};

function float8Value(code: number, { fractionBits, bias, specials }: Float8Layout): number {
  const magnitude = code & 0x7f;
  const exponent = magnitude >> fractionBits;
  const steps = 2 ** fractionBits;
  const fraction = magnitude % steps;
  const sign = code < 128 ? 1 : -1;
  if (specials === 'fnuz' && code === 0x80) return Number.NaN;
  if (specials === 'finite' && magnitude === 0x7f) return Number.NaN;
  if (specials === 'ieee' && magnitude >= 0x7c) {
    return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  }
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias - fractionBits);
  return sign * (steps + fraction) * 2 ** (exponent - bias - fractionBits);
}

/** E8M0 has an exponent alone: 2^(code - 127), and NaN for 255 (OCP Microscaling Formats 1.0, 5.4.1). */
const e8m0Value = (code: number): number => (code === 255 ? Number.NaN : 2 ** (code - 127));

/** BOOL is one byte; anything but 0 is true, as in PyTorch. */
const boolValue = (code: number): number => (code === 0 ? 0 : 1);

const rules = new Map<string, (code: number) => number>([
  ['BOOL', boolValue],
  ['F8_E8M0', e8m0Value],
  ...Object.entries(float8Layouts).map(
    ([name, layout]) => [name, (code: number) => float8Value(code, layout)] as const,
  ),
]);

/** Names of the types that `tableValues` knows. */
export const tableDtypes: readonly string[] = [...rules.keys()];

/** The 256 values of a type by code, all exact in float32, or undefined for a type that has no such table. */
export function tableValues(dtype: string): Float32Array<ArrayBuffer> | undefined {
  const rule = rules.get(dtype);
  return rule && Float32Array.from({ length: 256 }, (_, code) => rule(code));
}
