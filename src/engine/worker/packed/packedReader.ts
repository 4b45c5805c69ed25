/** Dequantizes blocks of packed weights: codes to bytes, scales to float32, then one kernel over both. */
import type { Kernels } from '../../../kernels/kernels';
import { callRows } from '../../../kernels/packedExports';
import type { Block } from '../../matrix';
import type { PackedSource, TensorSource } from '../../tensorSource';
import type { FileCache } from '../fileCache';
import { CodeReader } from './codeReader';
import { GridReader, gridRow } from './gridReader';
import { bandsOf, isTransposed, type LineBlock, linesOfRun } from './lineBlock';
import { type PackedConstants, readConstants, zeroOffset } from './packedConstants';

/** Runs of fewer codes with one scale are faster looked up one by one. */
const leastRun = 8;

/** What gives one value of a packed weight. */
export interface PackedElement {
  /** As it counts: two's complement where it is signed, else from 0. */
  readonly code: number;
  readonly bits: number;
  readonly scale: number;
  readonly zeroPoint?: number | undefined;
  readonly bias?: number | undefined;
  /** What the code stands for, of codes that index a table. */
  readonly tableValue?: number | undefined;
  /** What the product is multiplied with at last. */
  readonly factor?: number | undefined;
  /** The values that share the scale: how many, which of all such groups, and the place in it. */
  readonly group: { readonly elements: number; readonly index: number; readonly position: number };
}

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

  /** The stored numbers behind the value at a flat index. */
  explain(packed: PackedSource, index: number): PackedElement {
    const { kernels } = this;
    const { meaning, width, bits, factor } = packed;
    const line = Math.floor(index / width);
    const column = index - line * width;
    const block = { line, lines: 1, column, columns: 1 };
    const key = keyOf(packed);
    const constants = this.constantsOf(key, packed);
    const mark = kernels.mark();
    const codes = this.codes.read(key, packed, block);
    const code = kernels.u8(codes.pointer, 1)[0]!;
    const grid = this.grid.read(key, packed, constants, block);
    const at = constants.groupOffsets?.[column] ?? 0;
    const scale = kernels.f32(grid.scales + at, 1)[0]!;
    const other = kernels.f32(grid.other + at, 1)[0]!;
    kernels.reset(mark);
    const offset = zeroOffset(packed);
    return {
      code: code - offset,
      bits,
      scale,
      ...(meaning.kind === 'integer' ? { zeroPoint: other - offset } : {}),
      ...(meaning.kind === 'linear' ? { bias: other } : {}),
      ...(constants.table ? { tableValue: constants.table[code]! } : {}),
      ...(factor === undefined ? {} : { factor }),
      group: groupAt(packed, constants, line, column),
    };
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
    const { widthEach } = packed.scales;
    if (constants.groupOffsets || (meaning.kind === 'integer' && widthEach < leastRun)) {
      const offsets = kernels.alloc(4 * columns);
      const target = kernels.u32(offsets, columns);
      if (constants.groupOffsets) target.set(constants.groupOffsets.subarray(column, column + columns));
      else {
        const first = Math.floor(column / widthEach);
        for (let i = 0; i < columns; i++) target[i] = 4 * (Math.floor((column + i) / widthEach) - first);
      }
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

/** Values are counted along the lines of a block of scales; in a column order, along the columns of a group. */
function groupAt(
  { scales, width, lines }: PackedSource,
  { groupOffsets }: PackedConstants,
  line: number,
  column: number,
): PackedElement['group'] {
  const { widthEach, linesEach, matrixLines, groups } = scales;
  const row = gridRow(scales, line);
  if (groupOffsets) {
    const own = groupOffsets[column]!;
    const members = groupOffsets.reduce((count, each) => count + (each === own ? 1 : 0), 0);
    const before = groupOffsets
      .subarray(0, column)
      .reduce((count, each) => count + (each === own ? 1 : 0), 0);
    return { elements: members, index: row * groups + own / 4, position: before };
  }
  const group = Math.floor(column / widthEach);
  const groupWidth = Math.min(widthEach, width - group * widthEach);
  const top = Math.floor((line % matrixLines) / linesEach) * linesEach;
  const height = Math.min(linesEach, matrixLines - top, lines);
  return {
    elements: groupWidth * height,
    index: row * groups + group,
    position: ((line % matrixLines) - top) * groupWidth + column - group * widthEach,
  };
}
