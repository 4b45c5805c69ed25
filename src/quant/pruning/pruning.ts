/** What a way of pruning is made of: setting weights to 0, alone or before a quantization. */
import type { Band, Knowledge, Survey } from '../scheme';

export interface Pruning {
  /** Bands begin at multiples of this many values. */
  readonly unit: number;
  readonly surveys: readonly Survey[];
  /** The band with pruned values 0, in memory of its own. `known` begins with the results of the surveys. */
  apply(band: Band, known: Knowledge): Band;
  /** The same as data, for the kernels. */
  rule(known: Knowledge): PruneRule;
}

/** Which values stay as they are. The others become 0. */
export type PruneRule =
  | { readonly kind: 'all' | 'none' }
  /** Magnitudes above a float32. */
  | { readonly kind: 'above'; readonly threshold: number }
  /** Of every `of` values of a row the `keep` largest magnitudes, of equal ones the first. */
  | { readonly kind: 'ranks'; readonly keep: number; readonly of: number }
  /** Columns, or runs of `rows` rows, whose entry is 0. */
  | { readonly kind: 'columns'; readonly pruned: Uint8Array }
  | { readonly kind: 'rows'; readonly pruned: Uint8Array; readonly rows: number };

/** The share that is pruned when none is chosen. */
export const defaultRatio = 0.5;
