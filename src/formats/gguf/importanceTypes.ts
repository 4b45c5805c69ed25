/** What is told of an importance matrix; pages know these types too. */

/** Of one weight. A stack of experts has the columns of each expert that was asked. */
export interface WeightImportance {
  /** As the model calls it: "blk.0.attn_v.weight". */
  readonly name: string;
  /** Its layer, and what it is there: "attn_v"; a weight outside of layers has none. */
  readonly layer: number | undefined;
  readonly part: string;
  /** Mean squares that the figures are over: columns, times experts that were asked. */
  readonly elements: number;
  /** Experts of a stack, 1 for other weights, and how many of them were never asked. */
  readonly experts: number;
  readonly unasked: number;
  /** How often inputs were summed up: of experts the least and the most. The older form counts chunks, the newer tokens. */
  readonly leastCount: number;
  readonly mostCount: number;
  /** Sum of the mean squares. */
  readonly total: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** Standard deviation of the mean squares, by their number. */
  readonly deviation: number;
  /** Share of mean squares above 1e-5. */
  readonly active: number;
  /** -sum p log2 p of each column's share p of the sum, in bits. */
  readonly entropy: number;
  /** The same by the log2 of the number of columns: 1 when all columns weigh the same. */
  readonly evenness: number;
  /** Share of mean squares that lie more than a standard deviation above the mean (Dumitru et al. 2024, arXiv 2406.17415, section 3.1). */
  readonly zd: number;
  /** Cosine between the sums and those of the same weight one layer before; undefined where there is none. */
  readonly similarity: number | undefined;
}

/** Means over a layer's weights, each by its number of elements. */
export interface LayerImportance {
  readonly layer: number;
  readonly weights: number;
  readonly total: number;
  readonly zd: number;
  /** A weight that has no layer before it counts as 0, as in llama.cpp. */
  readonly similarity: number;
}

export interface ImportanceStatistics {
  readonly isLegacy: boolean;
  readonly datasets: readonly string[];
  /** 0 where the file does not tell. */
  readonly chunks: number;
  /** In the file's order; weights whose inputs were never seen are left out and counted. */
  readonly weights: readonly WeightImportance[];
  readonly unseen: readonly string[];
  readonly layers: readonly LayerImportance[];
}
