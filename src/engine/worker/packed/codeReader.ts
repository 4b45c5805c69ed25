/** Reads the codes of a block of lines and spreads them to a byte each in the kernels' memory. */
import type { Kernels } from '../../../kernels/kernels';
import type { PackedSource } from '../../tensorSource';
import type { FileCache } from '../fileCache';
import { LastTwo } from './lastTwo';
import { bandColumns, bandLines, type LineBlock } from './lineBlock';
import { readWindow } from './readWindow';

/** Where codes are: rows of bytes. */
export interface CodeBytes {
  readonly pointer: number;
  readonly strideBytes: number;
}

/** Words of a stored matrix whose columns are lines. */
interface Band {
  readonly words: Uint32Array;
  /** Of the stored matrix. */
  readonly firstRow: number;
  readonly firstColumn: number;
  readonly columns: number;
}

/** How a line's codes lie in the stored matrix. */
interface Place {
  readonly pitchWords: number;
  /** Stored rows that some codes of a line take. */
  readonly rowsOf: (codes: number) => number;
  /** The stored column, perhaps a fraction, of a line. */
  readonly columnsOf: (line: number) => number;
  readonly line: number;
  readonly column: number;
  readonly width: number;
}

/** Codes that begin at one of these begin a byte, and a word. */
const runCodes = 32;

export class CodeReader {
  private readonly bands = new LastTwo<Band>();

  constructor(
    private readonly kernels: Kernels,
    private readonly files: FileCache,
  ) {}

  /** Reserves room and fills it; `key` names the weight. Codes that are transposed must lie in one band. */
  read(key: string, packed: PackedSource, block: LineBlock): CodeBytes {
    switch (packed.order.kind) {
      case 'dense':
      case 'words':
        return this.readLines(packed, packed.order, block);
      case 'upperFirst':
        return this.readUpperFirst(packed, block);
      case 'down':
        return this.readDown(key, packed, block);
      case 'across':
        return this.readAcross(key, packed, packed.order.slots, block);
    }
  }

  private readLines(
    packed: PackedSource,
    { kind, strideBytes }: { kind: 'dense' | 'words'; strideBytes: number },
    block: LineBlock,
  ): CodeBytes {
    const { kernels } = this;
    const { codes, bits, meaning } = packed;
    const { line, lines, columns } = block;
    const perWord = Math.floor(32 / bits);
    const head = bits === 8 ? 0 : block.column % (kind === 'dense' ? runCodes : perWord);
    const first = block.column - head;
    const count = head + columns;
    const firstByte = kind === 'dense' ? (first * bits) / 8 : 4 * (first / perWord);
    const lineBytes = kind === 'dense' ? Math.ceil((count * bits) / 8) : 4 * Math.ceil(count / perWord);
    const bytes = (lines - 1) * strideBytes + lineBytes;
    const raw = kernels.alloc(bytes);
    this.files.read(codes.file, codes.byteOffset + line * strideBytes + firstByte, kernels.u8(raw, bytes));
    if (bits === 8) {
      if (meaning.kind === 'integer' && meaning.signed) kernels.packed.flipBits(raw, bytes, 0x80);
      return { pointer: raw, strideBytes };
    }
    const spread = kernels.alloc(lines * count);
    if (kind === 'dense' && lines > 1 && strideBytes * 8 === count * bits)
      kernels.packed.unpackDense(raw, spread, lines * count, bits);
    else
      for (let i = 0; i < lines; i++) {
        const from = raw + i * strideBytes;
        if (kind === 'dense') kernels.packed.unpackDense(from, spread + i * count, count, bits);
        else kernels.packed.unpackWords(from, spread + i * count, count, bits);
      }
    if (meaning.kind === 'integer' && meaning.signed)
      kernels.packed.flipBits(spread, lines * count, 2 ** (bits - 1));
    return { pointer: spread + head, strideBytes: count };
  }

  private readUpperFirst({ codes, width }: PackedSource, block: LineBlock): CodeBytes {
    const { kernels } = this;
    const start = block.line * width + block.column;
    const head = start % 2;
    const count = head + block.lines * block.columns;
    const bytes = Math.ceil(count / 2);
    const raw = kernels.alloc(bytes);
    this.files.read(codes.file, codes.byteOffset + (start - head) / 2, kernels.u8(raw, bytes));
    const spread = kernels.alloc(count);
    kernels.packed.unpackUpperFirst(raw, spread, count);
    return { pointer: spread + head, strideBytes: block.columns };
  }

