/** Reads the scales of a block of lines, and the zero points or biases that lie as they do, into the kernels' memory. */
import {
  gridRows,
  packedWords,
  type ScaleGrid,
  scaleBytes,
  type ZeroPoints,
} from '../../../formats/packedWeight';
import type { Kernels } from '../../../kernels/kernels';
import type { PackedSource, PieceSpan } from '../../tensorSource';
import type { FileCache } from '../fileCache';
import { LastTwo } from './lastTwo';
import { bandLines, type LineBlock } from './lineBlock';
import { type PackedConstants, zeroOffset } from './packedConstants';
import { readWindow } from './readWindow';

/** Float32 scales, `groups` a line, and what goes with them. */
export interface GridValues {
  readonly scales: number;
  /** Zero points or biases, as the scales. */
  readonly other: number;
  readonly groups: number;
  /** Columns of the block that the first scale serves. */
  readonly first: number;
}

/** Groups of the block's columns. */
interface GroupRange {
  readonly first: number;
  readonly count: number;
}

/** Scales and zero points of a band's lines, [groups][lines], for grids that are stored so. */
interface GroupBand {
  readonly firstLine: number;
  readonly lines: number;
  readonly scales: Float32Array;
  readonly zeros: Float32Array | undefined;
}

type Grid = ScaleGrid<PieceSpan>;

export class GridReader {
  private readonly bands = new LastTwo<GroupBand>();

  constructor(
    private readonly kernels: Kernels,
    private readonly files: FileCache,
  ) {}

  /** Reserves room and fills it; `key` names the weight. */
  read(key: string, packed: PackedSource, constants: PackedConstants, block: LineBlock): GridValues {
    const { kernels } = this;
    const { scales, meaning } = packed;
    const { lines, column, columns } = block;
    const range = groupsOf(scales, constants, block);
    const count = lines * range.count;
    const scale = kernels.alloc(4 * count);
    const other = kernels.alloc(4 * count);
    if (scales.byGroup)
      this.fillFromBand(this.bandOf(key, packed, constants, block), block, range, scale, other);
    else {
      if (scales.nested) this.fillNested(scales, scales.nested, block, range, scale);
      else this.fillRows(packed, scales.span, scales.dtype, block, range, scale, constants.global);
      if (meaning.kind === 'linear')
        this.fillRows(packed, meaning.biases, scales.dtype, block, range, other, undefined);
    }
    if (meaning.kind === 'integer') this.fillZeros(packed, meaning.zeroPoints, block, range, other);
    return {
      scales: scale,
      other,
      groups: range.count,
      first: constants.groupOffsets ? columns : (range.first + 1) * scales.widthEach - column,
    };
  }

  /** A grid of rows: [rows of scales, groups], each row for `linesEach` lines. */
  private fillRows(
    packed: PackedSource,
    span: PieceSpan,
    dtype: string,
    block: LineBlock,
    range: GroupRange,
    pointer: number,
    global: { readonly value: number; readonly divides: boolean } | undefined,
  ): void {
    const { kernels } = this;
    const grid = packed.scales;
    const firstRow = gridRow(grid, block.line);
    const rows = gridRow(grid, block.line + block.lines - 1) + 1 - firstRow;
    const mark = kernels.mark();
    const each = scaleBytes.get(dtype) ?? 1;
    const bytes = readWindow(this.files, span, {
      pitchBytes: each * grid.groups,
      firstRow,
      rows,
      byteOffset: each * range.first,
      bytes: each * range.count,
    });
    const direct = grid.linesEach === 1;
    const decoded = direct ? pointer : kernels.alloc(4 * rows * range.count);
    this.decode(dtype, bytes, decoded, rows * range.count);
    const values = kernels.f32(decoded, rows * range.count);
    if (global) {
      const { value, divides } = global;
      for (let i = 0; i < values.length; i++) values[i] = divides ? values[i]! / value : values[i]! * value;
    }
    if (!direct) {
      const target = kernels.f32(pointer, block.lines * range.count);
      for (let i = 0; i < block.lines; i++) {
        const row = gridRow(grid, block.line + i) - firstRow;
        target.set(values.subarray(row * range.count, (row + 1) * range.count), i * range.count);
      }
    }
    kernels.reset(mark);
  }

