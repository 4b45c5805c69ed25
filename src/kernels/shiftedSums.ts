/** Raw sums of one run of values around a shift: s1 = sum (x - shift), s2 = sum (x - shift)^2 and so on. */
export interface ShiftedSums {
  /** Finite values; all sums and the extremes are over these. */
  readonly finite: number;
  readonly s1: number;
  readonly s2: number;
  readonly s3: number;
  readonly s4: number;
  /** Infinity when there is no finite value. Never -0. */
  readonly min: number;
  /** -Infinity when there is no finite value. Never -0. */
  readonly max: number;
  /** Values equal to 0, -0 among them. */
  readonly zeros: number;
  readonly nan: number;
  /** Of both signs. */
  readonly inf: number;
  readonly posInf: number;
  /** Values that are denormal in float64; `moments` does not count them. */
  readonly denormals: number;
}
