/** Dequantizes blocks of packed weights: codes to bytes, scales to float32, then one kernel over both. */
import type { Kernels } from '../../../kernels/kernels';
import { callRows } from '../../../kernels/packedExports';
import type { Block } from '../../matrix';
import type { PackedSource, TensorSource } from '../../tensorSource';
import type { FileCache } from '../fileCache';
import { CodeReader } from './codeReader';
import { GridReader } from './gridReader';
import { bandsOf, isTransposed, type LineBlock, linesOfRun } from './lineBlock';
import { type PackedConstants, readConstants } from './packedConstants';

/**
 * Memory is bounded by the block, and for codes that lie across lines by a band of as many lines as a part has. What
 * is read lies within the pieces: `packedProblem` has checked their sizes.
 */
export class PackedReader {
  private readonly codes: CodeReader;
  private readonly grid: GridReader;
  private known: { readonly key: string; readonly constants: PackedConstants } | undefined;

  constructor(
    private readonly kernels: Kernels,
    private readonly files: FileCache,
  ) {
    this.codes = new CodeReader(kernels, files);
    this.grid = new GridReader(kernels, files);
  }

  /** Whole rows or a range of one row to float32 at `pointer`, without gaps. Throws `malformed` and what reading throws. */
  read(source: TensorSource, packed: PackedSource, block: Block, pointer: number): void {
    const start = block.row * source.columns + block.column;
    let at = pointer;
    for (const lines of linesOfRun(packed.width, start, block.rows * block.columns)) {
      this.readLines(packed, lines, at);
      at += 4 * lines.lines * lines.columns;
    }
  }

  /** Whether `readRegion` takes the source: only where reading a range of columns costs no more than whole rows. */
  takesRegions(source: TensorSource, packed: PackedSource): boolean {
    return isTransposed(packed) && packed.width === source.columns;
  }

  /** As `read` for any columns of one or more rows. */
  readRegion(packed: PackedSource, block: Block, pointer: number): void {
    const { row, rows, column, columns } = block;
    this.readLines(packed, { line: row, lines: rows, column, columns }, pointer);
  }

  private readLines(packed: PackedSource, block: LineBlock, pointer: number): void {
    if (!isTransposed(packed)) {
      this.decode(packed, block, pointer);
      return;
    }
    let at = pointer;
    for (const band of bandsOf(packed.width, block)) {
      this.decode(packed, band, at);
      at += 4 * band.lines * band.columns;
    }
  }

  private decode(packed: PackedSource, block: LineBlock, dst: number): void {
    const { kernels } = this;
    const { meaning, bits } = packed;
    const { lines, column, columns } = block;
    const key = keyOf(packed);
    const constants = this.constantsOf(key, packed);
    const mark = kernels.mark();
    const codes = this.codes.read(key, packed, block);
    const grid = this.grid.read(key, packed, constants, block);
    const { packed: kernel } = kernels;
    const rows = {
      codes: codes.pointer,
      stride: codes.strideBytes,
      dst,
      rows: lines,
      columns,
      first: Math.min(columns, grid.first),
      each: Math.min(packed.width, packed.scales.widthEach),
      groups: grid.groups,
      scales: grid.scales,
    };
    if (constants.groupOffsets) {
      const offsets = kernels.alloc(4 * columns);
      kernels.u32(offsets, columns).set(constants.groupOffsets.subarray(column, column + columns));
      const { stride, groups } = rows;
      kernel.packedByIndex(
        codes.pointer,
        stride,
        dst,
        lines,
        columns,
        offsets,
        groups,
        grid.scales,
        grid.other,
      );
    } else if (constants.table) {
      const table = kernels.alloc(4 * constants.table.length);
      kernels.f32(table, constants.table.length).set(constants.table);
      callRows(bits === 4 ? kernel.packedTable16 : kernel.packedTable256, rows, table);
    } else callRows(meaning.kind === 'linear' ? kernel.packedLinear : kernel.packedAffine, rows, grid.other);
    if (packed.factor !== undefined) kernel.packedTimes(dst, lines * columns, packed.factor);
    kernels.reset(mark);
  }

  private constantsOf(key: string, packed: PackedSource): PackedConstants {
    if (this.known?.key !== key) this.known = { key, constants: readConstants(this.files, packed) };
    return this.known.constants;
  }
}

/** Names a weight of one state of its file. */
const keyOf = ({ codes: { file, byteOffset } }: PackedSource): string =>
  `${byteOffset} ${file.bytes} ${file.mtimeMs} ${file.path}`;
