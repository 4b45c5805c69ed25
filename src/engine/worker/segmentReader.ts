/** Reads a block of a tensor straight into the kernels' memory and decodes it there. */
import { LoupeError } from '../../errors';
import type { Kernels } from '../../kernels/kernels';
import { findDtype, wideDtypes } from '../../numeric/dtypes';
import { type Block, segmentElements } from '../matrix';
import type { FileSpan, PackedSource, TensorSource } from '../tensorSource';
import type { FileCache } from './fileCache';

export class SegmentReader {
  constructor(
    private readonly kernels: Kernels,
    private readonly files: FileCache,
  ) {}

  /** Bytes that a contiguous block takes in the file. Plain and block types only. */
  rawBytes(source: TensorSource, elements: number): number {
    const dtype = findDtype(source.dtype)!;
    return (elements / dtype.blockElements) * dtype.blockBytes;
  }

  /** Copies a block's stored bytes to `pointer`, which has room for `rawBytes`. Plain and block types only. */
  readRaw(source: TensorSource, block: Block, pointer: number): void {
    const elementOffset = block.row * source.columns + block.column;
    const bytes = this.rawBytes(source, block.rows * block.columns);
    this.fill(source, this.rawBytes(source, elementOffset), pointer, bytes);
  }

  /**
   * Decodes a block to float32 at `pointer`, rows x columns without gaps. The block is whole rows, or a range
   * of one row that begins and ends at multiples of `columnUnit`. Values of `wideDtypes` are rounded.
   */
  read(source: TensorSource, block: Block, pointer: number): void {
    const elements = block.rows * block.columns;
    if (elements === 0) return;
    const mark = this.kernels.mark();
    try {
      if (source.packed) this.readPacked(source, source.packed, block, pointer);
      else if (source.dtype === 'F32') this.readRaw(source, block, pointer);
      else {
        const raw = this.kernels.alloc(this.rawBytes(source, elements));
        this.readRaw(source, block, raw);
        if (wideDtypes.has(source.dtype)) {
          const wide = source.dtype === 'F64' ? raw : this.kernels.alloc(8 * elements);
          if (wide !== raw) this.kernels.decodeWide(source.dtype, raw, wide, elements);
          this.kernels.f32(pointer, elements).set(this.kernels.f64(wide, elements));
        } else this.kernels.decode(source.dtype, raw, pointer, elements);
      }
    } finally {
      this.kernels.reset(mark);
    }
  }

  /** As `read` to float64, for a plain tensor of one of `wideDtypes`. */
  readWide(source: TensorSource, block: Block, pointer: number): void {
    const elements = block.rows * block.columns;
    const mark = this.kernels.mark();
    try {
      const raw = this.kernels.alloc(this.rawBytes(source, elements));
      this.readRaw(source, block, raw);
      this.kernels.decodeWide(source.dtype, raw, pointer, elements);
    } finally {
      this.kernels.reset(mark);
    }
  }

  /**
   * As `read` for any columns of one or more rows. Where they are a small share of long rows, each row's part
   * is read by itself, widened to `columnUnit`; else whole rows are read and cut.
   */
  readRegion(source: TensorSource, block: Block, pointer: number): void {
    if (block.columns === source.columns) {
      this.read(source, block, pointer);
      return;
    }
    const unit = source.columnUnit;
    const narrow = source.columns > 8192 && 4 * block.columns < source.columns;
    const alone = narrow || source.columns > segmentElements;
    const first = alone ? Math.floor(block.column / unit) * unit : 0;
    const end = alone ? Math.ceil((block.column + block.columns) / unit) * unit : source.columns;
    const width = Math.min(source.columns, end) - first;
    const step = alone ? 1 : Math.max(1, Math.floor(segmentElements / width));
    const mark = this.kernels.mark();
    try {
      const wide = this.kernels.alloc(4 * width * Math.min(step, block.rows));
      for (let at = 0; at < block.rows; at += step) {
        const rows = Math.min(step, block.rows - at);
        this.read(source, { row: block.row + at, rows, column: first, columns: width }, wide);
        for (let i = 0; i < rows; i++) {
          this.kernels
            .f32(pointer + 4 * (at + i) * block.columns, block.columns)
            .set(this.kernels.f32(wide + 4 * (i * width + block.column - first), block.columns));
        }
      }
    } finally {
      this.kernels.reset(mark);
    }
  }

