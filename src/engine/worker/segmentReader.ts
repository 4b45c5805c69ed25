/** Reads a block of a tensor straight into the kernels' memory and decodes it there. */
import type { Kernels } from '../../kernels/kernels';
import { findDtype, wideDtypes } from '../../numeric/dtypes';
import { type Block, segmentElements } from '../matrix';
import type { FileSpan, TensorSource } from '../tensorSource';
import type { FileCache } from './fileCache';
import { type PackedElement, PackedReader } from './packed/packedReader';
import { readRearranged } from './rearranged';

export class SegmentReader {
  private readonly packed: PackedReader;

  constructor(
    private readonly kernels: Kernels,
    private readonly files: FileCache,
  ) {
    this.packed = new PackedReader(kernels, files);
  }

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
      if (source.rearranged) readRearranged(this.kernels, this, source, source.rearranged, block, pointer);
      else if (source.packed) this.packed.read(source, source.packed, block, pointer);
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

  /** The stored numbers behind the value at a flat index; undefined for a plain or block type. */
  explain({ packed }: TensorSource, index: number): PackedElement | undefined {
    return packed && this.packed.explain(packed, index);
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
    if (source.packed && !source.rearranged && this.packed.takesRegions(source, source.packed)) {
      this.packed.readRegion(source.packed, block, pointer);
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

  private fill(span: FileSpan, byteOffset: number, pointer: number, bytes: number): void {
    this.files.read(span.file, span.byteOffset + byteOffset, this.kernels.u8(pointer, bytes));
  }
}
