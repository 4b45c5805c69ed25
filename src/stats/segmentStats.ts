import { LoupeError } from '../errors';
import type { Kernels, SigmaCounts } from '../kernels/kernels';
import { byteSize, findDtype } from '../numeric/dtypes';
import { statsOfPatterns } from './exactMoments';
import type { SigmaThresholds } from './finalizeStats';
import { type CentralMoments, centralMoments, mergeMoments, noMoments } from './moments';
import type { CountedStats, PartialChannels, PartialStats } from './partialStats';
import {
  type HistogramKind,
  histogramKindOf,
  type PatternCounts,
  patternBins,
  sparseCounts,
} from './patterns';
import { TopValues } from './topValues';

/** Values decoded at a time: 64 KB of float32, which stays in the cache from one kernel to the next. */
export const blockElements = 16384;
const smallSegmentElements = 4096;
/** A working bin is a u32. */
const maximumSegmentElements = 2 ** 32 - 1;

export interface Segment {
  /** One of `decodableDtypes`. */
  readonly dtype: string;
  /** Position of the segment's first element in the flattened tensor; a multiple of the type's block. */
  readonly startElement: number;
  readonly elements: number;
  /** Columns of the tensor as a matrix, for channel figures; undefined to leave them out. */
  readonly columns?: number | undefined;
  /** How the values are binned, when it does not follow from `dtype`: decoded integers come as F32. */
  readonly kind?: HistogramKind | undefined;
}

/**
 * Statistics of one contiguous segment of a tensor that is fed in runs of encoded bytes. Working
 * space is reserved in the kernels' memory; give it back with `kernels.reset(mark)` after `finish`.
 */
export class SegmentStats {
  readonly #kernels: Kernels;
  readonly #segment: Segment;
  readonly #kind: HistogramKind;
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
  readonly #top = new TopValues();

