/** What a way of pruning is made of: setting weights to 0, alone or before a quantization. */
import type { Band, Knowledge, Survey } from '../scheme';

export interface Pruning {
  /** Bands begin at multiples of this many values. */
  readonly unit: number;
  readonly surveys: readonly Survey[];
  /** The band with pruned values 0, in memory of its own. `known` begins with the results of the surveys. */
  apply(band: Band, known: Knowledge): Band;
}

/** The share that is pruned when none is chosen. */
export const defaultRatio = 0.5;
