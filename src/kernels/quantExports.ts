/**
 * The kernels that encode. Pointers are byte offsets into the kernels' memory; sources are finite float32. Rows are cut into
 * groups of `width` columns, the last one of a row as long as is left; a flat run is one row. Codes are a byte
 * each, without gaps, and dequantized float32 lie as the values do; where `dst` of `encode...` and `cast...` is 0, those are not
 * wanted, but for `encodeRefined`. What is encoded is documented at each scheme of src/quant/schemes, whose
 * plain code gives the same bits.
 */

/** Values, and where their codes and dequantized values go. */
type Encode = [src: number, codes: number, dst: number];
type Rows = [rows: number, columns: number, width: number];
/** A run of a flattened matrix of so many columns, and the column where it begins. */
type Run = [column: number, count: number, columns: number];

export interface QuantExports {
  /** Smallest and largest value of each group or 0, what lies further out: what parameters are made from. Float32. */
  groupRanges(src: number, ...rest: [...Rows, lowest: number, highest: number]): void;
  /** Largest magnitude of each group, float32. */
  groupMagnitudes(src: number, ...rest: [...Rows, dst: number]): void;
  /**
   * Adds the squared errors of `count` values under candidates, a multiple of four, to a float64 each. A candidate has a scale, its
   * reciprocal, and the bounds of codes less its zero point, all float32.
   */
  candidateErrors(
    src: number,
    count: number,
    candidates: number,
    ...rest: [scales: number, inverses: number, lows: number, highs: number, sums: number]
  ): void;
  /**
   * The same of each column of a run from `from` to `to`, under candidates made of the column's own range as in `leastErrorScales`; a
   * multiple of four sums a column. `scratch` has room for a column's values. Returns the first column that only the plain code decides
   * on, or -1.
   */
  columnErrors(
    src: number,
    ...rest: [
      ...Run,
      from: number,
      to: number,
      minimum: number,
      maximum: number,
      bits: number,
      symmetric: number,
      scaleType: number,
      shrinks: number,
      candidates: number,
      scratch: number,
      sums: number,
    ]
  ): number;
  /** What NVFP4 rounds to scales: divisor * (absmax / 6). */
  nvfpScales(absmax: number, count: number, divisor: number, dst: number): void;
  /** Scales divided by `divisor` and their reciprocals, finite and 0 for 0; all float32. */
  dividedScales(stored: number, count: number, divisor: number, scales: number, inverses: number): void;
  /** Sums of magnitudes of rows in float64, added in order. */
  rowMagnitudes(src: number, rows: number, columns: number, dst: number): void;
  /**
   * Parameters of `LinearCode` for `count` ranges; scale type 0 F32, 1 BF16, 2 F16. Returns the index of the first that
   * only the plain code decides on (a scale that does not fit its type), or -1.
   */
  integerScales(
    minimum: number,
    maximum: number,
    count: number,
    bits: number,
    symmetric: number,
    scaleType: number,
    scales: number,
    inverses: number,
    zeros: number,
  ): number;
  /**
   * As `integerScales` with the scale of least squared error of each group: extremes are multiplied by each of
   * `candidates` float64 at `shrinks`, and of equal errors the first one's wins.
   */
  leastErrorScales(
    src: number,
    ...rest: [
      ...Rows,
      minimum: number,
      maximum: number,
      bits: number,
      symmetric: number,
      scaleType: number,
      shrinks: number,
      candidates: number,
      scales: number,
      inverses: number,
      zeros: number,
    ]
  ): number;
  /**
   * Half-quadratic refinement of each group's zero point, where it lies, for codes from 0 to `high`; see
   * src/quant/halfQuadratic.ts.
   */
  refineZeros(
    src: number,
    ...rest: [...Rows, high: number, scales: number, inverses: number, zeros: number]
  ): void;
  /** u = clamp(rne(x * inverse + zero)) from 0 to `high`, x~ = (u - zero) * scale, with zero points that are no integers. */
  encodeRefined(
    ...args: [...Encode, ...Rows, scales: number, inverses: number, zeros: number, high: number]
  ): void;
  /**
   * u = clamp(rne(x * inverse) + zero), x~ = (u - zero) * scale * factor; `step` is 4 where each group has parameters, 0 where
   * all share one.
   */
  encodeGroups(
    ...args: [
      ...Encode,
      ...Rows,
      scales: number,
      inverses: number,
      zeros: number,
      step: number,
      factor: number,
      low: number,
      high: number,
    ]
  ): void;
  /**
   * As `encodeGroups` without a factor, for groups of `width` values, a multiple of 16, that follow one another, with one zero point
   * for all and the largest magnitude of each at `magnitudes`.
   */
  encodeSymmetric(
    ...args: [
      ...Encode,
      count: number,
      width: number,
      magnitudes: number,
      scales: number,
      inverses: number,
      zeros: number,
      low: number,
      high: number,
    ]
  ): void;
  /** As `encodeGroups` with parameters of columns, and no factor. */
  encodeColumns(
    ...args: [
      ...Encode,
      rows: number,
      columns: number,
      scales: number,
      inverses: number,
      zeros: number,
      low: number,
      high: number,
    ]
  ): void;
  /** Each row of codes packed from the lowest bits on, filled up with 0 to `stride` bytes. */
  packDense(codes: number, rows: number, columns: number, bits: number, dst: number, stride: number): void;
  /** Two codes a byte, the first in the upper half. */
  packHighNibbles(codes: number, count: number, dst: number): void;
  /**
   * Codes and values of a codebook over blocks of `width`. At `tables`: 32 bytes, how many thresholds lie below each cell of
   * a sixteenth, from -16 on; 16 bytes, codes by that number; and 16 thresholds and 16 values, each as four
   * planes of bytes. `smallest` bounds absmax from below for the reciprocal; with `bySign` thresholds are of magnitudes.
   */
  encodeCodebook(
    ...args: [
      ...Encode,
      count: number,
      width: number,
      absmax: number,
      scales: number,
      tables: number,
      smallest: number,
      bySign: number,
    ]
  ): void;
  /** Codes of `Minifloat`s, saturated; steps as in `encodeGroups`. */
  encodeSmallFloats(
    ...args: [
      ...Encode,
      ...Rows,
      scales: number,
      inverses: number,
      step: number,
      fractionBits: number,
      smallestExponent: number,
      largest: number,
      signBit: number,
    ]
  ): void;
  /** `count` values as bfloat16 words at `out` and as float32 at `dst`; too large ones become infinity. */
  castBF16(src: number, out: number, dst: number, count: number): void;
  /** The same for binary16. */
  castF16(src: number, out: number, dst: number, count: number): void;

  /** Keeps values larger in magnitude than the threshold; the others become 0. */
  pruneBelow(src: number, count: number, threshold: number, dst: number): void;
  /** Keeps the bits that a mask of 32 bits a column has. */
  pruneColumns(src: number, ...rest: [...Run, masks: number, dst: number]): void;
  /** Keeps the `keep` largest magnitudes of every `of` values of a row, of equal ones the first; groups begin where the run does. */
  pruneRanks(src: number, ...rest: [...Run, keep: number, of: number, dst: number]): void;
  /** Counts values by the lower 16 bits, to u32, of those whose upper 16 without the sign are `upper`. */
  countLowerHalves(src: number, count: number, upper: number, counts: number): void;
  /** A sum of squares in float64, added in order to `start`. */
  squareSum(src: number, count: number, start: number): number;
  /** Adds squares to sums of columns, float64. */
  addColumnSquares(src: number, ...rest: [...Run, sums: number]): void;
  /** Extends smallest and largest values of columns, float32. */
  columnRanges(src: number, ...rest: [...Run, lows: number, highs: number]): void;
}
