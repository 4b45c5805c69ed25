/** Exact bytes of a model's weights, were every parameter stored in one type. */

export interface WeightMemory {
  readonly label: 'F32' | 'F16/BF16' | 'INT8' | 'INT4';
  readonly bytes: number;
}

/**
 * From each tensor's element count. INT4 packs two values into a byte and rounds up per tensor. Scales, zero
 * points and padding are left out: they depend on the scheme.
 */
export function weightMemory(elementCounts: Iterable<number>): WeightMemory[] {
  let parameters = 0;
  let int4 = 0;
  for (const elements of elementCounts) {
    parameters += elements;
    int4 += Math.ceil(elements / 2);
  }
  return [
    { label: 'F32', bytes: parameters * 4 },
    { label: 'F16/BF16', bytes: parameters * 2 },
    { label: 'INT8', bytes: parameters },
    { label: 'INT4', bytes: int4 },
  ];
}
