/**
 * Kernels that fold runs of values into statistics: power sums, counts and channels in one walk, and the few values that need a
 * second look. `Kernels.folds` has them; pointers are offsets into the kernels' memory.
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
    histogram: number,
    near: number,
    list: number,
    out: number,
  ): number;
  foldPatterns(
    src: number,
    n: number,
    startColumn: number,
    columns: number,
    rowMax: number,
    columnMax: number,
    rowSumSq: number,
    columnSumSq: number,
    histogram: number,
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
  largestMagnitude32(src: number, n: number): number;
  magnitudeRange16(src: number, n: number, out: number): void;
  extremes32(src: number, n: number, out: number): void;
  countZeros(src: number, n: number): number;
  topCandidates(src: number, n: number, threshold: number, out: number): number;
  tailBands(src: number, n: number, center: number, nearest: number, state: number): void;
  tailBands64(src: number, n: number, state: number): void;
  tailGroups(
    list: number,
    groups: number,
    strideBytes: number,
    center: number,
    nearest: number,
    state: number,
  ): void;
  groupExtremes(list: number, groups: number, strideBytes: number, out: number): void;
  groupCandidates(
    list: number,
    groups: number,
    strideBytes: number,
    threshold: number,
    out: number,
    most: number,
  ): number;
}

/** Groups of four values, of which at least one is far from 0, that `foldFinite` came by. */
export interface FarGroups {
  readonly listPtr: number;
  readonly groups: number;
  /** From a group's values to those of the next row, which belong to it too unless its address is odd. */
  readonly strideBytes: number;
  /** Every value of at least this magnitude is in one of the groups. */
  readonly near: number;
}

/** What one walk over float32 values gives. */
export interface FoldedRun {
  /** Power sums around 0. Extremes, zeros and counts of what is not finite are not looked for. */
  readonly sums: ShiftedSums;
  /** Largest pattern without its sign: that of infinity or of a NaN when one of them is. Only the counts are good then. */
  readonly largest: number;
  /** Undefined where far values were not listed. */
  readonly far: FarGroups | undefined;
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

/** Patterns of bfloat16 whose squares, and sums of many of them, are normal numbers of float32: 2^-60 to 2^60. */
export const foldablePatterns = { smallest: 0x2180, largest: 0x5d80 } as const;

/** The float32 pattern of infinity; those of NaN are larger. */
const infinityPattern = 0x7f800000;

/** Bytes of the state of `tailBands` before its list. */
const bandHeaderBytes = 64;

/** Where in the scratch memory a group may be listed of which nobody wants to know. */
const listAt = 128;

export class ValueFolds {
  constructor(
    private readonly memory: WasmMemory,
    private readonly exports: FoldExports,
    private readonly scratch: number,
  ) {}

  /**
   * Power sums around 0 of n finite float32 values, their channels as `channels` gives them, and their counts as
   * `histogramF32` does. No sum of a lane has more than 260 terms before it is added, with its rounding error, to the total.
   * Extremes, zeros and counts of what is not finite are not looked for. With `bands`, whose values `tailBands` would sort,
   * also sorts them; `listPtr` then has room for n / 4 u32.
   */
  foldFinite(
    srcPtr: number,
    n: number,
    place: ChannelPlace,
    histPtr: number,
    bands?: { readonly statePtr: number; readonly listPtr: number } | undefined,
  ): ShiftedSums {
    return this.foldRun(srcPtr, n, place, histPtr, bands).sums;
  }

  /**
   * As `foldFinite`, for values that are probably finite, with what else the walk came by. Where they are not, which
   * `largest` tells, they are counted in the histogram and nothing else that was written is good.
   */
  foldRun(
    srcPtr: number,
    n: number,
    place: ChannelPlace,
    histPtr: number,
    bands?: { readonly statePtr: number; readonly listPtr: number } | undefined,
  ): FoldedRun {
    const { scratch } = this;
    const [startColumn, columns] = place;
    // Groups of four lie across no row's end, and begin where an address has its lowest bit free.
    const isGrouped = ((startColumn | columns | n) & 3) === 0 && (srcPtr & 3) === 0;
    const search = bands && this.search(bands.statePtr);
    // From the center, |x| says enough while it is not far from 0; else nearly all groups would be listed.
    const near = search ? search.nearest - Math.abs(search.center) : 0;
    const isNear = isGrouped && search !== undefined && near > 0.6 * search.nearest;
    const least = isNear ? Math.fround(near * (1 - 2 ** -22)) : Number.POSITIVE_INFINITY;
    // Where nothing is listed, one place is written all the same.
    const listPtr = isNear ? bands!.listPtr : scratch + listAt;
    const groups = this.exports.foldFinite(srcPtr, n, ...place, histPtr, least, listPtr, scratch);
    const [s1, s2, s3, s4] = new Float64Array(this.memory.buffer, scratch, 4);
    const largest = new Uint32Array(this.memory.buffer, scratch + 32, 1)[0]!;
    const far = isNear ? { listPtr, groups, strideBytes: 4 * columns, near: least } : undefined;
    if (largest < infinityPattern) {
      if (far && search)
        this.exports.tailGroups(listPtr, groups, 4 * columns, search.center, search.nearest, bands!.statePtr);
      else if (bands) this.tailBands(srcPtr, n, bands.statePtr);
    }
    const sums = {
      finite: n,
      s1: s1!,
      s2: s2!,
      s3: s3!,
      s4: s4!,
      min: Number.POSITIVE_INFINITY,
      max: Number.NEGATIVE_INFINITY,
      zeros: 0,
      nan: 0,
      inf: 0,
      posInf: 0,
      denormals: 0,
    };
    return { sums, largest, far };
  }

