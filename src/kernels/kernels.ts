/**
 * The compiled kernels and the one memory they work in. Pointers are byte offsets into that memory.
 * The sources are in assembly/, the same arithmetic in plain TypeScript is in reference/.
 */
import { LoupeError } from '../errors';
import { type BlockEncoder, encodedTypes } from './ggmlExports';
import { type Decoder, type KernelExports, kernelDtypes } from './kernelExports';
import { Lookups } from './lookups';
import type { PackedExports } from './packedExports';
import { type ErrorSums, PairSums, pairSumsBytes } from './pairSums';
import type { QuantExports } from './quantExports';
import type { ShiftedSums } from './shiftedSums';
import { ValueFolds } from './valueFolds';
import { type WasmMemory, wasm } from './webAssembly';

export type { ErrorSums } from './pairSums';
export type { ShiftedSums } from './shiftedSums';

/** Counts of |x - mean| > 3 std and > 6 std. */
export interface SigmaCounts {
  readonly sigma3: number;
  readonly sigma6: number;
}

/** Bytes that `foldExtreme` keeps for a cell, and `foldSums`. */
export const extremeStateBytes = 32;
export const sumStateBytes = 16;

const pageBytes = 65536;
/** What a 32-bit module can address, less one page so that a pointer past the end stays a number. */
const maximumPages = 65535;
const alignment = 64;
const scratchBytes = 256;

export class Kernels {
  readonly memory: WasmMemory;
  /** The kernels of quantized layouts. */
  readonly packed: PackedExports;
  /** The kernels that encode. */
  readonly quant: QuantExports;
  readonly folds: ValueFolds;
  readonly #exports: KernelExports;
  readonly #pairs: PairSums;
  readonly #scratch: number;
  readonly #start: number;
  readonly #decoders: ReadonlyMap<string, Decoder>;
  readonly #wideDecoders: ReadonlyMap<string, Decoder>;
  readonly #latticeEncoders: ReadonlyMap<string, BlockEncoder>;
  #top: number;

  private constructor(memory: WasmMemory, exports: KernelExports) {
    this.memory = memory;
    this.#exports = exports;
    this.packed = exports;
    this.quant = exports;
    this.#scratch = align(exports.heapBase());
    const lookups = new Lookups(exports, this.#scratch + scratchBytes, (at, bytes) => this.u8(at, bytes));
    this.#start = align(lookups.end);
    this.#top = this.#start;
    this.#pairs = new PairSums(memory, exports, this.#scratch);
    this.folds = new ValueFolds(memory, exports, this.#scratch);
    const decoders = new Map<string, Decoder>(kernelDtypes.map((name) => [name, exports[`decode${name}`]]));
    for (const [name, decoder] of lookups.decoders) decoders.set(name, decoder);
    this.#decoders = decoders;
    this.#latticeEncoders = lookups.encoders;
    this.#wideDecoders = new Map([
      ['F64', (src, dst, elements) => this.u8(dst, 8 * elements).set(this.u8(src, 8 * elements))],
      ['I32', exports.decodeWideI32],
      ['U32', exports.decodeWideU32],
      ['I64', exports.decodeWideI64],
      ['U64', exports.decodeWideU64],
    ]);
  }

  /** Compiles the module (some 40 KB, a millisecond, so at once) and gives it a memory of its own. */
  static instantiate(wasmBytes: Uint8Array): Kernels {
    const memory = new wasm.Memory({ initial: 4, maximum: maximumPages });
    const module = new wasm.Module(wasmBytes);
    const env = {
      memory,
      abort: () => {
        throw new LoupeError('compute', 'A kernel aborted.');
      },
    };
    const instance = new wasm.Instance(module, { env });
    return new Kernels(memory, instance.exports as unknown as KernelExports);
  }

  /** Reserves bytes at a multiple of 64 and returns where. Memory grows as needed: views taken before are then stale. */
  alloc(bytes: number): number {
    const pointer = this.#top;
    const end = align(pointer + bytes);
    const missing = end - this.memory.buffer.byteLength;
    if (missing > 0) {
      const pages = Math.ceil(missing / pageBytes);
      if (end > maximumPages * pageBytes) {
        throw new LoupeError('compute', `The kernels cannot take ${bytes} bytes more.`);
      }
      try {
        this.memory.grow(pages);
      } catch (cause) {
        throw new LoupeError('compute', `No memory for ${bytes} bytes: ${String(cause)}`);
      }
    }
    this.#top = end;
    return pointer;
  }

  /** The current top, for `reset`. */
  mark(): number {
    return this.#top;
  }

