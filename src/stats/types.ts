/** What the statistics of a tensor are, as values that cross process borders. */

/** In float32: magnitudes of F64 beyond its range are told as its largest number, and those below it as 0. */
export interface AxisStats {
  /** Largest |x| of each row or column. */
  readonly absmax: Float32Array;
  /** Root of the mean square of each row's or column's finite values; 0 where there is none. */
  readonly rms: Float32Array;
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
  /** Columns whose absmax is at least the threshold of LLM.int8() (Dettmers et al. 2022), ascending. */
  readonly int8Columns: readonly number[];
}

/** What the channels of a tensor come to, in a few numbers. */
export interface OutlierChannels {
  /** How many rows and columns are outliers, see `AxisStats`. */
  readonly rows: number;
  readonly columns: number;
  /** Share (0..1) of the tensor's sum of squares that lies in them. */
  readonly rowEnergy: number;
  readonly columnEnergy: number;
  /** How many columns reach the threshold of LLM.int8(). */
  readonly int8Columns: number;
}

/** 'none': no channels. 'summary': their outliers counted, no arrays and no display histogram. 'full': everything. */
export type ChannelDetail = 'none' | 'summary' | 'full';

export interface DisplayHistogram {
  /** Lower edge of the first and upper edge of the last bin. */
  readonly min: number;
  readonly max: number;
  readonly counts: Float64Array;
}

/** A value and its place in the flattened tensor, the last dimension varying fastest. */
export interface PlacedValue {
  readonly index: number;
  readonly value: number;
}

/** How many of the largest values are told with their places. */
export const topCount = 16;

/** Figures over the finite values; NaN and infinities are counted and left out. null: no finite value. */
export interface TensorStats {
  readonly name: string;
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Of the population. */
  readonly std: number | null;
  /** m3 / std^3; null when std is 0. */
  readonly skewness: number | null;
  readonly absmax: number | null;
  /** Root of the mean square. */
  readonly rms: number | null;
  /** absmax / rms, at least 1; null when all values are 0. */
  readonly crest: number | null;
  /** Excess: m4 / std^4 - 3; null when std is 0. */
  readonly kurtosis: number | null;
  /**
   * Shannon entropy, in bits, of the histogram over the top 16 bits of the stored values (of BF16, F16 and smaller
   * types the values themselves; of others the top half of their float32, or the top quarter of their float64 where one of them is no
   * normal float32), NaN and infinities included.
   */
  readonly entropy: number | null;
  readonly nan: number;
  /** posInf + negInf. */
  readonly inf: number;
  readonly posInf: number;
  readonly negInf: number;
  /** 0 and -0. */
  readonly zeros: number;
  /**
   * Values that are not 0 and below the smallest normal number of the float type that they are stored in; of block
   * and packed types, below float32's after dequantization. Integers have none.
   */
  readonly denormals: number;
  /** Counts of |x - mean| > k std. */
  readonly outliers: { readonly sigma3: number; readonly sigma6: number };
  readonly percentiles: Readonly<Record<'0.1' | '1' | '50' | '99' | '99.9', number | null>>;
  /** The finite values of largest magnitude, at most `topCount`, largest first; of equal ones those of lowest index. */
  readonly top: readonly PlacedValue[];
  readonly histogram: DisplayHistogram | null;
  readonly channels?: ChannelStats | undefined;
  /** There whenever channels were looked at, also when their arrays are left out. */
  readonly outlierChannels?: OutlierChannels | undefined;
}
