/** What an error report tells of one tensor beyond sums, gathered block by block. */
import type { PlacedError } from '../../protocol/engineApi';
import type { DivergenceBins } from '../../quant/valueDivergence';
import { worstOf } from '../errors/worstErrors';
import type { Block } from '../matrix';
import { countInto } from './runSensitivity';
import type { CompareResult } from './task';

/** Candidates that are gathered before the best of them are kept. */
const mostCandidates = 256;

/** Sums of |error| by row and column, both values' counts over the same bins, and the largest errors. */
export class ErrorProfile {
  private readonly rows: Float64Array;
  private readonly columns: Float64Array;
  private readonly original: Float64Array;
  private readonly dequantized: Float64Array;
  private readonly divergence: { original: Float64Array; dequantized: Float64Array };
  private worst: PlacedError[] = [];
  /** Errors up to this are not among the worst. */
  private threshold = 0;

  constructor(
    private readonly part: Block,
    private readonly bins: DivergenceBins,
    private readonly divergenceBins: DivergenceBins,
  ) {
    this.rows = new Float64Array(part.rows);
    this.columns = new Float64Array(part.columns);
    this.original = new Float64Array(bins.bins);
    this.dequantized = new Float64Array(bins.bins);
    this.divergence = {
      original: new Float64Array(divergenceBins.bins),
      dequantized: new Float64Array(divergenceBins.bins),
    };
  }

  /** Takes in a block of originals `x` and what they became, `y`. Blocks come in the tensor's order. */
  add(block: Block, x: Float32Array, y: Float32Array): void {
    const { rows, columns, part } = this;
    for (let row = 0, i = 0; row < block.rows; row++) {
      let sum = 0;
      for (let column = 0; column < block.columns; column++, i++) {
        const error = Math.abs(x[i]! - y[i]!);
        sum += error;
        columns[block.column + column]! += error;
        if (error > this.threshold) this.note(block.row + row, block.column + column, x[i]!, y[i]!);
      }
      rows[block.row - part.row + row]! += sum;
    }
    countInto(this.original, x, this.bins);
    countInto(this.dequantized, y, this.bins);
    countInto(this.divergence.original, x, this.divergenceBins);
    countInto(this.divergence.dequantized, y, this.divergenceBins);
  }

  result(): NonNullable<CompareResult['detail']> {
    const { rows, columns, original, dequantized, divergence } = this;
    return { rows, columns, original, dequantized, divergence, worst: worstOf(this.worst) };
  }

  private note(row: number, column: number, original: number, dequantized: number): void {
    this.worst.push({ row, column, original, dequantized });
    if (this.worst.length < mostCandidates) return;
    this.worst = worstOf(this.worst);
    const last = this.worst.at(-1)!;
    // Later ones of the same size come after those that are there.
    this.threshold = Math.abs(last.original - last.dequantized);
  }
}
