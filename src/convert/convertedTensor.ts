/** A tensor of a GGUF file and what it is made of. */

/** How values come from tensors of the source. */
export type TensorMaking =
  /** The tensor as it is. */
  | { readonly kind: 'copy'; readonly source: string }
  /** Each head's rows in pairs: llama.cpp turns neighbours by a position, transformers the halves. */
  | { readonly kind: 'pair-rows'; readonly source: string; readonly heads: number }
  /** Plus a constant: norms whose formula has 1 + weight. */
  | { readonly kind: 'add'; readonly source: string; readonly addend: number }
  /** Rows and columns exchanged: GPT-2's modules hold [in, out]. */
  | { readonly kind: 'transpose'; readonly source: string }
  /** Tensors of one shape behind each other, along a new first dimension: experts. */
  | { readonly kind: 'stack'; readonly sources: readonly string[] }
  /** Of each of the experts that one tensor holds, as many rows as the shape says, from `firstRow` on. */
  | {
      readonly kind: 'expert-rows';
      readonly source: string;
      readonly firstRow: number;
      /** Each expert is stored with its rows as columns. */
      readonly isTransposed: boolean;
    }
  /** The first rows only: an embedding without rows that no token has. */
  | { readonly kind: 'first-rows'; readonly source: string }
  /** Computed from the config. */
  | { readonly kind: 'given'; readonly values: Float32Array };

export interface ConvertedTensor {
  readonly name: string;
  /** Outermost first. */
  readonly shape: readonly number[];
  readonly making: TensorMaking;
  /** llama.cpp reads it in no other type: vectors, norms, routers, positions. */
  readonly isAlwaysF32: boolean;
}

/** The source's tensor, by name and shape. */
export interface SourceTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Whether a making takes its rows, as they lie, out of experts that share one tensor. */
export const isFusedRows = (making: TensorMaking): making is Extract<TensorMaking, { kind: 'expert-rows' }> =>
  making.kind === 'expert-rows' && !making.isTransposed;