  private readDown(key: string, packed: PackedSource, block: LineBlock): CodeBytes {
    const { kernels } = this;
    const { bits, lines: allLines, width } = packed;
    const { line, lines, column, columns } = block;
    const head = column % runCodes;
    const count = head + columns;
    const band = this.bandOf(key, packed, {
      pitchWords: allLines,
      rowsOf: (codes) => Math.ceil((codes * bits) / 32),
      columnsOf: (at) => at,
      line,
      column,
      width,
    });
    const firstRow = ((column - head) * bits) / 32;
    const rows = Math.ceil((count * bits) / 32);
    const words = kernels.alloc(4 * lines * rows);
    transpose(band, firstRow, rows, line, lines, kernels.u32(words, lines * rows));
    const spread = kernels.alloc(lines * count);
    for (let i = 0; i < lines; i++)
      kernels.packed.unpackDense(words + 4 * i * rows, spread + i * count, count, bits);
    return { pointer: spread + head, strideBytes: count };
  }

  private readAcross(
    key: string,
    packed: PackedSource,
    slots: readonly number[],
    { line, lines, column, columns }: LineBlock,
  ): CodeBytes {
    const { kernels } = this;
    const { bits, lines: allLines, width } = packed;
    const each = slots.length;
    const band = this.bandOf(key, packed, {
      pitchWords: Math.ceil(allLines / each),
      rowsOf: (codes) => codes,
      columnsOf: (at) => at / each,
      line,
      column,
      width,
    });
    const firstWord = Math.floor(line / each);
    const wordColumns = Math.ceil((line + lines) / each) - firstWord;
    const words = kernels.alloc(4 * wordColumns * columns);
    transpose(band, column, columns, firstWord, wordColumns, kernels.u32(words, wordColumns * columns));
    const spread = kernels.alloc(lines * columns);
    for (let i = 0; i < lines; i++) {
      const at = line + i;
      const from = words + 4 * columns * (Math.floor(at / each) - firstWord);
      kernels.packed.unpackField(from, spread + i * columns, columns, bits * slots[at % each]!, bits);
    }
    return { pointer: spread, strideBytes: columns };
  }

  /** The words of a band's lines and columns, kept until another band is asked for. */
  private bandOf(key: string, packed: PackedSource, place: Place): Band {
    const step = bandLines(place.width);
    const bandLine = Math.floor(place.line / step) * step;
    const bandColumn = Math.floor(place.column / bandColumns) * bandColumns;
    const bandKey = `${bandLine} ${bandColumn} ${key}`;
    return this.bands.get(bandKey, () => this.readBand(packed, place, bandLine, bandColumn));
  }

  private readBand(packed: PackedSource, place: Place, bandLine: number, bandColumn: number): Band {
    const { pitchWords, rowsOf, columnsOf, width } = place;
    const firstRow = rowsOf(bandColumn);
    const rows = rowsOf(Math.min(width, bandColumn + bandColumns)) - firstRow;
    const firstColumn = Math.floor(columnsOf(bandLine));
    const columns = Math.ceil(columnsOf(Math.min(packed.lines, bandLine + bandLines(width)))) - firstColumn;
    const bytes = readWindow(this.files, packed.codes, {
      pitchBytes: 4 * pitchWords,
      firstRow,
      rows,
      byteOffset: 4 * firstColumn,
      bytes: 4 * columns,
    });
    return { words: new Uint32Array(bytes.buffer), firstRow, firstColumn, columns };
  }
}

/** Rows whose words of a column are copied together: they fill a line of the processor's cache. */
const tileRows = 16;

/** Copies rows x columns of a band's words to columns x rows. */
function transpose(
  band: Band,
  row: number,
  rows: number,
  column: number,
  columns: number,
  target: Uint32Array,
): void {
  const { words, columns: pitch } = band;
  const origin = (row - band.firstRow) * pitch + column - band.firstColumn;
  for (let top = 0; top < rows; top += tileRows) {
    const bottom = Math.min(rows, top + tileRows);
    for (let x = 0; x < columns; x++) {
      let from = origin + top * pitch + x;
      const to = x * rows;
      for (let y = top; y < bottom; y++) {
        target[to + y] = words[from]!;
        from += pitch;
      }
    }
  }
}
