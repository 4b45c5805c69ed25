/** What the compiled module exports. */
import type { GgmlExports } from './ggmlExports';
import type { latticeDtypes } from './latticeTables';
import type { PackedExports } from './packedExports';
import type { PairSumsExports } from './pairSums';
import type { QuantExports } from './quantExports';
import type { FoldExports } from './valueFolds';

/** Types with a decoder to float32 of their own, the export `decode` + name. */
export const kernelDtypes = [
  ...(['F32', 'F16', 'BF16', 'I8', 'U8', 'I16', 'U16', 'U4', 'I4', 'U2', 'I2'] as const),
  ...(['Q8_0', 'Q8_1', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1'] as const),
  ...(['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'Q8_K'] as const),
  ...(['IQ4_NL', 'IQ4_XS', 'MXFP4', 'NVFP4', 'TQ1_0', 'TQ2_0', 'Q1_0', 'Q2_0'] as const),
];
type KernelDtype = (typeof kernelDtypes)[number];

/** Small floats whose decoder also takes their `tableValues`. */
export const tabledDtypes = [
  ...(['F4', 'F6_E2M3', 'F6_E3M2', 'F8_E4M3', 'F8_E5M2', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ'] as const),
];
/** Types whose decoder takes nothing but their `tableValues`. */
export const tableOnlyDtypes = ['BOOL', 'F8_E8M0'] as const;
/** Decodes `elements` values; block types take whole blocks. */
export type Decoder = (srcPtr: number, dstPtr: number, elements: number) => void;
/** As `Decoder`, with the address of what values are looked up in. */
export type LookupDecoder = (srcPtr: number, dstPtr: number, elements: number, tablePtr: number) => void;
type LookupDtype = (typeof tabledDtypes)[number] | keyof typeof latticeDtypes;

/** The module's exports; docstrings are on the methods of `Kernels`. */
export interface KernelExports
  extends Record<`decode${KernelDtype}`, Decoder>,
    Record<`decode${LookupDtype}`, LookupDecoder>,
    PackedExports,
    QuantExports,
    GgmlExports,
    PairSumsExports,
    FoldExports {
  heapBase(): number;
  decodeByTable: LookupDecoder;
  decodeWideI32: Decoder;
  decodeWideU32: Decoder;
  decodeWideI64: Decoder;
  decodeWideU64: Decoder;
  decodeCodes8(
    codes: number,
    dst: number,
    rows: number,
    columns: number,
    stride: number,
    scales: number,
    zeros: number,
  ): void;
  rowRange(src: number, rows: number, columns: number, min: number, max: number): number;
  encode8(
    src: number,
    codes: number,
    rows: number,
    columns: number,
    stride: number,
    inverses: number,
    zeros: number,
    low: number,
    high: number,
  ): void;
  moments(src: number, n: number, shift: number, out: number): void;
  moments64(src: number, n: number, shift: number, out: number): void;
  histogramF32(src: number, n: number, histogram: number): void;
  histogramU16(src: number, n: number, histogram: number): void;
  histogramF64(src: number, n: number, histogram: number): void;
  countBeyond(src: number, n: number, mean: number, sigma3: number, sigma6: number, out: number): void;
  countBeyond64(src: number, n: number, mean: number, sigma3: number, sigma6: number, out: number): void;
  startExtreme(cellState: number, cells: number): void;
  foldExtreme(
    src: number,
    rows: number,
    columns: number,
    edges: number,
    cells: number,
    cellState: number,
  ): void;
  finishExtreme(cellState: number, cells: number, dst: number): void;
  foldSums: KernelExports['foldExtreme'];
  channels(
    src: number,
    n: number,
    startColumn: number,
    columns: number,
    rowMax: number,
    columnMax: number,
    rowSumSq: number,
    columnSumSq: number,
  ): void;
  channels64: KernelExports['channels'];
}