  /** Frees everything reserved since `mark`, or everything. */
  reset(mark: number = this.#start): void {
    this.#top = mark;
  }

  /** A view of the memory as it is now; stale after the next `alloc` that grows it. */
  u8(pointer: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory.buffer, pointer, length);
  }

  u16(pointer: number, length: number): Uint16Array<ArrayBuffer> {
    return new Uint16Array(this.memory.buffer, pointer, length);
  }

  u32(pointer: number, length: number): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.memory.buffer, pointer, length);
  }

  f32(pointer: number, length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.memory.buffer, pointer, length);
  }

  f64(pointer: number, length: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.memory.buffer, pointer, length);
  }

  /**
   * Decodes `elements` values at `srcPtr` (any alignment) to float32 at `dstPtr`. Block types need whole
   * blocks. The types of `wideDtypes` are refused: their statistics run on the float64 kernels.
   */
  decode(dtype: string, srcPtr: number, dstPtr: number, elements: number): void {
    const decoder = this.#decoders.get(dtype);
    if (decoder === undefined) {
      throw new LoupeError('unsupported', `Values of type ${dtype} cannot be decoded to float32.`);
    }
    decoder(srcPtr, dstPtr, elements);
  }

  /** The encoder of one of ggml's block types; undefined for types without one. */
  blockEncoder(type: string): BlockEncoder | undefined {
    const name = encodedTypes.find((known) => known === type);
    return name ? this.#exports[`encode${name}`] : this.#latticeEncoders.get(type);
  }

  /** Decodes values of one of `wideDtypes` at `srcPtr` to float64 at `dstPtr`, which must not overlap. */
  decodeWide(dtype: string, srcPtr: number, dstPtr: number, elements: number): void {
    const decoder = this.#wideDecoders.get(dtype);
    if (decoder === undefined) {
      throw new LoupeError('unsupported', `Values of type ${dtype} cannot be decoded to float64.`);
    }
    decoder(srcPtr, dstPtr, elements);
  }

  /**
   * y = (u - zero) * scale in float32. Codes are offset-binary bytes, rows `codesStrideBytes` apart;
   * scales and zeros hold one float32 a row; `dstPtr` takes rows x columns float32 without gaps.
   */
  decodeCodes8(
    codesPtr: number,
    dstPtr: number,
    rows: number,
    columns: number,
    codesStrideBytes: number,
    scalesPtr: number,
    zerosPtr: number,
  ): void {
    this.#exports.decodeCodes8(codesPtr, dstPtr, rows, columns, codesStrideBytes, scalesPtr, zerosPtr);
  }

  /**
   * Smallest and largest value of each row of a rows x columns float32 matrix, as float32, never -0.
   * Returns the index of the first NaN or infinity, or -1; rows from that one on are then not written.
   */
  rowRange(srcPtr: number, rows: number, columns: number, minPtr: number, maxPtr: number): number {
    return this.#exports.rowRange(srcPtr, rows, columns, minPtr, maxPtr);
  }

  /**
   * u = clamp(rne(x * inverse) + zero, low, high), see `roundHalfEven` in numeric/floats. Input finite;
   * inverses and zeros hold one float32 a row. Bytes between the columns and the stride are set to 0.
   */
  encode8(
    srcPtr: number,
    codesPtr: number,
    rows: number,
    columns: number,
    codesStrideBytes: number,
    inversePtr: number,
    zerosPtr: number,
    low: number,
    high: number,
  ): void {
    this.#exports.encode8(srcPtr, codesPtr, rows, columns, codesStrideBytes, inversePtr, zerosPtr, low, high);
  }

  /** Error sums over n float32 pairs, in one fixed order of additions for a given n. */
  errorSums(xPtr: number, yPtr: number, n: number): ErrorSums {
    return this.#pairs.begin(n).add(xPtr, yPtr, n).end();
  }

  /** Reserves memory for error sums of pairs that come in pieces. */
  pairSums(): PairSums {
    return new PairSums(this.memory, this.#exports, this.alloc(pairSumsBytes));
  }

  /** Shifted sums of n float32 values. */
  moments(srcPtr: number, n: number, shift: number): ShiftedSums {
    this.#exports.moments(srcPtr, n, shift, this.#scratch);
    return this.#readSums(n);
  }

  /** Shifted sums of n float64 values, 8-byte aligned or not. */
  moments64(srcPtr: number, n: number, shift: number): ShiftedSums {
    this.#exports.moments64(srcPtr, n, shift, this.#scratch);
    return this.#readSums(n);
  }

  /** Adds n float32 values to 65,536 u32 bins by their top 16 bits. NaN and infinity are counted too, in their bins. */
  histogramF32(srcPtr: number, n: number, histPtr: number): void {
    this.#exports.histogramF32(srcPtr, n, histPtr);
  }

  /** Adds n 16-bit patterns to 65,536 u32 bins. */
  histogramU16(srcPtr: number, n: number, histPtr: number): void {
    this.#exports.histogramU16(srcPtr, n, histPtr);
  }

  /** As `histogramF32` for float64 values cut towards zero to float32; what is larger goes to the largest finite bin. */
  histogramF64(srcPtr: number, n: number, histPtr: number): void {
    this.#exports.histogramF64(srcPtr, n, histPtr);
  }

  /** Counts finite float32 values with |x - mean| > sigma3 and > sigma6 (already multiplied), in float64. */
  countBeyond(srcPtr: number, n: number, mean: number, sigma3: number, sigma6: number): SigmaCounts {
    this.#exports.countBeyond(srcPtr, n, mean, sigma3, sigma6, this.#scratch);
    return this.#readCounts();
  }

  countBeyond64(srcPtr: number, n: number, mean: number, sigma3: number, sigma6: number): SigmaCounts {
    this.#exports.countBeyond64(srcPtr, n, mean, sigma3, sigma6, this.#scratch);
    return this.#readCounts();
  }

  /**
   * Folds n float32 values, a flat run that begins at `startColumn` of a row, into the largest |x| (f32)
   * and the sum of squares (f64) of each row and column. Row arrays begin at the run's first row.
   * Adds to what the arrays hold; non-finite values are left out.
   */
  channels(
    srcPtr: number,
    n: number,
    startColumn: number,
    columns: number,
    rowMaxPtr: number,
    columnMaxPtr: number,
    rowSumSqPtr: number,
    columnSumSqPtr: number,
  ): void {
    this.#exports.channels(
      srcPtr,
      n,
      startColumn,
      columns,
      rowMaxPtr,
      columnMaxPtr,
      rowSumSqPtr,
      columnSumSqPtr,
    );
  }

  /** As `channels` for float64 values; |x| is rounded to float32. */
  channels64(
    srcPtr: number,
    n: number,
    startColumn: number,
    columns: number,
    rowMaxPtr: number,
    columnMaxPtr: number,
    rowSumSqPtr: number,
    columnSumSqPtr: number,
  ): void {
    this.#exports.channels64(
      srcPtr,
      n,
      startColumn,
      columns,
      rowMaxPtr,
      columnMaxPtr,
      rowSumSqPtr,
      columnSumSqPtr,
    );
  }

  /** Makes `extremeStateBytes` of state for each cell, at `statePtr`, for `foldExtreme`. */
  startExtreme(statePtr: number, cells: number): void {
    this.#exports.startExtreme(statePtr, cells);
  }

  /**
   * Folds rows x columns float32 values into one row of cells. `edgesPtr` holds cells + 1 u32: where each cell begins
   * in a row, the first 0 and the last `columns`. Whatever the order, the states are the same.
   */
  foldExtreme(
    srcPtr: number,
    rows: number,
    columns: number,
    edgesPtr: number,
    cells: number,
    statePtr: number,
  ): void {
    this.#exports.foldExtreme(srcPtr, rows, columns, edgesPtr, cells, statePtr);
  }

  /** One float32 a cell: the value of largest magnitude, of two the positive one; NaN where there is one. */
  finishExtreme(statePtr: number, cells: number, dstPtr: number): void {
    this.#exports.finishExtreme(statePtr, cells, dstPtr);
  }

  /** As `foldExtreme`: adds each cell's sum and sum of squares to two float64 at `sumsPtr`. */
  foldSums(
    srcPtr: number,
    rows: number,
    columns: number,
    edgesPtr: number,
    cells: number,
    sumsPtr: number,
  ): void {
    this.#exports.foldSums(srcPtr, rows, columns, edgesPtr, cells, sumsPtr);
  }

  #readSums(n: number): ShiftedSums {
    const out = this.f64(this.#scratch, 11);
    const nan = out[7]!;
    const inf = out[8]!;
    return {
      finite: n - nan - inf,
      s1: out[0]!,
      s2: out[1]!,
      s3: out[2]!,
      s4: out[3]!,
      min: out[4]!,
      max: out[5]!,
      zeros: out[6]!,
      nan,
      inf,
      posInf: out[9]!,
      denormals: out[10]!,
    };
  }

  #readCounts(): SigmaCounts {
    const out = this.u32(this.#scratch, 2);
    return { sigma3: out[0]!, sigma6: out[1]! };
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
