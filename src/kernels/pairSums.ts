/** Error sums of pairs that come piece by piece. */
import type { WasmMemory } from './webAssembly';

/** Sums over pairs of an original x and its dequantized y, e = x - y, all in float64. */
export interface ErrorSums {
  readonly squaredError: number;
  readonly absoluteError: number;
  readonly squaredX: number;
  readonly productXY: number;
  readonly squaredY: number;
  readonly maxAbsError: number;
}

/** What the module exports for this; states take `pairSumsBytes`. */
export interface PairSumsExports {
  errorSumsBegin(state: number): void;
  /** Adds `count` float32 pairs, of `total` those from `at` on. */
  errorSumsAdd(state: number, x: number, y: number, count: number, at: number, total: number): void;
  errorSumsEnd(state: number, total: number, out: number): void;
}

/** Bytes of a state and of the six sums behind it. */
export const pairSumsBytes = 176 + 48;

/** Pieces must come in their order; the bits are those of all pairs in one piece. */
export class PairSums {
  private at = 0;
  private total = 0;

  constructor(
    private readonly memory: WasmMemory,
    private readonly exports: PairSumsExports,
    /** A multiple of 8, `pairSumsBytes` from there on. */
    private readonly state: number,
  ) {}

  /** Starts with nothing, for `total` pairs. */
  begin(total: number): this {
    this.at = 0;
    this.total = total;
    this.exports.errorSumsBegin(this.state);
    return this;
  }

  /** Adds `count` float32 pairs that follow the ones before. */
  add(xPtr: number, yPtr: number, count: number): this {
    this.exports.errorSumsAdd(this.state, xPtr, yPtr, count, this.at, this.total);
    this.at += count;
    return this;
  }

  /** The sums when all pairs are there. Not finite if and only if one of the values was not. */
  end(): ErrorSums {
    const out = this.state + 176;
    this.exports.errorSumsEnd(this.state, this.total, out);
    const [squaredError, absoluteError, squaredX, productXY, squaredY, maxAbsError] = new Float64Array(
      this.memory.buffer,
      out,
      6,
    ) as unknown as [number, number, number, number, number, number];
    return { squaredError, absoluteError, squaredX, productXY, squaredY, maxAbsError };
  }
}
