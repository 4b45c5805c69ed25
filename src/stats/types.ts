/** What the statistics of a tensor are, as values that cross process borders. */

export interface AxisStats {
  /** Largest |x| of each row or column. */
  readonly absmax: Float32Array;
  /** Indices whose absmax is beyond `outlierFactor` times the median of the axis, ascending. */
  readonly outliers: readonly number[];
  /** Share (0..1) of the tensor's sum of squares that lies in those rows or columns. */
  readonly outlierEnergy: number;
  readonly median: number;
}

export interface ChannelStats {
  /** The tensor seen as a matrix: rows = first dimension, columns = the rest. A 1-D tensor is one row. */
  readonly rows: AxisStats;
  readonly columns: AxisStats;
}

export interface DisplayHistogram {
  /** Lower edge of the first and upper edge of the last bin. */
  readonly min: number;
  readonly max: number;
  readonly counts: Float64Array;
}

/** Figures over the finite values; NaN and infinities are counted and left out. null: no finite value. */
export interface TensorStats {
  readonly name: string;
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Of the population. */
  readonly std: number | null;
  readonly absmax: number | null;
  /** Excess: m4 / std^4 - 3; null when std is 0. */
  readonly kurtosis: number | null;
  readonly nan: number;
  readonly inf: number;
  readonly zeros: number;
  /** Counts of |x - mean| > k std. */
  readonly outliers: { readonly sigma3: number; readonly sigma6: number };
  readonly percentiles: Readonly<Record<'0.1' | '1' | '50' | '99' | '99.9', number | null>>;
  readonly histogram: DisplayHistogram | null;
  readonly channels?: ChannelStats | undefined;
}
