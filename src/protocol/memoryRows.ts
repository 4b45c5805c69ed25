/** Which rows of an estimate's tables people are shown. Pure. */
import type { MemoryEstimate, SchemeRow } from './memoryApi';

export interface ShownRows {
  readonly schemes: readonly SchemeRow[];
  readonly mixes: readonly SchemeRow[];
  /** Schemes that are left out, since they would leave every tensor as it is. */
  readonly idle: number;
}

/**
 * The largest first. Types of GGUF's files are shown as the mixes that files have, where the model can be one. Casts stay, so that
 * there is always something to compare with.
 */
export function shownRows({ table, mixes }: Pick<MemoryEstimate, 'table' | 'mixes'>): ShownRows {
  const own = table.filter(({ family }) => mixes.length === 0 || family !== 'ggml');
  const schemes = own.filter(({ family, quantized }) => quantized > 0 || family === 'cast');
  const bySize = (a: SchemeRow, b: SchemeRow) => b.bytes - a.bytes;
  return { schemes: schemes.sort(bySize), mixes: mixes.toSorted(bySize), idle: own.length - schemes.length };
}

/** A sentence about the schemes that are left out; undefined where there are none. */
export const idleText = (idle: number): string | undefined =>
  idle === 0
    ? undefined
    : `${idle === 1 ? 'One scheme leaves' : `${idle} schemes leave`} every tensor as it is, because it is quantized already or has no shape that they are for.`;
