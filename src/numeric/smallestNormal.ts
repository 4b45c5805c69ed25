import { dtypes } from './dtypes';

/**
 * Smallest positive normal number of each float type: IEEE 754-2019 table 3.5 for F16, F32 and F64, OFP8 1.0 section 5.2 for
 * the 8-bit types (the FNUZ variants have one exponent more below), OCP Microscaling Formats 1.0 sections 5.3.2 and 5.3.3 for
 * those of 6 and 4 bits. F8_E8M0 has no other numbers, hence 0.
 */
const smallest: Readonly<Record<string, number>> = {
  F64: 2 ** -1022,
  F32: 2 ** -126,
  BF16: 2 ** -126,
  F16: 2 ** -14,
  F8_E5M2: 2 ** -14,
  F8_E4M3: 2 ** -6,
  F8_E5M2FNUZ: 2 ** -15,
  F8_E4M3FNUZ: 2 ** -7,
  F8_E8M0: 0,
  F6_E3M2: 2 ** -2,
  F6_E2M3: 1,
  F4: 1,
};

/**
 * The magnitude below which numbers of a stored type are denormal; 0 for integers, which have none. Block types and
 * packed codes, unknown names among them, become float32 before anything is counted and have its limit.
 */
export function smallestNormal(dtype: string): number {
  const kind = dtypes.get(dtype)?.kind;
  if (kind === 'int' || kind === 'bool') return 0;
  return smallest[dtype] ?? smallest.F32!;
}