  /** Scales that are codes: map[code] * absmax + offset, rounded after the product and after the sum. */
  private fillNested(
    grid: Grid,
    nested: NonNullable<Grid['nested']>,
    block: LineBlock,
    range: GroupRange,
    pointer: number,
  ): void {
    const start = block.line * grid.groups + range.first;
    const count = block.lines * range.count;
    const read = (span: PieceSpan, byteOffset: number, bytes: number) => {
      const result = new Uint8Array(bytes);
      this.files.read(span.file, span.byteOffset + byteOffset, result);
      return result;
    };
    const firstBlock = Math.floor(start / nested.blockSize);
    const blocks = Math.ceil((start + count) / nested.blockSize) - firstBlock;
    const codes = read(grid.span, start, count);
    const map = new Float32Array(read(nested.map, 0, 1024).buffer);
    const absmax = new Float32Array(read(nested.absmax, 4 * firstBlock, 4 * blocks).buffer);
    const target = this.kernels.f32(pointer, count);
    for (let i = 0; i < count; i++) {
      const at = Math.floor((start + i) / nested.blockSize) - firstBlock;
      target[i] = Math.fround(map[codes[i]!]! * absmax[at]!) + nested.offset;
    }
  }

  private fillZeros(
    packed: PackedSource,
    zeros: ZeroPoints<PieceSpan>,
    block: LineBlock,
    range: GroupRange,
    pointer: number,
  ): void {
    const { kernels } = this;
    const offset = zeroOffset(packed);
    const count = block.lines * range.count;
    if (zeros.kind === 'constant') kernels.f32(pointer, count).fill(zeros.value + offset);
    else if (zeros.kind === 'plain') {
      this.fillRows(packed, zeros.span, zeros.dtype, block, range, pointer, undefined);
      const values = kernels.f32(pointer, count);
      for (let i = 0; i < count; i++) values[i]! += zeros.offset + offset;
    } else if (zeros.kind === 'packed') this.fillPackedZeros(packed, zeros, block, range, pointer);
    else if (zeros.kind === 'rows') this.fillZeroRows(packed, zeros, block, range, pointer);
  }

  /** Zero points that lie as the scales do, several in a byte. */
  private fillPackedZeros(
    packed: PackedSource,
    zeros: Extract<ZeroPoints<PieceSpan>, { kind: 'packed' }>,
    { line, lines }: LineBlock,
    range: GroupRange,
    pointer: number,
  ): void {
    const { bits, rowBits, signed, span } = zeros;
    const bitOf = (at: number, group: number) => gridRow(packed.scales, at) * rowBits + group * bits;
    const firstByte = Math.floor(bitOf(line, range.first) / 8);
    const endBit = bitOf(line + lines - 1, range.first + range.count);
    const bytes = new Uint8Array(Math.ceil(endBit / 8) - firstByte);
    this.files.read(span.file, span.byteOffset + firstByte, bytes);
    const target = this.kernels.f32(pointer, lines * range.count);
    const top = signed ? 2 ** (bits - 1) : 0;
    const offset = zeroOffset(packed) - top;
    for (let i = 0; i < lines; i++)
      for (let group = 0; group < range.count; group++) {
        // Of 2, 4 or 8 bits: none crosses a byte.
        const bit = bitOf(line + i, range.first + group) - 8 * firstByte;
        const code = (bytes[bit >> 3]! >> (bit & 7)) & (2 ** bits - 1);
        target[i * range.count + group] = (code ^ top) + offset;
      }
  }

  /** Zero points packed along the lines, [words, groups]. */
  private fillZeroRows(
    { bits, scales }: PackedSource,
    { span, dense }: { readonly span: PieceSpan; readonly dense: boolean },
    { line, lines }: LineBlock,
    range: GroupRange,
    pointer: number,
  ): void {
    const bitOf = (at: number) =>
      dense ? at * bits : 32 * Math.floor(at / Math.floor(32 / bits)) + bits * (at % Math.floor(32 / bits));
    const firstRow = Math.floor(bitOf(line) / 32);
    const words = new Uint32Array(
      readWindow(this.files, span, {
        pitchBytes: 4 * scales.groups,
        firstRow,
        rows: Math.ceil((bitOf(line + lines - 1) + bits) / 32) - firstRow,
        byteOffset: 4 * range.first,
        bytes: 4 * range.count,
      }).buffer,
    );
    const target = this.kernels.f32(pointer, lines * range.count);
    for (let i = 0; i < lines; i++) {
      const bit = bitOf(line + i) - 32 * firstRow;
      for (let group = 0; group < range.count; group++)
        target[i * range.count + group] = fieldAt(words, bit, bits, group, range.count);
    }
  }

