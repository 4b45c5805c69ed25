/** How fast work goes, from its last seconds: a rate since the start would take minutes to tell of a slow disk. */

interface Sample {
  readonly ms: number;
  readonly bytes: number;
  readonly tensors: number;
}

const windowMs = 5000;
/** A shorter time says nothing. */
const leastMs = 400;
/** A tensor takes about as long as so many bytes more, however small it is. */
const bytesPerTensor = 16 * 2 ** 10;

export class RateMeter {
  private samples: Sample[] = [];

  /** Forgets the past: work stood still meanwhile. */
  restart(): void {
    this.samples = [];
  }

  /** Takes the totals done so far, at a time in ms. */
  add(ms: number, bytes: number, tensors: number): void {
    const last = this.samples.at(-1);
    // Totals fall when work is lost and done again.
    if (last && bytes < last.bytes) this.samples = [];
    this.samples.push({ ms, bytes, tensors });
    let first = 0;
    while (first < this.samples.length - 2 && ms - this.samples[first + 1]!.ms >= windowMs) first++;
    if (first > 0) this.samples.splice(0, first);
  }

  /** Bytes a second, and seconds for what is left; undefined while it is too early to tell. */
  estimate(
    bytesLeft: number,
    tensorsLeft: number,
  ): { bytesPerSecond?: number | undefined; secondsLeft?: number | undefined } {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (!first || !last || last.ms - first.ms < leastMs) return {};
    const seconds = (last.ms - first.ms) / 1000;
    const bytes = last.bytes - first.bytes;
    const cost = bytes + (last.tensors - first.tensors) * bytesPerTensor;
    if (cost <= 0) return {};
    return {
      bytesPerSecond: bytes / seconds,
      secondsLeft: ((bytesLeft + tensorsLeft * bytesPerTensor) * seconds) / cost,
    };
  }
}
