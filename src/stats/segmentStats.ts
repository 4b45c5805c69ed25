import type { Kernels, ShiftedSums } from '../kernels/kernels';
import {
  type BandCounts,
  type ChannelPlace,
  type FarGroups,
  type FoldedRun,
  foldablePatterns,
  ValueFolds,
} from '../kernels/valueFolds';
import { f32FromBits } from '../numeric/floats';
import { ChannelSpace } from './channelSpace';
import { completeStats } from './exactMoments';
import { type CentralMoments, centralMoments, mergeMoments, needShift, noMoments } from './moments';
import type { CountedStats } from './partialStats';
import {
  type HistogramKind,
  histogramKindOf,
  isFinitePattern,
  patternBins,
  patternValue,
  sparseCounts,
} from './patterns';
import type { Segment } from './segment';
import { bandCapacity } from './sigmaBands';
import { TopValues } from './topValues';
import { topCount } from './types';
import { forEachBlock, inBlocks } from './valueBlocks';
import { countWide, needsWideCounts, widenBins } from './wideCounts';
import { copyInUnits, unitExponent } from './wideUnits';

/** Values decoded at a time: 64 KB of float32, which stays in the cache from one kernel to the next. */
export const blockElements = 16384;
/** Values that are folded at a time, a multiple of the above: 1 MB of float32, so that a fold meets several rows of any width. */
const runElements = 2 ** 18;
const smallSegmentElements = 4096;
/** What a run of zeros is compared with. */
const zeroBytes = new Uint8Array(4 * runElements);
const noExtremes = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };
/** The float32 pattern of infinity; those of NaN are larger. */
const infinityPattern = 0x7f800000;
/** A working bin is a u32. */
const maximumSegmentElements = 2 ** 32 - 1;

/** A segment that was expected to hold finite values does not. */
export class NonFiniteMet extends Error {}

/**
 * Statistics of one contiguous segment of a tensor that is fed in runs of encoded bytes. Working
 * space is reserved in the kernels' memory; give it back with `kernels.reset(mark)` after `finish`.
 */
export class SegmentStats {
  readonly #kernels: Kernels;
  readonly #segment: Segment;
  #kind: HistogramKind;
  readonly #decodedPtr: number;
  readonly #histogramPtr: number;
  readonly #channels: ChannelSpace | undefined;
  /** Of a small segment, the pattern of every value: looking through all bins would take most of its time. */
  readonly #met: Uint16Array | undefined;
  #done = 0;
  #moments: CentralMoments = noMoments;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  #zeros = 0;
  #nan = 0;
  #posInf = 0;
  #negInf = 0;
  #denormals = 0;
  /** What the bins of both zeros, which denormals share, held after the last run. */
  #zeroBins = 0;
  readonly #candidatesPtr: number;
  /** Float64 values in units of their own. */
  readonly #unitsPtr: number = 0;
  readonly #bandsPtr: number | undefined;
  readonly #groupsPtr: number = 0;
  readonly #top = new TopValues();

