/** Types of eight bits and less whose values are looked up in a table. */

interface SmallFloatLayout {
  readonly fractionBits: number;
  readonly bias: number;
  /**
   * 'ieee': infinities and NaN as in IEEE 754. 'finite': NaN where all bits but the sign are set. 'fnuz': NaN for -0.
   * 'none': all patterns are numbers.
   */
  readonly specials: 'ieee' | 'finite' | 'fnuz' | 'none';
  /** 8 by default. */
  readonly bits?: number;
}

/**
 * OCP 8-bit Floating Point Specification (OFP8) 1.0, 5.2, for the first two; the variants without infinities and
 * -0 as in ONNX (Float stored in 8 bits) and PyTorch (float8_e4m3fnuz, float8_e5m2fnuz).
 */
const layouts: Readonly<Record<string, SmallFloatLayout>> = {
  F8_E4M3: { fractionBits: 3, bias: 7, specials: 'finite' },
  F8_E5M2: { fractionBits: 2, bias: 15, specials: 'ieee' },
  F8_E4M3FNUZ: { fractionBits: 3, bias: 8, specials: 'fnuz' },
  F8_E5M2FNUZ: { fractionBits: 2, bias: 16, specials: 'fnuz' },
  // OCP Microscaling Formats 1.0, 5.3.2 and 5.3.3
  F6_E2M3: { fractionBits: 3, bias: 1, specials: 'none', bits: 6 },
  F6_E3M2: { fractionBits: 2, bias: 3, specials: 'none', bits: 6 },
  F4: { fractionBits: 1, bias: 1, specials: 'none', bits: 4 },
};

/** Bits above those of the type are left out. */
function smallFloatValue(code: number, { fractionBits, bias, specials, bits = 8 }: SmallFloatLayout): number {
  const signBit = 2 ** (bits - 1);
  const magnitude = code % signBit;
  const exponent = magnitude >> fractionBits;
  const steps = 2 ** fractionBits;
  const fraction = magnitude % steps;
  const sign = code & signBit ? -1 : 1;
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
  ...Object.entries(layouts).map(
    ([name, layout]) => [name, (code: number) => smallFloatValue(code, layout)] as const,
  ),
]);

/** Bytes of one table. */
export const tableBytes = 1024;

/**
 * The values of a type by byte, all exact in float32, or undefined for a type that has no such table. Types of less than
 * eight bits repeat theirs.
 */
export function tableValues(dtype: string): Float32Array<ArrayBuffer> | undefined {
  const rule = rules.get(dtype);
  return rule && Float32Array.from({ length: 256 }, (_, code) => rule(code));
}
