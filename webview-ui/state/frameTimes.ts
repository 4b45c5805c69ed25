/** Times of the last frames of a motion, for measurements: what drawing took, and from one frame to the next. */

export interface FrameSummary {
  readonly frames: number;
  /** ms. */
  readonly drawMedian: number;
  readonly drawLongest: number;
  readonly intervalMedian: number;
  readonly intervalLongest: number;
}

/** A longer pause ends a motion. */
const pauseMs = 250;
const kept = 600;

export class FrameTimes {
  private draws: number[] = [];
  private intervals: number[] = [];
  private last = Number.NEGATIVE_INFINITY;

  /** One frame: when it began, and how long drawing took, both in ms. */
  add(startMs: number, drawMs: number): void {
    if (startMs - this.last > pauseMs) {
      this.draws = [];
      this.intervals = [];
    } else this.intervals.push(startMs - this.last);
    this.last = startMs;
    this.draws.push(drawMs);
    if (this.draws.length > kept) {
      this.draws.shift();
      this.intervals.shift();
    }
  }

  summary(): FrameSummary {
    const middle = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
    return {
      frames: this.draws.length,
      drawMedian: middle(this.draws),
      drawLongest: Math.max(0, ...this.draws),
      intervalMedian: middle(this.intervals),
      intervalLongest: Math.max(0, ...this.intervals),
    };
  }
}
