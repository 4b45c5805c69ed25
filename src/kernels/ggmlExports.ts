/** The kernels that encode ggml's block types; what they compute is in src/quant/schemes/ggml, whose plain code gives the same bytes. */
import type { latticeDtypes } from './latticeTables';

/** Types with an encoder, the export `encode` + name; those of `latticeDtypes` have one too. */
export const encodedTypes = [
  ...(['Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1'] as const),
  ...(['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'] as const),
  ...(['IQ4_NL', 'IQ4_XS', 'MXFP4', 'TQ1_0', 'TQ2_0'] as const),
];

/**
 * Encodes `elements` finite float32, whole blocks, to bytes at `dst`. `importance` points to `columns` float32, or is 0: with it, whole rows
 * are encoded. Returns 1 where a block's scale is beyond F16 (what is at `dst` is then of no use), else 0.
 */
export type BlockEncoder = (
  src: number,
  dst: number,
  elements: number,
  importance: number,
  columns: number,
) => number;

/** The same with the tables of `latticeTables`, for types that choose points of a lattice. */
export type LatticeEncoder = (...args: [...Parameters<BlockEncoder>, tables: number]) => number;

export type GgmlExports = Record<`encode${(typeof encodedTypes)[number]}`, BlockEncoder> &
  Record<`encode${keyof typeof latticeDtypes}`, LatticeEncoder>;
