/** What a dialog says of the room on a target's disk. Pure. */
import { binarySize } from '../numeric/sizeText';
import type { QuantizeReport } from '../protocol/engineApi';

/** Ends a sentence on the target: what writing takes and what is free, as a warning where that is too little. Empty where the system does not tell. */
export function roomText({ space }: Pick<QuantizeReport, 'space'>): string {
  if (space?.freeBytes === undefined) return '';
  const { neededBytes, freeBytes } = space;
  return freeBytes < neededBytes
    ? `. $(warning) It needs ${binarySize(neededBytes)}, and only ${binarySize(freeBytes)} are free there`
    : `, which needs ${binarySize(neededBytes)} of ${binarySize(freeBytes)} free`;
}
