/** Where a histogram gets its counts from. */
import type { DisplayHistogram } from '../../../src/protocol/engineApi';
import type { ValueRange } from '../../draw/histogramZoom';

export interface DistributionRequest {
  readonly bins: number;
  /** Only the values in it are counted into bins; undefined: all. */
  readonly range?: ValueRange | undefined;
  readonly sigmas?: readonly number[] | undefined;
}

export interface Distribution {
  readonly histogram: DisplayHistogram | null;
  /** How many values lie further than `sigma` standard deviations from the mean. */
  readonly beyond: readonly { readonly sigma: number; readonly count: number; readonly isExact: boolean }[];
}

/** Counts one tensor's values anew. */
export type DistributionSource = (request: DistributionRequest, signal: AbortSignal) => Promise<Distribution>;

/** Another tensor, to be drawn over the first. */
export interface HistogramOverlay {
  readonly label: string;
  readonly distribution: DistributionSource;
}
