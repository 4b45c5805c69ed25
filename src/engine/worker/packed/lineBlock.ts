/** Blocks of a packed weight's own lines, and how a block of its matrix falls into them. */
import { partElements } from '../../matrix';
import type { PackedSource } from '../../tensorSource';

/** Columns of some lines. */
export interface LineBlock {
  readonly line: number;
  readonly lines: number;
  readonly column: number;
  readonly columns: number;
}

/** Columns that are kept at once of codes that lie across lines; a multiple of 32, which fill whole words. */
export const bandColumns = 2 ** 19;

/** Lines whose codes are kept at once where they lie across lines: as many as a part has, see `parts`. */
export const bandLines = (width: number): number =>
  Math.max(1, Math.floor(partElements / Math.max(1, width)));

/** Whether codes lie across lines, so that reading one line touches the bytes of many. */
export const isTransposed = ({ order }: PackedSource): boolean =>
  order.kind === 'down' || order.kind === 'across';

/** A run of values in storage order: the rest of a line, whole lines, the head of a line. */
export function* linesOfRun(width: number, start: number, count: number): Generator<LineBlock> {
  let at = start;
  const end = start + count;
  while (at < end) {
    const line = Math.floor(at / width);
    const column = at - line * width;
    if (column === 0 && end - at >= width) {
      const lines = Math.floor((end - at) / width);
      yield { line, lines, column, columns: width };
      at += lines * width;
    } else {
      const columns = Math.min(end - at, width - column);
      yield { line, lines: 1, column, columns };
      at += columns;
    }
  }
}

/** A block cut where bands end, in storage order. */
export function* bandsOf(width: number, block: LineBlock): Generator<LineBlock> {
  const step = bandLines(width);
  const end = block.line + block.lines;
  for (let line = block.line; line < end; ) {
    const stop = width > bandColumns ? line + 1 : Math.min(end, (Math.floor(line / step) + 1) * step);
    const lines = stop - line;
    if (width <= bandColumns) yield { ...block, line, lines };
    else {
      const last = block.column + block.columns;
      for (let column = block.column; column < last; ) {
        const next = Math.min(last, (Math.floor(column / bandColumns) + 1) * bandColumns);
        yield { line, lines, column, columns: next - column };
        column = next;
      }
    }
    line = stop;
  }
}
