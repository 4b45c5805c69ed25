/**
 * Reads a block of any matrix of a tensor: whole rows where they lie so, else run by run, and of strided ones the runs
 * between their first and last value, from which the values are gathered. What is read at once stays bounded.
 */
import { findDtype } from '../../numeric/dtypes';
import { type Block, segmentElements } from '../matrix';
import type { TensorSource } from '../tensorSource';
import type { TensorMatrix } from '../view/tensorMatrix';
import type { WorkerContext } from './workerContext';

/** A read call costs about as much as reading this many values along. */
const callElements = 2048;

/** Parts of rows of at least this many values are read each by itself, straight to where they go. */
const longRunElements = 1024;

/** Values in a row: `count` of them, `stride` values apart in the tensor and `step` apart where they go. */
interface Lines {
  readonly lines: number;
  readonly lineStride: number;
  readonly lineStep: number;
  readonly count: number;
  readonly stride: number;
  readonly step: number;
}

/** Fills `pointer` with a run of the flattened tensor. */
type ReadRun = (index: number, count: number, pointer: number) => void;

export class SliceReader {
  constructor(private readonly context: WorkerContext) {}

  /**
   * Decodes a block of the matrix to float32 at `pointer`, rows x columns without gaps, at most `segmentElements` of
   * them. Values of `wideDtypes` are rounded.
   */
  readFloat32(source: TensorSource, matrix: TensorMatrix, block: Block, pointer: number): void {
    if (matrix.columnStride === 1 && matrix.rowStride === source.columns) {
      // Rows of the matrix are parts of the tensor's own rows.
      const own = { ...block, column: matrix.first + block.column };
      // Packed weights know best how to read a region of theirs.
      const long = block.columns >= longRunElements && block.columns < source.columns;
      if (!long || source.packed) this.context.reader.readRegion(source, own, pointer);
      else {
        for (let i = 0; i < block.rows; i++) {
          const index = (own.row + i) * source.columns + own.column;
          this.decodeRun(source, index, block.columns, pointer + 4 * i * block.columns);
        }
      }
      return;
    }
    if (matrix.rowStride === 1 && matrix.columnStride === source.columns) {
      this.readTransposed(source, matrix, block, pointer);
      return;
    }
    this.read(matrix, block, pointer, 4, (index, count, target) =>
      this.decodeRun(source, index, count, target),
    );
  }

  /** Rows of the matrix are columns of the tensor: a block of it is read as it lies, and turned. */
  private readTransposed(source: TensorSource, matrix: TensorMatrix, block: Block, pointer: number): void {
    const { kernels } = this.context;
    const own = {
      row: block.column,
      rows: block.columns,
      column: matrix.first + block.row,
      columns: block.rows,
    };
    const mark = kernels.mark();
    try {
      const turned = kernels.alloc(4 * block.rows * block.columns);
      this.context.reader.readRegion(source, own, turned);
      for (let i = 0; i < own.rows; i++) {
        const from = turned + 4 * i * own.columns;
        this.scatter(from, 1, pointer + 4 * i, block.columns, own.columns, 4);
      }
    } finally {
      kernels.reset(mark);
    }
  }

  /** As `readFloat32` for the stored bytes of a plain type of whole bytes a value. */
  readStored(source: TensorSource, matrix: TensorMatrix, block: Block, pointer: number): void {
    const bytesEach = findDtype(source.dtype)!.blockBytes;
    this.read(matrix, block, pointer, bytesEach, (index, count, target) => {
      const row = Math.floor(index / source.columns);
      const column = index - row * source.columns;
      this.context.reader.readRaw(source, { row, rows: 1, column, columns: count }, target);
    });
  }

  private read(matrix: TensorMatrix, block: Block, pointer: number, bytesEach: number, run: ReadRun): void {
    const { rowStride, columnStride } = matrix;
    const first = matrix.first + block.row * rowStride + block.column * columnStride;
    if (columnStride === 1 && (rowStride === block.columns || block.rows === 1)) {
      run(first, block.rows * block.columns, pointer);
      return;
    }
    const byRows: Lines = {
      lines: block.rows,
      lineStride: rowStride,
      lineStep: block.columns,
      count: block.columns,
      stride: columnStride,
      step: 1,
    };
    const byColumns: Lines = {
      lines: block.columns,
      lineStride: columnStride,
      lineStep: 1,
      count: block.rows,
      stride: rowStride,
      step: block.columns,
    };
    const lines = cost(byColumns) < cost(byRows) ? byColumns : byRows;
    this.readLines(lines, first, pointer, bytesEach, run);
  }

