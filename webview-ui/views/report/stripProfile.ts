/** The error of the rows or columns of a tensor, for the strips along its pictures. */
import { ProfilePyramid } from '../../state/profilePyramid';
import { standsOut } from './remark';

/** A profile ready to be drawn at any zoom. */
export interface StripProfile {
  readonly pyramid: ProfilePyramid;
  readonly median: number;
  /** Rows or columns whose error stands out, ascending. */
  readonly outliers: readonly number[];
}

/** What a profile of mean |error| says of its rows or columns. */
export function stripProfile(values: Float32Array): StripProfile {
  const sorted = values.slice().sort();
  const median = sorted[sorted.length >> 1] ?? 0;
  const outliers: number[] = [];
  if (median > 0)
    for (let i = 0; i < values.length; i++) if (values[i]! > standsOut * median) outliers.push(i);
  return { pyramid: new ProfilePyramid(values), median, outliers };
}