  private fillFromBand(
    band: GroupBand,
    block: LineBlock,
    range: GroupRange,
    scale: number,
    other: number,
  ): void {
    const copy = (from: Float32Array, pointer: number) => {
      const target = this.kernels.f32(pointer, block.lines * range.count);
      for (let group = 0; group < range.count; group++) {
        const row = (range.first + group) * band.lines + block.line - band.firstLine;
        for (let i = 0; i < block.lines; i++) target[i * range.count + group] = from[row + i]!;
      }
    };
    copy(band.scales, scale);
    if (band.zeros) copy(band.zeros, other);
  }

  /** Scales and zero points of all groups of a band's lines, kept until another band is asked for. */
  private bandOf(
    key: string,
    packed: PackedSource,
    constants: PackedConstants,
    { line }: LineBlock,
  ): GroupBand {
    const step = bandLines(packed.width);
    const firstLine = Math.floor(line / step) * step;
    const lines = Math.min(packed.lines, firstLine + step) - firstLine;
    return this.bands.get(`${firstLine} ${key}`, () => this.readBand(packed, constants, firstLine, lines));
  }

  private readBand(
    packed: PackedSource,
    { zeroPlus }: PackedConstants,
    firstLine: number,
    lines: number,
  ): GroupBand {
    const { kernels } = this;
    const { scales, meaning, lines: allLines, bits } = packed;
    const each = scaleBytes.get(scales.dtype)!;
    const count = scales.groups * lines;
    const bytes = readWindow(this.files, scales.span, {
      pitchBytes: each * allLines,
      firstRow: 0,
      rows: scales.groups,
      byteOffset: each * firstLine,
      bytes: each * lines,
    });
    const mark = kernels.mark();
    const decoded = kernels.alloc(4 * count);
    this.decode(scales.dtype, bytes, decoded, count);
    const values = kernels.f32(decoded, count).slice();
    kernels.reset(mark);

    let zeros: Float32Array | undefined;
    if (meaning.kind === 'integer' && meaning.zeroPoints.kind === 'groups') {
      const { span, slots } = meaning.zeroPoints;
      const pitch = packedWords(allLines, bits, true);
      const firstWord = Math.floor((firstLine * bits) / 32);
      const columns = Math.ceil(((firstLine + lines) * bits) / 32) - firstWord;
      const words = new Uint32Array(
        readWindow(this.files, span, {
          pitchBytes: 4 * pitch,
          firstRow: 0,
          rows: scales.groups,
          byteOffset: 4 * firstWord,
          bytes: 4 * columns,
        }).buffer,
      );
      zeros = new Float32Array(count);
      for (let group = 0; group < scales.groups; group++) {
        const row = words.subarray(group * columns, (group + 1) * columns);
        for (let i = 0; i < lines; i++) {
          const at = firstLine + i;
          const bit = slots
            ? 32 * Math.floor(at / slots.length) + bits * slots[at % slots.length]!
            : at * bits;
          zeros[group * lines + i] = fieldAt(row, bit - 32 * firstWord, bits, 0, 1) + zeroPlus;
        }
      }
    }
    return { firstLine, lines, scales: values, zeros };
  }

  private decode(dtype: string, bytes: Uint8Array, pointer: number, count: number): void {
    const mark = this.kernels.mark();
    const raw = this.kernels.alloc(bytes.length);
    this.kernels.u8(raw, bytes.length).set(bytes);
    this.kernels.decode(dtype, raw, pointer, count);
    this.kernels.reset(mark);
  }
}

/** The stored row of scales that serves a line. */
export const gridRow = (grid: Grid, line: number): number => {
  const matrix = Math.floor(line / grid.matrixLines);
  return (
    matrix * gridRows(grid, grid.matrixLines) +
    Math.floor((line - matrix * grid.matrixLines) / grid.linesEach)
  );
};

function groupsOf(grid: Grid, { groupOffsets }: PackedConstants, { column, columns }: LineBlock): GroupRange {
  if (groupOffsets) return { first: 0, count: grid.groups };
  const first = Math.floor(column / grid.widthEach);
  return { first, count: Math.floor((column + columns - 1) / grid.widthEach) + 1 - first };
}

/**
 * A field of `bits` bits at a bit (below 2^31) of column `column` of rows of words, from its lowest bit down the rows.
 */
function fieldAt(words: Uint32Array, bit: number, bits: number, column: number, pitch: number): number {
  const row = bit >>> 5;
  const shift = bit & 31;
  let value = words[row * pitch + column]! >>> shift;
  if (shift + bits > 32) value |= words[(row + 1) * pitch + column]! << (32 - shift);
  return value & ((1 << bits) - 1);
}
