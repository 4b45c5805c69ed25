/**
 * Coarse pictures from finer ones. A matrix has a base: a power-of-two number of values a cell each way, so large that all
 * base cells together take little memory. Tiles of whole base cells are put together from base tiles, which are kept:
 * zooming out and panning there read nothing again. An extreme of extremes is exact, and so are counts; sums are
 * added in float64.
 */
import type { Region } from '../../protocol/engineApi';
import type { FoldResult } from '../worker/viewTasks';

/** Cells along each side of a base tile. */
export const baseTileCells = 256;
/** Bytes of all base cells of a matrix. */
const baseBytes = 16 * 2 ** 20;
/** Bytes of one cell. */
const cellBytes = { extreme: 4, sums: 16 };

/** Values that a base cell covers. */
export interface BaseSteps {
  readonly rowStep: number;
  readonly columnStep: number;
}

/** The base of a matrix: 8 values each way, more where the matrix is so large; never more than holds an axis. */
export function baseSteps(
  { rows, columns }: { rows: number; columns: number },
  fold: 'extreme' | 'sums',
): BaseSteps {
  const enough = (size: number) => 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, size) / baseTileCells)));
  const [mostRows, mostColumns] = [enough(rows), enough(columns)];
  let [rowStep, columnStep] = [Math.min(8, mostRows), Math.min(8, mostColumns)];
  for (;;) {
    const [down, across] = [Math.ceil(rows / rowStep), Math.ceil(columns / columnStep)];
    if (down * across * cellBytes[fold] <= baseBytes) return { rowStep, columnStep };
    const canDown = rowStep < mostRows;
    if (canDown && (down >= across || columnStep >= mostColumns)) rowStep *= 2;
    else if (columnStep < mostColumns) columnStep *= 2;
    else return { rowStep, columnStep };
  }
}

/** Cells that are being put together from finer ones. */
export class CoarseCells {
  /** Float32 patterns as signed numbers. */
  private readonly extreme: Int32Array | undefined;
  private readonly sums: Float64Array | undefined;

  constructor(
    private readonly region: Region,
    private readonly grid: { rows: number; columns: number; rowStep: number; columnStep: number },
    fold: 'extreme' | 'sums',
  ) {
    const cells = grid.rows * grid.columns;
    // The pattern of -0, which any other value beats.
    if (fold === 'extreme') this.extreme = new Int32Array(cells).fill(-0x80000000);
    else this.sums = new Float64Array(2 * cells);
  }

  /** Adds the cells of a base tile that lie in the region; both begin at base cells. */
  add(tile: Region, { rowStep, columnStep }: BaseSteps, cells: FoldResult): void {
    const { region, grid } = this;
    const across = Math.ceil((tile.column1 - tile.column0) / columnStep);
    const [row0, row1] = [Math.max(tile.row0, region.row0), Math.min(tile.row1, region.row1)];
    const column0 = Math.max(tile.column0, region.column0);
    const count = Math.ceil((Math.min(tile.column1, region.column1) - column0) / columnStep);
    const skipped = (column0 - tile.column0) / columnStep;
    const targets = Int32Array.from({ length: count }, (_, i) =>
      Math.floor((column0 + i * columnStep - region.column0) / grid.columnStep),
    );
    for (let row = row0; row < row1; row += rowStep) {
      const from = ((row - tile.row0) / rowStep) * across + skipped;
      const to = Math.floor((row - region.row0) / grid.rowStep) * grid.columns;
      if (this.extreme) addExtremes(this.extreme, to, targets, cells.extreme!, from);
      else addSums(this.sums!, to, targets, cells.sums!, from);
    }
  }

  result(): FoldResult {
    return { extreme: this.extreme && new Float32Array(this.extreme.buffer), sums: this.sums };
  }
}

/** Keeps the larger magnitude, of equal ones the positive; NaN beats all numbers, as in the kernel. */
function addExtremes(
  into: Int32Array,
  to: number,
  targets: Int32Array,
  cells: Float32Array,
  from: number,
): void {
  const patterns = new Int32Array(cells.buffer, cells.byteOffset + 4 * from, targets.length);
  for (let i = 0; i < targets.length; i++) {
    const pattern = patterns[i]!;
    const target = to + targets[i]!;
    const held = into[target]!;
    const magnitude = pattern & 0x7fffffff;
    const heldMagnitude = held & 0x7fffffff;
    if (magnitude > heldMagnitude || (magnitude === heldMagnitude && pattern > held)) into[target] = pattern;
  }
}

function addSums(
  into: Float64Array,
  to: number,
  targets: Int32Array,
  sums: Float64Array,
  from: number,
): void {
  for (let i = 0; i < targets.length; i++) {
    const target = 2 * (to + targets[i]!);
    into[target]! += sums[2 * (from + i)]!;
    into[target + 1]! += sums[2 * (from + i) + 1]!;
  }
}