  private readPacked(source: TensorSource, packed: PackedSource, block: Block, pointer: number): void {
    const { kernels } = this;
    // With group-wise scales a group is decoded as if it were a row; then rows follow without gaps.
    const unit = packed.groups > 1 ? source.columnUnit : block.columns;
    const perRow = packed.groups > 1 ? block.columns / unit : 1;
    const count = block.rows * perRow;
    const stride = packed.groups > 1 ? unit : packed.strideBytes;

    const wholeRows = block.rows > 1 || block.columns === source.columns;
    const codeBytes = wholeRows ? block.rows * packed.strideBytes : block.columns;
    const codes = kernels.alloc(codeBytes);
    this.fill(packed.codes, block.row * packed.strideBytes + block.column, codes, codeBytes);
    if (packed.signed) {
      const bytes = kernels.u8(codes, codeBytes);
      for (let i = 0; i < codeBytes; i++) bytes[i] = bytes[i]! ^ 0x80;
    }

    const scales = kernels.alloc(4 * count);
    const firstScale =
      packed.groups === 0 ? 0 : block.row * packed.groups + block.column / unitOf(packed, unit);
    this.readScales(packed, firstScale, packed.groups === 0 ? 1 : count, scales);
    if (packed.scaleDivisor !== 1) {
      const values = kernels.f32(scales, packed.groups === 0 ? 1 : count);
      for (let i = 0; i < values.length; i++) values[i] = values[i]! / packed.scaleDivisor;
    }
    if (packed.groups === 0) kernels.f32(scales, count).fill(kernels.f32(scales, 1)[0]!);

    const zeros = kernels.alloc(4 * count);
    kernels.f32(zeros, count).fill(128);
    if (packed.zeroPoint) this.readZeros(packed, packed.zeroPoint, block, perRow, unit, zeros);

    kernels.decodeCodes8(codes, pointer, count, unit, stride, scales, zeros);
  }

  private readScales(packed: PackedSource, first: number, count: number, pointer: number): void {
    const { dtype } = packed.scale;
    const bytesEach = dtype === 'F32' ? 4 : dtype === 'F16' || dtype === 'BF16' ? 2 : undefined;
    if (bytesEach === undefined)
      throw new LoupeError('unsupported', `Scales of type ${dtype} cannot be read.`);
    const mark = this.kernels.mark();
    const raw = this.kernels.alloc(count * bytesEach);
    this.fill(packed.scale, first * bytesEach, raw, count * bytesEach);
    this.kernels.decode(dtype, raw, pointer, count);
    this.kernels.reset(mark);
  }

  /** Zero points are packed along the rows: word [row / 4][group], byte row % 4. */
  private readZeros(
    packed: PackedSource,
    span: FileSpan,
    block: Block,
    perRow: number,
    unit: number,
    pointer: number,
  ): void {
    const groups = Math.max(1, packed.groups);
    const firstGroup = block.column / unitOf(packed, unit);
    if (packed.groups === 0) {
      const single = new Uint8Array(1);
      this.files.read(span.file, span.byteOffset, single);
      this.kernels.f32(pointer, block.rows).fill(single[0]!);
      return;
    }
    const firstWordRow = Math.floor(block.row / 4);
    const lastWordRow = Math.ceil((block.row + block.rows) / 4);
    const bytes = new Uint8Array(4 * groups * (lastWordRow - firstWordRow));
    this.files.read(span.file, span.byteOffset + 4 * groups * firstWordRow, bytes);
    const zeros = this.kernels.f32(pointer, block.rows * perRow);
    for (let i = 0; i < block.rows; i++) {
      const row = block.row + i;
      const word = (Math.floor(row / 4) - firstWordRow) * groups;
      for (let group = 0; group < perRow; group++) {
        zeros[i * perRow + group] = bytes[4 * (word + firstGroup + group) + (row % 4)]!;
      }
    }
  }

  private fill(span: FileSpan, byteOffset: number, pointer: number, bytes: number): void {
    this.files.read(span.file, span.byteOffset + byteOffset, this.kernels.u8(pointer, bytes));
  }
}

/** Columns that one scale serves; with one scale a row the range begins at that row's only scale. */
function unitOf(packed: PackedSource, unit: number): number {
  return packed.groups > 1 ? unit : Number.POSITIVE_INFINITY;
}