  constructor(kernels: Kernels, segment: Segment) {
    if (segment.elements > maximumSegmentElements) throw new RangeError('segment of more than 2^32 elements');
    this.#kernels = kernels;
    this.#segment = segment;
    this.#kind = segment.kind ?? histogramKindOf(segment.dtype);
    this.#decodedPtr = kernels.alloc(blockElements * 4);
    this.#histogramPtr = kernels.alloc(patternBins * 4);
    kernels.u32(this.#histogramPtr, patternBins).fill(0);
    if (segment.elements <= smallSegmentElements && segment.dtype !== 'F64')
      this.#met = new Uint16Array(segment.elements);
    if (segment.columns !== undefined) {
      this.#channels = new ChannelSpace(kernels, segment.startElement, segment.elements, segment.columns);
    }
  }

  /** Takes the next `elements` values, encoded at `srcPtr`; whole blocks of a block type. */
  add(srcPtr: number, elements: number): void {
    if (this.#done + elements > this.#segment.elements) throw new RangeError('more values than the segment');
    forEachBlock(this.#segment.dtype, srcPtr, elements, (blockPtr, count) => {
      this.#addBlock(blockPtr, count);
      this.#done += count;
    });
  }

  #addBlock(srcPtr: number, n: number): void {
    const kernels = this.#kernels;
    const { dtype } = this.#segment;
    if (dtype === 'F64') {
      this.#addMoments(n, (shift) => kernels.moments64(srcPtr, n, shift));
      this.#place(kernels.f64(srcPtr, n));
      kernels.histogramF64(srcPtr, n, this.#histogramPtr);
      this.#channels?.fold(this.#done, (...where) => kernels.channels64(srcPtr, n, ...where));
      return;
    }
    const sixteenBits = dtype === 'F16' || dtype === 'BF16';
    if (sixteenBits) {
      kernels.histogramU16(srcPtr, n, this.#histogramPtr);
      this.#met?.set(kernels.u16(srcPtr, n), this.#done);
    }
    const values = dtype === 'F32' ? srcPtr : this.#decodedPtr;
    if (dtype !== 'F32') kernels.decode(dtype, srcPtr, values, n);
    if (!sixteenBits) {
      kernels.histogramF32(values, n, this.#histogramPtr);
      if (this.#met) {
        const halves = kernels.u16(values, 2 * n);
        for (let i = 0; i < n; i++) this.#met[this.#done + i] = halves[2 * i + 1]!;
      }
    }
    if (this.#kind === 'f32') this.#addMoments(n, (shift) => kernels.moments(values, n, shift));
    this.#place(kernels.f32(values, n));
    this.#channels?.fold(this.#done, (...where) => kernels.channels(values, n, ...where));
  }

  /** Looks for what needs its place in the tensor: the largest values, and those that are not finite. */
  #place(values: Float32Array | Float64Array): void {
    this.#top.offerRun(values, this.#segment.startElement + this.#done);
    this.#channels?.countNonFinite(values, this.#done);
  }

  /** Sums around the mean so far; the first block is summed twice, to have one. */
  #addMoments(n: number, sum: (shift: number) => ReturnType<Kernels['moments']>): void {
    if (n === 0) return;
    let shift = this.#moments.mean;
    if (this.#moments.n === 0) shift = centralMoments(sum(0), 0).mean;
    if (!Number.isFinite(shift)) shift = 0;
    const sums = sum(shift);
    this.#moments = mergeMoments(this.#moments, centralMoments(sums, shift));
    this.#min = Math.min(this.#min, sums.min);
    this.#max = Math.max(this.#max, sums.max);
    this.#zeros += sums.zeros;
    this.#nan += sums.nan;
    this.#posInf += sums.posInf;
    this.#negInf += sums.inf - sums.posInf;
    this.#denormals += sums.denormals;
  }

  /** The segment's statistics, copied out of the kernels' memory. */
  finish(): PartialStats {
    return this.#read(new Float64Array(this.#kernels.u32(this.#histogramPtr, patternBins)));
  }

  /** The same of a segment that is a whole tensor: in proportion to its values, where `finish` always copies all bins. */
  finishWhole(): CountedStats {
    const histogram = this.#kernels.u32(this.#histogramPtr, patternBins);
    if (this.#segment.elements >= 2 ** 31) return this.finish();
    return this.#read(sparseCounts(histogram, this.#met));
  }

  #read<Counts extends PatternCounts>(
    histogram: Counts,
  ): Omit<CountedStats, 'histogram'> & { readonly histogram: Counts } {
    const channels = this.#channels?.read();
    if (this.#kind !== 'f32')
      return { ...statsOfPatterns(histogram, this.#kind), top: this.#top.list(), channels };
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
      histogram,
      channels,
    };
  }
}

type FoldArguments = [
  startColumn: number,
  columns: number,
  rowMaxPtr: number,
  columnMaxPtr: number,
  rowSumSqPtr: number,
  columnSumSqPtr: number,
];

/** The channel arrays of a segment in the kernels' memory. */
class ChannelSpace {
  readonly #kernels: Kernels;
  readonly #firstRow: number;
  readonly #rows: number;
  readonly #columns: number;
  readonly #startColumn: number;
  readonly #rowMaxPtr: number;
  readonly #columnMaxPtr: number;
  readonly #rowSumSqPtr: number;
  readonly #columnSumSqPtr: number;
  #nonFinite: PartialChannels['nonFinite'];

  constructor(kernels: Kernels, startElement: number, elements: number, columns: number) {
    this.#kernels = kernels;
    this.#columns = columns;
    this.#firstRow = Math.floor(startElement / columns);
    this.#startColumn = startElement % columns;
    this.#rows = Math.ceil((this.#startColumn + elements) / columns);
    const zeroed = (bytes: number) => {
      const pointer = kernels.alloc(bytes);
      kernels.u8(pointer, bytes).fill(0);
      return pointer;
    };
    this.#rowMaxPtr = zeroed(this.#rows * 4);
    this.#columnMaxPtr = zeroed(columns * 4);
    this.#rowSumSqPtr = zeroed(this.#rows * 8);
    this.#columnSumSqPtr = zeroed(columns * 8);
  }

  /** Calls a channel kernel for a run that begins `done` elements into the segment. */
  fold(done: number, kernel: (...where: FoldArguments) => void): void {
    const position = this.#startColumn + done;
    const row = Math.floor(position / this.#columns);
    kernel(
      position % this.#columns,
      this.#columns,
      this.#rowMaxPtr + row * 4,
      this.#columnMaxPtr,
      this.#rowSumSqPtr + row * 8,
      this.#columnSumSqPtr,
    );
  }

  /** Counts the NaN and infinities of a run that begins `done` elements into the segment. */
  countNonFinite(values: Float32Array | Float64Array, done: number): void {
    const position = this.#startColumn + done;
    for (let i = 0; i < values.length; i++) {
      if (Number.isFinite(values[i])) continue;
      this.#nonFinite ??= { rows: new Float64Array(this.#rows), columns: new Float64Array(this.#columns) };
      this.#nonFinite.rows[Math.floor((position + i) / this.#columns)]!++;
      this.#nonFinite.columns[(position + i) % this.#columns]!++;
    }
  }

  read(): PartialChannels {
    const kernels = this.#kernels;
    return {
      columns: this.#columns,
      firstRow: this.#firstRow,
      rowMax: kernels.f32(this.#rowMaxPtr, this.#rows).slice(),
      rowSumSq: kernels.f64(this.#rowSumSqPtr, this.#rows).slice(),
      columnMax: kernels.f32(this.#columnMaxPtr, this.#columns).slice(),
      columnSumSq: kernels.f64(this.#columnSumSqPtr, this.#columns).slice(),
      nonFinite: this.#nonFinite,
    };
  }
}

/** The second pass: counts values beyond 3 and 6 sigma, for tensors whose histogram leaves that open. */
export class SegmentSigmaCounts {
  readonly #kernels: Kernels;
  readonly #dtype: string;
  readonly #thresholds: SigmaThresholds;
  readonly #decodedPtr: number;
  #sigma3 = 0;
  #sigma6 = 0;

  constructor(kernels: Kernels, dtype: string, thresholds: SigmaThresholds) {
    this.#kernels = kernels;
    this.#dtype = dtype;
    this.#thresholds = thresholds;
    this.#decodedPtr = kernels.alloc(blockElements * 4);
  }

  /** Takes `elements` values, encoded at `srcPtr`, in any order of runs. */
  add(srcPtr: number, elements: number): void {
    const kernels = this.#kernels;
    const { mean, sigma3, sigma6 } = this.#thresholds;
    forEachBlock(this.#dtype, srcPtr, elements, (blockPtr, n) => {
      let counts: SigmaCounts;
      if (this.#dtype === 'F64') counts = kernels.countBeyond64(blockPtr, n, mean, sigma3, sigma6);
      else {
        const values = this.#dtype === 'F32' ? blockPtr : this.#decodedPtr;
        if (values !== blockPtr) kernels.decode(this.#dtype, blockPtr, values, n);
        counts = kernels.countBeyond(values, n, mean, sigma3, sigma6);
      }
      this.#sigma3 += counts.sigma3;
      this.#sigma6 += counts.sigma6;
    });
  }

  finish(): SigmaCounts {
    return { sigma3: this.#sigma3, sigma6: this.#sigma6 };
  }
}

/** Cuts an encoded run into pieces of `blockElements`. */
function forEachBlock(
  dtype: string,
  srcPtr: number,
  elements: number,
  visit: (srcPtr: number, elements: number) => void,
): void {
  const info = findDtype(dtype);
  const blockBytes = info === undefined ? undefined : byteSize(info, blockElements);
  if (info === undefined || blockBytes === undefined || byteSize(info, elements) === undefined) {
    throw new LoupeError('unsupported', `${elements} values of type ${dtype} cannot be read.`);
  }
  for (let done = 0, ptr = srcPtr; done < elements; done += blockElements, ptr += blockBytes) {
    visit(ptr, Math.min(blockElements, elements - done));
  }
}
