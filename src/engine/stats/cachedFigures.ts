/** Figures as the arrays of a cache file, and back: what comes from the disk is checked before it is believed. */
import {
  decodeRecord,
  encodeRecords,
  figuresPerRecord,
  knownFlags,
  type StatsRecords,
} from '../../protocol/statsRecords';
import type { AxisStats, TensorStats } from '../../stats/types';
import { topCount } from '../../stats/types';
import type { Section } from './cacheFile';

/** The shape that the figures must fit. */
export interface ExpectedTensors {
  readonly count: number;
  elements(tensor: number): number;
}

/** Bytes that the summaries of `count` tensors take on disk at most. */
export const mostSummaryBytes = (count: number): number =>
  1024 + count * (8 * figuresPerRecord + 12 + 16 * topCount);

export function summarySections(records: StatsRecords): Section[] {
  const { index, flags, figures, topEnd, topIndex, topValue } = records;
  return [index, flags, figures, topEnd, topIndex, topValue];
}

/** The records of sections, or undefined when they are none of these tensors'. */
export function recordsOf(sections: readonly Section[], expected: ExpectedTensors): StatsRecords | undefined {
  const [index, flags, figures, topEnd, topIndex, topValue] = sections;
  if (!(index instanceof Uint32Array && flags instanceof Uint32Array && topEnd instanceof Uint32Array))
    return undefined;
  if (!(figures instanceof Float64Array && topIndex instanceof Float64Array)) return undefined;
  if (!(topValue instanceof Float64Array)) return undefined;
  const count = index.length;
  if (flags.length !== count || topEnd.length !== count) return undefined;
  if (figures.length !== count * figuresPerRecord || topIndex.length !== topValue.length) return undefined;
  if ((topEnd[count - 1] ?? 0) !== topIndex.length) return undefined;
  const records = { index, flags, figures, topEnd, topIndex, topValue };
  for (let i = 0; i < count; i++) {
    const tensor = index[i]!;
    const topStart = i === 0 ? 0 : topEnd[i - 1]!;
    if (tensor >= expected.count || (flags[i]! & ~knownFlags) !== 0) return undefined;
    if (topEnd[i]! < topStart || topEnd[i]! - topStart > topCount) return undefined;
    // An unreadable tensor's numbers are all zero.
    const counted = figures[i * figuresPerRecord]!;
    if (counted !== 0 && counted !== expected.elements(tensor)) return undefined;
  }
  return records;
}

/** Everything about one tensor; `index` is its place in the catalogue. */
export function detailSections(index: number, stats: TensorStats): Section[] {
  const { histogram, channels } = stats;
  const bins = histogram ? Float64Array.of(histogram.min, histogram.max, ...histogram.counts) : undefined;
  const axis = ({ absmax, rms, outliers, outlierEnergy, median }: AxisStats): Section[] => [
    absmax,
    rms,
    Uint32Array.from(outliers),
    Float64Array.of(outlierEnergy, median),
  ];
  return [
    ...summarySections(encodeRecords([{ index, stats }])),
    bins ?? new Float64Array(0),
    ...(channels
      ? [...axis(channels.rows), ...axis(channels.columns), Uint32Array.from(channels.int8Columns)]
      : []),
  ];
}

/** The inverse of `detailSections`; undefined when they do not fit. */
export function detailsOf(
  sections: readonly Section[],
  index: number,
  name: string,
  elements: number,
): TensorStats | undefined {
  const expected = { count: index + 1, elements: () => elements };
  const records = recordsOf(sections.slice(0, 6), expected);
  if (records?.index.length !== 1 || records.index[0] !== index) return undefined;
  const stats = decodeRecord(records, 0, name);
  const bins = sections[6];
  if (!stats || !(bins instanceof Float64Array) || bins.length === 1 || bins.length === 2) return undefined;
  const histogram = bins.length === 0 ? null : { min: bins[0]!, max: bins[1]!, counts: bins.slice(2) };
  if (sections.length === 7) return { ...stats, histogram };
  const rows = axisOf(sections.slice(7, 11));
  const columns = axisOf(sections.slice(11, 15));
  const int8Columns = sections[15];
  if (!rows || !columns || !(int8Columns instanceof Uint32Array) || sections.length !== 16) return undefined;
  if (rows.absmax.length * columns.absmax.length !== elements) return undefined;
  const places = placesOf(int8Columns, columns.absmax.length);
  return places && { ...stats, histogram, channels: { rows, columns, int8Columns: places } };
}

function axisOf([absmax, rms, outliers, figures]: readonly Section[]): AxisStats | undefined {
  if (!(absmax instanceof Float32Array && rms instanceof Float32Array)) return undefined;
  if (!(outliers instanceof Uint32Array && figures instanceof Float64Array)) return undefined;
  if (absmax.length !== rms.length || figures.length !== 2) return undefined;
  const places = placesOf(outliers, absmax.length);
  return places && { absmax, rms, outliers: places, outlierEnergy: figures[0]!, median: figures[1]! };
}

/** Ascending places on an axis. */
function placesOf(places: Uint32Array, length: number): number[] | undefined {
  const fits = places.every((place, i) => place < length && (i === 0 || place > places[i - 1]!));
  return fits ? [...places] : undefined;
}
