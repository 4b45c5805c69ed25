import type { PlacedError } from '../../protocol/engineApi';

/** As many as fit beside the pictures. */
const worstCount = 16;

/** The largest |original - dequantized|, of equal ones the first in the tensor, from candidates in any order; none that are exact or NaN. */
export function worstOf(candidates: readonly PlacedError[]): PlacedError[] {
  const size = ({ original, dequantized }: PlacedError) => Math.abs(original - dequantized);
  return candidates
    .filter((candidate) => size(candidate) > 0)
    .sort((a, b) => size(b) - size(a) || a.row - b.row || a.column - b.column)
    .slice(0, worstCount);
}
