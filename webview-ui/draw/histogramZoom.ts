/** Which values a histogram shows, and what moves that range. Pure; ranges are closed and of values. */

export interface ValueRange {
  readonly min: number;
  readonly max: number;
}

/** Narrowest range that is still zoomed into, as a share of the magnitudes in it: below it float32 has no steps. */
const narrowest = 2 ** -22;

/** The part of `range` that lies in `full`, moved inside where it sticks out and never wider than it. */
export function boundedRange(range: ValueRange, full: ValueRange): ValueRange {
  const width = range.max - range.min;
  if (!(width < full.max - full.min)) return full;
  if (range.min < full.min) return { min: full.min, max: full.min + width };
  if (range.max > full.max) return { min: full.max - width, max: full.max };
  return range;
}

/** Shrinks (factor below 1) or widens a range around a value that stays where it is on the screen. */
export function zoomedRange(range: ValueRange, full: ValueRange, around: number, factor: number): ValueRange {
  const width = (range.max - range.min) * factor;
  const magnitude = Math.max(Math.abs(range.min), Math.abs(range.max));
  if (factor < 1 && !(width > magnitude * narrowest)) return range;
  const share = (around - range.min) / (range.max - range.min);
  const min = around - width * share;
  return boundedRange({ min, max: min + width }, full);
}

/** Moves a range by a share of its width; positive to larger values. */
export function movedRange(range: ValueRange, full: ValueRange, share: number): ValueRange {
  const step = (range.max - range.min) * share;
  return boundedRange({ min: range.min + step, max: range.max + step }, full);
}

/** The smallest range that holds both. */
export function joinedRange(one: ValueRange, other: ValueRange | undefined): ValueRange {
  if (!other) return one;
  return { min: Math.min(one.min, other.min), max: Math.max(one.max, other.max) };
}

export function isSameRange(one: ValueRange, other: ValueRange): boolean {
  return one.min === other.min && one.max === other.max;
}
