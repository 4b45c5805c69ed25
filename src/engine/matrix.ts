/** A tensor seen as a matrix, and the fixed division of that matrix into parts and segments. */
import type { MatrixShape } from '../stats/matrixShape';

/** Whole rows, or a run of columns of a single row: in both cases contiguous in a plain tensor. */
export interface Block {
  readonly row: number;
  readonly rows: number;
  readonly column: number;
  readonly columns: number;
}

/**
 * Elements that one worker takes at a time and that a result is first summed over. Fixed, since sums depend on
 * it; multiples of 256, so that no block of a block type is cut.
 */
export const partElements = 2 ** 22;
/** Elements that are decoded at once: 1 MB of float32, which stays in the second-level cache. */
export const segmentElements = 2 ** 18;

/**
 * Divides a block into blocks of at most `most` elements, in storage order; a pure function of its arguments, so
 * that results never depend on how the pieces are shared out.
 */
export function* divide(block: Block, most: number): Generator<Block> {
  if (block.columns === 0 || block.rows === 0) return;
  if (block.columns <= most) {
    const step = Math.max(1, Math.floor(most / block.columns));
    for (let at = 0; at < block.rows; at += step) {
      yield { ...block, row: block.row + at, rows: Math.min(step, block.rows - at) };
    }
    return;
  }
  for (let row = 0; row < block.rows; row++) {
    for (let at = 0; at < block.columns; at += most) {
      yield {
        row: block.row + row,
        rows: 1,
        column: block.column + at,
        columns: Math.min(most, block.columns - at),
      };
    }
  }
}

/** Blocks that a sample has at most, and about how many elements one has: a disk takes a place as long as a few pages there. */
const sampleCount = 16;
const sampleElements = 4096;
/** A sample takes at most one value in so many: it must cost little. */
const sampleShare = 16;

/**
 * Short blocks from all over a matrix: enough to guess mean and sigma, and few, since each is a place that a disk looks for.
 * Multiples of the golden ratio visit all columns alike. A pure function of its argument; blocks begin at multiples of 4096
 * columns, hence of every block type's block.
 */
export function sampleBlocks({ rows, columns }: MatrixShape): readonly Block[] {
  const elements = rows * columns;
  if (elements === 0) return [];
  const wanted = Math.min(sampleCount, Math.max(1, Math.floor(elements / (sampleElements * sampleShare))));
  return Array.from({ length: wanted }, (_, i) => {
    const position = Math.floor(((i + ((i * 0.6180339887498949) % 1)) / wanted) * elements);
    const row = Math.floor(position / columns);
    if (columns <= sampleElements) {
      const most = Math.max(1, Math.floor(sampleElements / columns));
      return { row, rows: Math.min(most, rows - row), column: 0, columns };
    }
    const column = (position % columns) - ((position % columns) % sampleElements);
    return { row, rows: 1, column, columns: Math.min(sampleElements, columns - column) };
  });
}

export const wholeBlock = ({ rows, columns }: MatrixShape): Block => ({ row: 0, rows, column: 0, columns });

/** Parts for reductions: a very long row is cut too. */
export const parts = (shape: MatrixShape): Generator<Block> => divide(wholeBlock(shape), partElements);

/** Parts of whole rows, for work that needs a row's parameters: at least one row each. */
export function* rowParts({ rows, columns }: MatrixShape): Generator<Block> {
  if (columns === 0) return;
  const step = Math.max(1, Math.floor(partElements / columns));
  for (let row = 0; row < rows; row += step) {
    yield { row, rows: Math.min(step, rows - row), column: 0, columns };
  }
}

/** Values that a scheme encodes at once: whole units, about a segment. Fixed by the unit, so that all tasks agree. */
export function windowElements(unit: number): number {
  return unit * Math.max(1, Math.floor(segmentElements / unit));
}

/**
 * As `windowElements` for kernels, which walk over a window several times: short enough that originals, dequantized values
 * and codes stay in the second-level cache.
 */
export function kernelWindowElements(unit: number): number {
  return unit * Math.max(1, Math.floor(2 ** 16 / unit));
}
