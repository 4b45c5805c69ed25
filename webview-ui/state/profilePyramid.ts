/** Largest values of runs of a profile, found in a handful of steps whatever the run's length. */

export class ProfilePyramid {
  /** levels[n][i] is the largest of values i * 4^n .. (i + 1) * 4^n. */
  private readonly levels: Float32Array[];

  /** Values that are not finite count as 0. */
  constructor(values: Float32Array) {
    const clean = values.some((value) => !Number.isFinite(value))
      ? values.map((value) => (Number.isFinite(value) ? value : 0))
      : values;
    this.levels = [clean];
    for (let below = clean; below.length > 1; ) {
      const level = new Float32Array(Math.ceil(below.length / 4));
      for (let i = 0; i < below.length; i++) level[i >> 2] = Math.max(level[i >> 2]!, below[i]!);
      this.levels.push(level);
      below = level;
    }
  }

  get length(): number {
    return this.levels[0]!.length;
  }

  /** Largest value of all. */
  get greatest(): number {
    return this.levels.at(-1)![0] ?? 0;
  }

  /** Largest value of from..to (half-open), 0 for an empty run. */
  largest(from: number, to: number): number {
    let most = 0;
    let start = Math.max(0, from);
    let end = Math.min(this.length, to);
    for (const level of this.levels) {
      while (start < end && start % 4 !== 0) most = Math.max(most, level[start++]!);
      while (start < end && end % 4 !== 0) most = Math.max(most, level[--end]!);
      if (start >= end) break;
      start /= 4;
      end /= 4;
    }
    return most;
  }
}
