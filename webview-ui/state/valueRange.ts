/** Which values the colours of a picture span. */
import type { TensorStats } from '../../src/protocol/engineApi';
import type { MagnitudeRanks } from './magnitudeRanks';

/** The end of the colour scale: outliers beyond it would leave everything else in one colour. */
export function pictureRange(stats: Pick<TensorStats, 'absmax' | 'percentiles'>): {
  readonly max: number;
  readonly isCut: boolean;
} {
  const absmax = stats.absmax ?? 0;
  const typical =
    1.5 * Math.max(Math.abs(stats.percentiles['0.1'] ?? 0), Math.abs(stats.percentiles['99.9'] ?? 0));
  return typical > 0 && absmax > 2 * typical ? { max: typical, isCut: true } : { max: absmax, isCut: false };
}

/** What a cell of the viewer says: engine aggregates, and the largest without its sign. */
export type CellKind = 'extreme' | 'magnitude' | 'mean' | 'rms';

export type RangeMode = 'auto' | 'whole' | 'percentile' | 'view' | 'typed';

export interface RangeRequest {
  readonly mode: RangeMode;
  readonly cells: CellKind;
  readonly stats: Pick<TensorStats, 'absmax' | 'percentiles'> | undefined;
  readonly ranks: Pick<MagnitudeRanks, 'magnitudeAt'> | undefined;
  /** For 'percentile', 0..100. */
  readonly percent: number;
  readonly typed: { readonly min: number; readonly max: number } | undefined;
  /** Magnitudes of the cells that are shown, ascending. */
  readonly shown: () => Float32Array;
}

export interface ValueRange {
  readonly min: number;
  readonly max: number;
  /** Values beyond the ends exist, and take the end's colour. */
  readonly isCut: boolean;
}

/** Share of the shown cells that an automatic range of averages covers. */
const shownShare = 0.999;

/** An automatic range is cut where the largest magnitude is this many times beyond what is typical. */
const autoCut = 1.5;
/**
 * A cell of middling magnitude takes a third of the range: the largest of a thousand values is nearly always an extreme
 * one, and a picture of cells that each show one would be of one colour.
 */
const typicalTimes = 3;
/** Ranges that follow the view go by steps, so that colours do not change with every movement. */
const step = 1.25;

const middleOf = (ascending: Float32Array): number => ascending[ascending.length >> 1] ?? 0;

const rounded = (value: number): number =>
  value > 0 ? step ** Math.ceil(Math.log(value) / Math.log(step) - 1e-9) : 0;

/** The range, around zero for signed cells and from zero for others; undefined while nothing is known. */
export function valueRange(request: RangeRequest): ValueRange | undefined {
  const { mode, cells, stats, ranks, percent, typed } = request;
  if (mode === 'typed' && typed && typed.max > typed.min) return { ...typed, isCut: true };
  const isSigned = cells === 'extreme' || cells === 'mean';
  const around = (max: number, isCut: boolean): ValueRange => {
    const end = max > 0 ? max : 1;
    return { min: isSigned ? -end : 0, max: end, isCut };
  };
  const absmax = stats?.absmax ?? undefined;
  const isAverage = cells === 'mean' || cells === 'rms';
  if (stats && absmax !== undefined) {
    if (mode === 'whole' || mode === 'typed') return around(absmax, false);
    if (mode === 'auto' && !isAverage) {
      const most = Math.max(
        Math.abs(stats.percentiles['0.1'] ?? 0),
        Math.abs(stats.percentiles['99.9'] ?? 0),
      );
      const typical = Math.max(most, rounded(typicalTimes * middleOf(request.shown())));
      const isCut = typical > 0 && absmax > autoCut * typical;
      return around(isCut ? typical : absmax, isCut);
    }
    if (mode === 'percentile' && ranks) {
      const max = ranks.magnitudeAt(Math.min(100, Math.max(0, percent)) / 100);
      return around(max, max < absmax);
    }
  }
  const shown = request.shown();
  if (shown.length === 0) return undefined;
  const last = shown.length - 1;
  const share = mode === 'percentile' ? percent / 100 : mode === 'auto' && isAverage ? shownShare : 1;
  const max = shown[Math.min(last, Math.max(0, Math.floor(share * shown.length)))]!;
  return around(max, max < Math.max(absmax ?? 0, shown[last]!));
}

/** Whether the range follows what is shown. */
export const followsView = (mode: RangeMode): boolean => mode === 'view' || mode === 'auto';
