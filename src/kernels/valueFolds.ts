/**
 * Kernels that fold runs of values into statistics: power sums with channels in one walk, channels of bfloat16, and the few
 * values that need a second look. `Kernels.folds` has them; pointers are offsets into the kernels' memory.
 */
import type { ShiftedSums } from './shiftedSums';
import type { WasmMemory } from './webAssembly';

/** What the module exports for this. */
export interface FoldExports {
  foldFinite(
    src: number,
    n: number,
    startColumn: number,
    columns: number,
    rowMax: number,
    columnMax: number,
    rowSumSq: number,
    columnSumSq: number,
    out: number,
  ): void;
  channelsBF16(
    src: number,
    n: number,
    startColumn: number,
    columns: number,
    rowMax: number,
    columnMax: number,
    rowSumSq: number,
    columnSumSq: number,
  ): void;
  largestMagnitude16(src: number, n: number): number;
  specialBins(histogram: number, out: number): void;
  countZeros(src: number, n: number): number;
  topCandidates(src: number, n: number, threshold: number, out: number): number;
  tailBands(src: number, n: number, center: number, nearest: number, state: number): void;
  tailBands64(src: number, n: number, state: number): void;
}

/** Where a run lies in a matrix, and the arrays of its channels. Row arrays begin at the run's first row. */
export type ChannelPlace = readonly [
  startColumn: number,
  columns: number,
  rowMaxPtr: number,
  columnMaxPtr: number,
  rowSumSqPtr: number,
  columnSumSqPtr: number,
];

/** Two rings around a value; those beyond are counted, those in a ring are kept. */
export interface Bands {
  readonly center: number;
  readonly low3: number;
  readonly high3: number;
  readonly low6: number;
  readonly high6: number;
}

/** What was met beyond the inner ends of the bands. */
export interface BandCounts {
  /** Finite values with |x - center| > high3, and > high6. */
  readonly beyond3: number;
  readonly beyond6: number;
  /** Values of the rings low3 .. high3 and low6 .. high6, both ends among them; undefined when there were more than fit. */
  readonly kept: Float64Array | undefined;
}

/** Bytes of the state of `tailBands` before its list. */
const bandHeaderBytes = 64;

export class ValueFolds {
  constructor(
    private readonly memory: WasmMemory,
    private readonly exports: FoldExports,
    private readonly scratch: number,
  ) {}

  /**
   * Power sums around 0 of n finite float32 values, and their channels, as `moments` and `channels` give them. No sum of
   * a lane has more than 512 terms before it is added to the total.
   */
  foldFinite(srcPtr: number, n: number, place: ChannelPlace): ShiftedSums {
    const [startColumn, columns, rowMax, columnMax, rowSumSq, columnSumSq] = place;
    const { scratch } = this;
    this.exports.foldFinite(
      srcPtr,
      n,
      startColumn,
      columns,
      rowMax,
      columnMax,
      rowSumSq,
      columnSumSq,
      scratch,
    );
    const [s1, s2, s3, s4, min, max] = new Float64Array(this.memory.buffer, scratch, 6);
    return {
      finite: n,
      s1: s1!,
      s2: s2!,
      s3: s3!,
      s4: s4!,
      min: min!,
      max: max!,
      zeros: 0,
      nan: 0,
      inf: 0,
      posInf: 0,
      denormals: 0,
    };
  }

  /** As `channels` for n finite bfloat16 patterns; the arrays of maxima take u16 patterns without sign. */
  channelsBF16(srcPtr: number, n: number, place: ChannelPlace): void {
    this.exports.channelsBF16(srcPtr, n, ...place);
  }

  /** Largest of n 16-bit patterns without their sign: infinity or NaN when one of them is. 0 for none. */
  largestMagnitude16(srcPtr: number, n: number): number {
    return this.exports.largestMagnitude16(srcPtr, n);
  }

  /** Counts so far of NaN and infinities, and in the bins of both zeros, of a float32 or bfloat16 histogram; modulo 2^32. */
  specialBins(histPtr: number): { readonly nonFinite: number; readonly zeroBins: number } {
    this.exports.specialBins(histPtr, this.scratch);
    const [nonFinite, zeroBins] = new Uint32Array(this.memory.buffer, this.scratch, 2);
    return { nonFinite: nonFinite!, zeroBins: zeroBins! };
  }

  /** Values among n float32 that equal 0. */
  countZeros(srcPtr: number, n: number): number {
    return this.exports.countZeros(srcPtr, n);
  }

  /**
   * Ascending places of the values among n float32 that can be among the sixteen of largest magnitude: finite, with |x|
   * above `threshold` (a float32), and no fewer than the run's own sixteen largest. `outPtr` has room for n u32.
   */
  topCandidates(srcPtr: number, n: number, threshold: number, outPtr: number): Uint32Array {
    const count = this.exports.topCandidates(srcPtr, n, threshold, outPtr);
    return new Uint32Array(this.memory.buffer, outPtr, count);
  }

  /** Bytes that the state of `tailBands` takes with room for `capacity` values. */
  static bandBytes(capacity: number): number {
    return bandHeaderBytes + 8 * capacity;
  }

  beginBands(statePtr: number, bands: Bands, capacity: number): void {
    const { center, low3, high3, low6, high6 } = bands;
    new Float64Array(this.memory.buffer, statePtr, 8).set([center, low3, high3, low6, high6, 0, 0, 0]);
    new Uint32Array(this.memory.buffer, statePtr + 56, 2).set([0, capacity]);
  }

  /** Sorts n float32 values into bands; non-finite ones are passed over. */
  tailBands(srcPtr: number, n: number, statePtr: number): void {
    const [center, low3] = new Float64Array(this.memory.buffer, statePtr, 2);
    const rounded = Math.fround(center!);
    // Float32 differences decide which values are looked at in float64: allow for their rounding, and that of the center.
    const slack = 2 ** -22 * low3! + Math.abs(rounded - center!) + 2 ** -149;
    this.exports.tailBands(srcPtr, n, rounded, Math.max(0, (low3! - slack) * (1 - 2 ** -22)), statePtr);
  }

  tailBands64(srcPtr: number, n: number, statePtr: number): void {
    this.exports.tailBands64(srcPtr, n, statePtr);
  }

  /** The counts and a copy of the list. */
  endBands(statePtr: number): BandCounts {
    const [beyond3, beyond6] = new Float64Array(this.memory.buffer, statePtr + 40, 2);
    const [kept, capacity] = new Uint32Array(this.memory.buffer, statePtr + 56, 2);
    return {
      beyond3: beyond3!,
      beyond6: beyond6!,
      kept:
        kept! > capacity!
          ? undefined
          : new Float64Array(this.memory.buffer, statePtr + bandHeaderBytes, kept!).slice(),
    };
  }
}
