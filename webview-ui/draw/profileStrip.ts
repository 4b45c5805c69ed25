/** A profile along one edge of a matrix, one device pixel at a time: it follows every zoom and pan of the matrix. */
import type { ProfilePyramid } from '../state/profilePyramid';
import { cssColour } from './colour';
import type { ThemeColours } from './theme';

export interface StripFrame {
  readonly axis: 'rows' | 'columns';
  /** Of the strip's canvas, device pixels. */
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
  /** Element at the strip's start, and device pixels an element. */
  readonly start: number;
  readonly scale: number;
  readonly profile: ProfilePyramid | undefined;
  /** Ascending indices. */
  readonly outliers: readonly number[];
  readonly median: number;
  /** The indices under the cursor and of the selected element. */
  readonly hovered: number | undefined;
  readonly selected: number | undefined;
  readonly theme: ThemeColours;
}

/** Least width of an outlier's bar, CSS pixels. */
const outlierWidth = 2;

/**
 * Bars are as long as the square root of their value: beside an outlier of forty times the median the others are still
 * seen. Columns grow upwards from the matrix, rows to the left of it; both are largest away from it.
 */
export function paintStrip(context: CanvasRenderingContext2D, frame: StripFrame): void {
  const { width, height, theme, profile, scale, start, ratio } = frame;
  const isColumns = frame.axis === 'columns';
  const length = isColumns ? width : height;
  const depth = isColumns ? height : width;
  const line = Math.max(1, Math.round(ratio));
  context.fillStyle = cssColour(theme.background);
  context.fillRect(0, 0, width, height);
  if (!profile) return;
  const most = profile.greatest;
  const bar = (from: number, thickness: number, size: number) => {
    if (isColumns) context.fillRect(from, depth - size, thickness, size);
    else context.fillRect(depth - size, from, size, thickness);
  };
  const sizeOf = (value: number) =>
    value > 0 && most > 0 ? Math.max(line, Math.round(Math.sqrt(value / most) * (depth - 2 * line))) : 0;
  const edge = (index: number) => Math.round((index - start) * scale);
  context.fillStyle = theme.first;
  if (scale < 3) {
    for (let at = 0; at < length; at++) {
      const from = Math.floor(start + at / scale);
      const to = Math.max(from + 1, Math.ceil(start + (at + 1) / scale));
      if (from >= profile.length) break;
      bar(at, 1, sizeOf(profile.largest(from, to)));
    }
  } else {
    const end = Math.min(profile.length, Math.ceil(start + length / scale));
    for (let index = Math.floor(start); index < end; index++)
      bar(
        edge(index),
        Math.max(1, edge(index + 1) - edge(index) - line),
        sizeOf(profile.largest(index, index + 1)),
      );
  }
  if (frame.median > 0) {
    context.fillStyle = theme.foreground;
    context.globalAlpha = 0.5;
    const at = depth - sizeOf(frame.median);
    const last = Math.min(length, edge(profile.length));
    for (let dash = 0; dash < last; dash += 7 * line)
      context.fillRect(
        isColumns ? dash : at,
        isColumns ? at : dash,
        isColumns ? 4 * line : line,
        isColumns ? line : 4 * line,
      );
    context.globalAlpha = 1;
  }
  paintOutliers(frame, length, edge, bar, sizeOf, context);
  for (const [index, alpha] of [
    [frame.selected, 0.9],
    [frame.hovered, 0.55],
  ] as const) {
    if (index === undefined) continue;
    const at = Math.floor((edge(index) + edge(index + 1)) / 2);
    context.fillStyle = theme.foreground;
    context.globalAlpha = alpha;
    context.fillRect(
      isColumns ? at : 0,
      isColumns ? 0 : at,
      isColumns ? line : width,
      isColumns ? height : line,
    );
    context.globalAlpha = 1;
  }
}

function paintOutliers(
  { outliers, theme, profile, scale, start, ratio }: StripFrame,
  length: number,
  edge: (index: number) => number,
  bar: (from: number, thickness: number, size: number) => void,
  sizeOf: (value: number) => number,
  context: CanvasRenderingContext2D,
): void {
  const first = firstFrom(outliers, Math.floor(start));
  const thickness = Math.round(outlierWidth * ratio);
  let last = Number.NEGATIVE_INFINITY;
  context.fillStyle = theme.warning;
  for (let at = first; at < outliers.length; at++) {
    const index = outliers[at]!;
    const from = edge(index);
    if (from > length) break;
    // Outliers that share a pixel are one bar.
    if (from === last && scale < 1) continue;
    last = from;
    const size = sizeOf(profile!.largest(index, index + 1));
    bar(from, Math.max(thickness, edge(index + 1) - from - 1), size);
  }
}

/** Place of the first entry of an ascending list that is at least `value`. */
function firstFrom(list: readonly number[], value: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