  /** As `extremes32` of the values of the groups alone. */
  groupExtremes({ listPtr, groups, strideBytes }: FarGroups): { readonly min: number; readonly max: number } {
    this.exports.groupExtremes(listPtr, groups, strideBytes, this.scratch);
    const [min, max] = new Float64Array(this.memory.buffer, this.scratch, 2);
    return { min: min!, max: max! };
  }

  /**
   * Pointers of the groups' values whose magnitude is above `threshold` (a float32), in the order of the walk; undefined when
   * there are more than `most`, for which `outPtr` has room as u32.
   */
  groupCandidates(
    { listPtr, groups, strideBytes }: FarGroups,
    threshold: number,
    outPtr: number,
    most: number,
  ): Uint32Array | undefined {
    const found = this.exports.groupCandidates(listPtr, groups, strideBytes, threshold, outPtr, most);
    return found > most ? undefined : new Uint32Array(this.memory.buffer, outPtr, found);
  }

  /**
   * Channels of n bfloat16 patterns as `channelsBF16` gives them, but sums of squares are off by up to 3e-7 of themselves,
   * and counts as `histogramU16` does. Patterns without their sign are 0 or lie in `foldablePatterns`.
   */
  foldPatterns(srcPtr: number, n: number, place: ChannelPlace, histPtr: number): void {
    this.exports.foldPatterns(srcPtr, n, ...place, histPtr);
  }

  /** As `channels` for n finite bfloat16 patterns; the arrays of maxima take u16 patterns without sign. */
  channelsBF16(srcPtr: number, n: number, place: ChannelPlace): void {
    this.exports.channelsBF16(srcPtr, n, ...place);
  }

  /** Largest of n 16-bit patterns without their sign: infinity or NaN when one of them is. 0 for none. */
  largestMagnitude16(srcPtr: number, n: number): number {
    return this.exports.largestMagnitude16(srcPtr, n);
  }

  /** As `largestMagnitude16` of n float32 patterns. */
  largestMagnitude32(srcPtr: number, n: number): number {
    return this.exports.largestMagnitude32(srcPtr, n) >>> 0;
  }

  /** As `largestMagnitude16`, and the smallest that is not zero: 0x10000 where all are. */
  magnitudeRange16(srcPtr: number, n: number): { readonly largest: number; readonly smallest: number } {
    this.exports.magnitudeRange16(srcPtr, n, this.scratch);
    const [largest, smallest] = new Uint32Array(this.memory.buffer, this.scratch, 2);
    return { largest: largest!, smallest: smallest! };
  }

  /** Extremes of n finite float32 values, never -0. Infinity and -Infinity for none. */
  extremes32(srcPtr: number, n: number): { readonly min: number; readonly max: number } {
    this.exports.extremes32(srcPtr, n, this.scratch);
    const [min, max] = new Float64Array(this.memory.buffer, this.scratch, 2);
    return { min: min!, max: max! };
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
    const { center, nearest } = this.search(statePtr);
    this.exports.tailBands(srcPtr, n, center, nearest, statePtr);
  }

  /** Float32 differences from the center that are looked at in float64: allows for their rounding, and the center's. */
  private search(statePtr: number): { readonly center: number; readonly nearest: number } {
    const [exact, low3] = new Float64Array(this.memory.buffer, statePtr, 2);
    const center = Math.fround(exact!);
    const slack = 2 ** -22 * low3! + Math.abs(center - exact!) + 2 ** -149;
    return { center, nearest: Math.max(0, (low3! - slack) * (1 - 2 ** -22)) };
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
