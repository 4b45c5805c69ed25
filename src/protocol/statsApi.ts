/** The engine's methods for statistics. */
import type { SerializedError } from '../errors';
import type { ChannelDetail, TensorStats } from '../stats/types';
import type { StatsRecords } from './statsRecords';

/** A folder of files of the engine's making, which several processes may share. */
export interface StatsCacheSettings {
  readonly folder: string;
  /** What its files may take together, in MiB; those used longest ago go first. */
  readonly limitMB: number;
}

/** What a statistics job tells a few times a second, within large tensors too. */
export interface StatsProgress {
  readonly done: number;
  readonly total: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** With `stream`: the figures that are new. */
  readonly records?: StatsRecords | undefined;
  /** With `stream`: tensors on which worker after worker died. */
  readonly failed?: readonly { readonly index: number; readonly error: SerializedError }[] | undefined;
}

export type StatsContract = {
  stats: {
    params: {
      path: string;
      generation?: string | undefined;
      /** Indices into the catalogue, in the order wanted. */
      tensors: readonly number[];
      channels: ChannelDetail;
      /** A channel is an outlier beyond this many times its axis' median; undefined: the default. */
      outlierFactor?: number | undefined;
      /** Magnitude from which a column counts for LLM.int8(); undefined: 6. */
      int8Threshold?: number | undefined;
      /** Where results are kept from one opening to the next; undefined: nowhere. */
      cache?: StatsCacheSettings | undefined;
      /** Figures come with the progress, as they are ready, and the answer is empty. For 'summary' alone. */
      stream?: boolean | undefined;
      /** Only what the cache holds: no value is read, and other tensors are left out of the stream. */
      cachedOnly?: boolean | undefined;
    };
    /** In the order asked for; null where a tensor's values cannot be read. */
    result: readonly (TensorStats | null)[];
    progress: StatsProgress;
  };
  /** Removes all results that are kept in a folder. */
  clearStatsCache: { params: { folder: string }; result: { files: number; bytes: number } };
};
