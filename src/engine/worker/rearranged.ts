/** Reads values in another order than they are stored in: what a conversion writes. */
import type { Kernels } from '../../kernels/kernels';
import { type Block, segmentElements } from '../matrix';
import type { Rearrangement, TensorSource } from '../tensorSource';

/** What reads stored values; see `SegmentReader`. */
interface Reader {
  read(source: TensorSource, block: Block, pointer: number): void;
  readRegion(source: TensorSource, block: Block, pointer: number): void;
}

/** As `SegmentReader.read`: whole rows, or a range of one row, to float32 at `pointer`. */
export function readRearranged(
  kernels: Kernels,
  reader: Reader,
  source: TensorSource,
  rearranged: Rearrangement,
  block: Block,
  pointer: number,
): void {
  const stored: TensorSource = { ...source, rearranged: undefined };
  switch (rearranged.kind) {
    case 'add': {
      reader.read(stored, block, pointer);
      const values = kernels.f32(pointer, block.rows * block.columns);
      for (let i = 0; i < values.length; i++) values[i]! += rearranged.addend;
      return;
    }
    case 'pair-rows': {
      const width = source.rows / rearranged.heads;
      for (let i = 0; i < block.rows; i++) {
        const row = storedRow(block.row + i, width);
        reader.readRegion(stored, { ...block, row, rows: 1 }, pointer + 4 * i * block.columns);
      }
      return;
    }
    case 'stack':
      readStack(reader, source, rearranged, block, pointer);
      return;
    case 'transpose':
      readTransposed(kernels, reader, stored, block, pointer);
  }
}

/** Row 2j of a head is row j of its first half, row 2j + 1 row j of its second. */
function storedRow(row: number, width: number): number {
  const within = row % width;
  return row - within + (within >> 1) + (within & 1) * (width / 2);
}

function readStack(
  reader: Reader,
  { rows }: TensorSource,
  { parts, firstRow = 0 }: Extract<Rearrangement, { kind: 'stack' }>,
  block: Block,
  pointer: number,
): void {
  const each = rows / parts.length;
  for (let done = 0; done < block.rows; ) {
    const at = block.row + done;
    const row = at % each;
    const count = Math.min(block.rows - done, each - row);
    const part = parts[Math.floor(at / each)]!;
    reader.readRegion(
      part,
      { ...block, row: firstRow + row, rows: count },
      pointer + 4 * done * block.columns,
    );
    done += count;
  }
}

/** Bands of stored rows at a time, so that memory stays bounded. */
function readTransposed(
  kernels: Kernels,
  reader: Reader,
  stored: TensorSource,
  block: Block,
  pointer: number,
): void {
  const matrix: TensorSource = { ...stored, rows: stored.columns, columns: stored.rows };
  const step = Math.max(1, Math.floor(segmentElements / block.rows));
  const mark = kernels.mark();
  try {
    const band = kernels.alloc(4 * block.rows * Math.min(step, block.columns));
    for (let at = 0; at < block.columns; at += step) {
      const rows = Math.min(step, block.columns - at);
      reader.readRegion(
        matrix,
        { row: block.column + at, rows, column: block.row, columns: block.rows },
        band,
      );
      // Views are taken anew: reading may have moved the memory.
      const target = kernels.f32(pointer, block.rows * block.columns);
      const values = kernels.f32(band, rows * block.rows);
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < block.rows; c++) target[c * block.columns + at + r] = values[r * block.rows + c]!;
    }
  } finally {
    kernels.reset(mark);
  }
}
