import type { Kernels } from '../kernels/kernels';
import type { ChannelPlace } from '../kernels/valueFolds';
import type { PartialChannels } from './partialStats';

/** The channel arrays of a segment in the kernels' memory. */
export class ChannelSpace {
  readonly #kernels: Kernels;
  readonly #firstRow: number;
  readonly #rows: number;
  readonly #columns: number;
  readonly #startColumn: number;
  readonly #rowMaxPtr: number;
  readonly #columnMaxPtr: number;
  readonly #rowSumSqPtr: number;
  readonly #columnSumSqPtr: number;
  /** Maxima are u16 patterns of bfloat16, not float32. */
  readonly #isPatterns: boolean;
  #nonFinite: PartialChannels['nonFinite'];

  constructor(
    kernels: Kernels,
    startElement: number,
    elements: number,
    columns: number,
    isPatterns: boolean,
  ) {
    this.#kernels = kernels;
    this.#isPatterns = isPatterns;
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

  /** Where a channel kernel puts a run that begins `done` elements into the segment. */
  place(done: number): ChannelPlace {
    const position = this.#startColumn + done;
    const row = Math.floor(position / this.#columns);
    return [
      position % this.#columns,
      this.#columns,
      this.#rowMaxPtr + row * (this.#isPatterns ? 2 : 4),
      this.#columnMaxPtr,
      this.#rowSumSqPtr + row * 8,
      this.#columnSumSqPtr,
    ];
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

  /** Takes the magnitudes and squares of the finite ones among some float32 values into arrays of patterns, one by one. */
  foldPatterns(values: Float32Array, done: number): void {
    const kernels = this.#kernels;
    const rowMax = kernels.u16(this.#rowMaxPtr, this.#rows);
    const columnMax = kernels.u16(this.#columnMaxPtr, this.#columns);
    const rowSumSq = kernels.f64(this.#rowSumSqPtr, this.#rows);
    const columnSumSq = kernels.f64(this.#columnSumSqPtr, this.#columns);
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (!Number.isFinite(value)) continue;
      const row = Math.floor((this.#startColumn + done + i) / this.#columns);
      const column = (this.#startColumn + done + i) % this.#columns;
      const pattern = (bits[i]! >>> 16) & 0x7fff;
      rowMax[row] = Math.max(rowMax[row]!, pattern);
      columnMax[column] = Math.max(columnMax[column]!, pattern);
      rowSumSq[row]! += value * value;
      columnSumSq[column]! += value * value;
    }
  }

  read(): PartialChannels {
    const kernels = this.#kernels;
    return {
      columns: this.#columns,
      firstRow: this.#firstRow,
      rowMax: this.#maxima(this.#rowMaxPtr, this.#rows),
      rowSumSq: kernels.f64(this.#rowSumSqPtr, this.#rows).slice(),
      columnMax: this.#maxima(this.#columnMaxPtr, this.#columns),
      columnSumSq: kernels.f64(this.#columnSumSqPtr, this.#columns).slice(),
      nonFinite: this.#nonFinite,
    };
  }

  #maxima(pointer: number, count: number): Float32Array {
    if (!this.#isPatterns) return this.#kernels.f32(pointer, count).slice();
    const patterns = this.#kernels.u16(pointer, count);
    const bits = new Uint32Array(count);
    for (let i = 0; i < count; i++) bits[i] = patterns[i]! << 16;
    return new Float32Array(bits.buffer);
  }
}