  private readLines(lines: Lines, first: number, pointer: number, bytesEach: number, run: ReadRun): void {
    const { kernels, checkCancelled } = this.context;
    const { count, stride, step } = lines;
    const direct = stride === 1 && step === 1;
    // Values that are far apart are read one by one.
    const most = stride > callElements ? 1 : Math.max(1, Math.floor(segmentElements / stride));
    const mark = kernels.mark();
    try {
      const gathered = direct ? 0 : kernels.alloc(bytesEach * ((Math.min(most, count) - 1) * stride + 1));
      // The memory may have grown; nothing below grows it for good, but decoding may.
      for (let line = 0; line < lines.lines; line++) {
        if (line % 64 === 0) checkCancelled();
        const start = first + line * lines.lineStride;
        const target = pointer + bytesEach * line * lines.lineStep;
        if (direct) {
          run(start, count, target);
          continue;
        }
        for (let at = 0; at < count; at += most) {
          const values = Math.min(most, count - at);
          run(start + at * stride, (values - 1) * stride + 1, gathered);
          this.scatter(gathered, stride, target + bytesEach * at * step, step, values, bytesEach);
        }
      }
    } finally {
      kernels.reset(mark);
    }
  }

  /** Copies every `stride`-th value to every `step`-th place. Bit patterns, so that NaNs stay as they are. */
  private scatter(
    from: number,
    stride: number,
    to: number,
    step: number,
    count: number,
    bytesEach: number,
  ): void {
    const { kernels } = this.context;
    if (bytesEach === 1 || bytesEach === 2 || bytesEach === 4) {
      const view = bytesEach === 1 ? 'u8' : bytesEach === 2 ? 'u16' : 'u32';
      const source = kernels[view](from, (count - 1) * stride + 1);
      const target = kernels[view](to, (count - 1) * step + 1);
      for (let i = 0; i < count; i++) target[i * step] = source[i * stride]!;
      return;
    }
    const source = kernels.u8(from, bytesEach * ((count - 1) * stride + 1));
    const target = kernels.u8(to, bytesEach * ((count - 1) * step + 1));
    for (let i = 0; i < count; i++) {
      const at = bytesEach * i * stride;
      target.set(source.subarray(at, at + bytesEach), bytesEach * i * step);
    }
  }

  /** A run may begin and end inside blocks and cross the tensor's rows; reads may not. */
  private decodeRun(source: TensorSource, index: number, count: number, pointer: number): void {
    const { kernels, reader } = this.context;
    const { columns, columnUnit } = source;
    for (let done = 0; done < count; ) {
      const row = Math.floor((index + done) / columns);
      const column = index + done - row * columns;
      const target = pointer + 4 * done;
      const rows = column === 0 ? Math.floor((count - done) / columns) : 0;
      if (rows > 0) {
        reader.read(source, { row, rows, column: 0, columns }, target);
        done += rows * columns;
        continue;
      }
      const values = Math.min(count - done, columns - column);
      const begin = Math.floor(column / columnUnit) * columnUnit;
      const end = Math.min(columns, Math.ceil((column + values) / columnUnit) * columnUnit);
      const range = { row, rows: 1, column: begin, columns: end - begin };
      if (begin === column && end === column + values) reader.read(source, range, target);
      else {
        const mark = kernels.mark();
        const wide = kernels.alloc(4 * range.columns);
        reader.read(source, range, wide);
        kernels.u32(target, values).set(kernels.u32(wide + 4 * (column - begin), values));
        kernels.reset(mark);
      }
      done += values;
    }
  }
}

/** What reading lines costs, in values read along. */
function cost({ lines, count, stride }: Lines): number {
  const gathered = stride * count + callElements * Math.ceil((stride * count) / segmentElements);
  return lines * (stride > callElements ? callElements * count : gathered);
}