  constructor(kernels: Kernels, segment: Segment) {
    if (segment.elements > maximumSegmentElements) throw new RangeError('segment of more than 2^32 elements');
    this.#kernels = kernels;
    this.#segment = segment;
    this.#kind = segment.kind ?? histogramKindOf(segment.dtype);
    this.#decodedPtr = kernels.alloc(blockElements * 4);
    this.#histogramPtr = kernels.alloc(patternBins * 4);
    if (!segment.bins?.isClear) kernels.u32(this.#histogramPtr, patternBins).fill(0);
    if (segment.bins) segment.bins.isClear = false;
    if (segment.elements <= smallSegmentElements && segment.dtype !== 'F64')
      this.#met = new Uint16Array(segment.elements);
    this.#candidatesPtr = kernels.alloc(blockElements * 4);
    if (segment.dtype === 'F64') this.#unitsPtr = kernels.alloc(blockElements * 8);
    if (segment.bands && this.#kind === 'f32') {
      this.#bandsPtr = kernels.alloc(ValueFolds.bandBytes(bandCapacity));
      kernels.folds.beginBands(this.#bandsPtr, segment.bands, bandCapacity);
      this.#groupsPtr = kernels.alloc(Math.min(runElements, segment.elements));
    }
    if (segment.columns !== undefined) {
      const { startElement, elements, columns, dtype } = segment;
      this.#channels = new ChannelSpace(kernels, startElement, elements, columns, dtype === 'BF16');
    }
  }

  /** Takes the next `elements` values, encoded at `srcPtr`; whole blocks of a block type. */
  add(srcPtr: number, elements: number): void {
    if (this.#done + elements > this.#segment.elements) throw new RangeError('more values than the segment');
    const { dtype } = this.#segment;
    forEachBlock(
      dtype,
      srcPtr,
      elements,
      isFolded(dtype) ? runElements : blockElements,
      (blockPtr, count) => {
        this.#addBlock(blockPtr, count);
        this.#done += count;
      },
    );
  }

  #addBlock(srcPtr: number, n: number): void {
    const { dtype } = this.#segment;
    if (n === 0) return;
    if (dtype === 'F64') this.#addWide(srcPtr, n);
    else if (dtype === 'BF16' || dtype === 'F16') this.#addPatterns(dtype, srcPtr, n);
    else if (dtype === 'F32') this.#addFloats(srcPtr, n);
    else {
      this.#kernels.decode(dtype, srcPtr, this.#decodedPtr, n);
      this.#addFloats(this.#decodedPtr, n);
    }
  }

  #addWide(srcPtr: number, n: number): void {
    const kernels = this.#kernels;
    const sums = kernels.moments64(srcPtr, n, 0);
    const exponent = unitExponent(Math.max(-sums.min, sums.max));
    const unitsPtr = exponent === 0 ? srcPtr : this.#unitsPtr;
    if (exponent !== 0) copyInUnits(kernels.f64(srcPtr, n), exponent, kernels.f64(unitsPtr, n));
    this.#addSums(sums, (shift) => kernels.moments64(unitsPtr, n, shift), exponent);
    this.#zeros += sums.zeros;
    this.#countWide(srcPtr, n);
    const place = this.#channels?.place(this.#done);
    if (place) kernels.channels64(srcPtr, n, ...place);
    if (Math.max(-sums.min, sums.max) > this.#top.threshold) {
      this.#top.offerRun(kernels.f64(srcPtr, n), this.#segment.startElement + this.#done);
    }
    if (sums.nan + sums.inf > 0) this.#channels?.countNonFinite(kernels.f64(srcPtr, n), this.#done);
    if (this.#bandsPtr !== undefined) kernels.folds.tailBands64(srcPtr, n, this.#bandsPtr);
  }

  #countWide(srcPtr: number, n: number): void {
    const kernels = this.#kernels;
    const values = kernels.f64(srcPtr, n);
    const bins = kernels.u32(this.#histogramPtr, patternBins);
    if (this.#kind === 'f32' && needsWideCounts(values)) {
      this.#kind = 'f64';
      widenBins(bins);
    }
    if (this.#kind === 'f64') countWide(values, bins);
    else kernels.histogramF64(srcPtr, n, this.#histogramPtr);
  }

  /** 16-bit floats: everything but channels and places follows from the histogram. */
  #addPatterns(dtype: 'BF16' | 'F16', srcPtr: number, n: number): void {
    const kernels = this.#kernels;
    const { folds } = kernels;
    this.#met?.set(kernels.u16(srcPtr, n), this.#done);
    const { largest, smallest } = folds.magnitudeRange16(srcPtr, n);
    if (largest === 0 && this.#countZeros(srcPtr, n, 2)) return;
    const allFinite = isFinitePattern(largest, this.#kind);
    const place = this.#channels?.place(this.#done);
    const isFoldable = smallest >= foldablePatterns.smallest && largest <= foldablePatterns.largest;
    if (place && dtype === 'BF16' && isFoldable) folds.foldPatterns(srcPtr, n, place, this.#histogramPtr);
    else {
      kernels.histogramU16(srcPtr, n, this.#histogramPtr);
      if (place && dtype === 'BF16' && allFinite) folds.channelsBF16(srcPtr, n, place);
      else if (place) this.#addDecodedChannels(dtype, srcPtr, n, allFinite);
    }
    if (allFinite && patternValue(largest, this.#kind) <= this.#top.threshold) return;
    const least = this.#leastOfTop(largest);
    inBlocks(n, blockElements, (from, count) => {
      const blockPtr = srcPtr + 2 * from;
      const most = folds.largestMagnitude16(blockPtr, count);
      const threshold = Math.max(least, this.#top.threshold);
      if (isFinitePattern(most, this.#kind) && patternValue(most, this.#kind) <= threshold) return;
      kernels.decode(dtype, blockPtr, this.#decodedPtr, count);
      this.#offerTop(this.#decodedPtr, this.#done + from, count, threshold);
    });
  }

  /**
   * Takes a run in which every bit is 0, as the unused rows of an embedding have it, into the histogram and the largest values:
   * counting the same bin again and again is slow, and channels do not change. False, and nothing done, for other runs.
   */
  #countZeros(srcPtr: number, n: number, valueBytes: 2 | 4): boolean {
    if (this.#met) return false;
    const bytes = this.#kernels.u8(srcPtr, n * valueBytes);
    if (Buffer.compare(bytes, zeroBytes.subarray(0, bytes.length)) !== 0) return false;
    this.#kernels.u32(this.#histogramPtr, 1)[0]! += n;
    const first = this.#segment.startElement + this.#done;
    for (let i = 0; i < n && this.#top.threshold < 0; i++) this.#top.offer({ index: first + i, value: 0 });
    return true;
  }

  #addDecodedChannels(dtype: 'BF16' | 'F16', srcPtr: number, n: number, allFinite: boolean): void {
    const kernels = this.#kernels;
    const channels = this.#channels!;
    inBlocks(n, blockElements, (from, count) => {
      kernels.decode(dtype, srcPtr + 2 * from, this.#decodedPtr, count);
      const values = kernels.f32(this.#decodedPtr, count);
      const done = this.#done + from;
      if (dtype === 'BF16') channels.foldPatterns(values, done);
      else kernels.channels(this.#decodedPtr, count, ...channels.place(done));
      if (!allFinite) channels.countNonFinite(values, done);
    });
  }

  #addFloats(srcPtr: number, n: number): void {
    const kernels = this.#kernels;
    const { folds } = kernels;
    if (this.#met) {
      const halves = kernels.u16(srcPtr, 2 * n);
      for (let i = 0; i < n; i++) this.#met[this.#done + i] = halves[2 * i + 1]!;
    }
    const place = this.#channels?.place(this.#done);
    const isExpected = this.#segment.expectsFinite && place !== undefined;
    let largest = isExpected ? undefined : folds.largestMagnitude32(srcPtr, n);
    if ((largest ?? kernels.u32(srcPtr, 1)[0]) === 0 && this.#countZeros(srcPtr, n, 4)) {
      this.#zeros += n;
      this.#zeroBins += n;
      this.#moments = mergeMoments(this.#moments, { ...noMoments, n });
      this.#min = Math.min(this.#min, 0);
      this.#max = Math.max(this.#max, 0);
      if (this.#bandsPtr !== undefined) folds.tailBands(srcPtr, n, this.#bandsPtr);
      return;
    }
    let far: FarGroups | undefined;
    if (place && (largest === undefined || largest < infinityPattern)) {
      ({ largest, far } = this.#foldFloats(srcPtr, n, place));
    } else {
      kernels.histogramF32(srcPtr, n, this.#histogramPtr);
      this.#addSums(kernels.moments(srcPtr, n, 0), (shift) => kernels.moments(srcPtr, n, shift));
      if (place) kernels.channels(srcPtr, n, ...place);
      if (largest! >= infinityPattern) this.#channels?.countNonFinite(kernels.f32(srcPtr, n), this.#done);
      if (this.#bandsPtr !== undefined) folds.tailBands(srcPtr, n, this.#bandsPtr);
    }
    this.#countZerosIfAny(srcPtr, n);
    this.#offerFloats(srcPtr, n, largest!, far);
  }

  #countZerosIfAny(srcPtr: number, n: number): void {
    const bins = this.#kernels.u32(this.#histogramPtr, patternBins);
    const zeroBins = bins[0]! + bins[0x8000]!;
    if (zeroBins !== this.#zeroBins) this.#zeros += this.#kernels.folds.countZeros(srcPtr, n);
    this.#zeroBins = zeroBins;
  }

  /** Looks for the largest values of a run, whose largest pattern without its sign is known. */
  #offerFloats(srcPtr: number, n: number, largest: number, far: FarGroups | undefined): void {
    const { folds } = this.#kernels;
    if (largest < infinityPattern && f32FromBits(largest) <= this.#top.threshold) return;
    if (far && this.#top.threshold >= far.near && this.#offerGroups(srcPtr, far)) return;
    const least = this.#leastOfTop(largest >>> 16);
    inBlocks(n, blockElements, (from, count) => {
      const blockPtr = srcPtr + 4 * from;
      const most = folds.largestMagnitude32(blockPtr, count);
      const threshold = Math.max(least, this.#top.threshold);
      if (most < infinityPattern && f32FromBits(most) <= threshold) return;
      this.#offerTop(blockPtr, this.#done + from, count, threshold);
    });
  }

  /**
   * While the largest values are not found, a magnitude that they all exceed, from the bins, so that not each value is larger
   * than what was met before it; else -1. No finite pattern without its sign is above `largest`.
   */
  #leastOfTop(largest: number): number {
    if (this.#top.threshold >= 0 || this.#met) return -1;
    const bins = this.#kernels.u32(this.#histogramPtr, patternBins);
    let [count, magnitude] = [0, largest];
    for (; magnitude > 0 && count < topCount; magnitude--) {
      if (isFinitePattern(magnitude, this.#binKind)) count += bins[magnitude]! + bins[0x8000 | magnitude]!;
    }
    if (count < topCount) return -1;
    // Just below the smallest value of the last bin that was counted, which is the one above.
    return this.#binKind === 'f16'
      ? patternValue(magnitude, 'f16')
      : f32FromBits((magnitude + 1) * 65536 - 1);
  }

  /** What the bins' patterns are, whatever they stand for. */
  get #binKind(): HistogramKind {
    return this.#kind === 'f16' ? 'f16' : 'f32';
  }

  /** Float32 values with channels, in one walk. */
  #foldFloats(srcPtr: number, n: number, place: ChannelPlace): FoldedRun {
    const kernels = this.#kernels;
    const { folds } = kernels;
    const statePtr = this.#bandsPtr;
    const bands = statePtr === undefined ? undefined : { statePtr, listPtr: this.#groupsPtr };
    const run = folds.foldRun(srcPtr, n, place, this.#histogramPtr, bands);
    const { sums, largest, far } = run;
    if (largest >= infinityPattern) throw new NonFiniteMet();
    this.#addSums(sums, (shift) => kernels.moments(srcPtr, n, shift));
    const most = f32FromBits(largest);
    if (most > this.#max || most > -this.#min) {
      let { min, max } = far ? folds.groupExtremes(far) : noExtremes;
      // Beyond the groups there are only values nearer to 0.
      if (!far || !(min <= -far.near && max >= far.near)) ({ min, max } = folds.extremes32(srcPtr, n));
      this.#min = Math.min(this.#min, min);
      this.#max = Math.max(this.#max, max);
    }
    return run;
  }

  /** Offers the largest values among groups that hold all that may be taken; false when there are too many. */
  #offerGroups(srcPtr: number, far: FarGroups): boolean {
    const { threshold } = this.#top;
    const pointers = this.#kernels.folds.groupCandidates(far, threshold, this.#candidatesPtr, blockElements);
    if (!pointers) return false;
    const first = this.#segment.startElement + this.#done;
    for (const pointer of pointers) {
      const value = this.#kernels.f32(pointer, 1)[0]!;
      this.#top.offer({ index: first + (pointer - srcPtr) / 4, value });
    }
    return true;
  }

  /** Looks for the largest above `threshold` among n float32 values that begin `done` elements into the segment. */
  #offerTop(srcPtr: number, done: number, n: number, threshold: number): void {
    const { folds } = this.#kernels;
    const first = this.#segment.startElement + done;
    const values = this.#kernels.f32(srcPtr, n);
    for (const i of folds.topCandidates(srcPtr, n, threshold, this.#candidatesPtr)) {
      this.#top.offer({ index: first + i, value: values[i]! });
    }
  }

  /** Takes sums around 0, or new ones around the mean where those have lost their digits; `sum` is of values in units of 2^exponent. */
  #addSums(around0: ShiftedSums, sum: (shift: number) => ShiftedSums, exponent = 0): void {
    let sums = exponent === 0 ? around0 : sum(0);
    let moments = centralMoments(sums, 0, exponent);
    // A second time where the first mean was itself too rough, which takes float64 values far from 0.
    for (let round = 0; round < 2 && needShift(sums) && Number.isFinite(moments.mean); round++) {
      const shift = moments.mean;
      sums = sum(shift);
      moments = centralMoments(sums, shift, exponent);
    }
    this.#moments = mergeMoments(this.#moments, moments);
    this.#min = Math.min(this.#min, around0.min);
    this.#max = Math.max(this.#max, around0.max);
    this.#nan += around0.nan;
    this.#posInf += around0.posInf;
    this.#negInf += around0.inf - around0.posInf;
    this.#denormals += around0.denormals;
  }

  /** The segment's statistics, copied out of the kernels' memory, ready to merge with those of other segments. */
  finish(): CountedStats {
    const histogram = this.#kernels.u32(this.#histogramPtr, patternBins);
    const isDense = this.#segment.elements >= 2 ** 31;
    const counts = isDense ? new Float64Array(histogram) : sparseCounts(histogram, this.#met);
    const { bins } = this.#segment;
    if (bins && this.#met && !(counts instanceof Float64Array)) {
      for (let i = 0; i < counts.patterns.length; i++) histogram[counts.patterns[i]!] = 0;
      bins.isClear = true;
    }
    return {
      kind: this.#kind,
      moments: this.#moments,
      min: this.#min,
      max: this.#max,
      zeros: this.#zeros,
      nan: this.#nan,
      posInf: this.#posInf,
      negInf: this.#negInf,
      denormals: this.#denormals,
      top: this.#top.list(),
      histogram: counts,
      channels: this.#channels?.read(),
    };
  }

  /** The same of a segment that is a whole tensor. */
  finishWhole(): CountedStats {
    return completeStats(this.finish());
  }

  /** What the bands have met; undefined without bands. */
  finishBands(): BandCounts | undefined {
    return this.#bandsPtr === undefined ? undefined : this.#kernels.folds.endBands(this.#bandsPtr);
  }
}

/** Types whose kernels take values as they are stored, and many at a time. */
const isFolded = (dtype: string) => dtype === 'F32' || dtype === 'BF16' || dtype === 'F16';
