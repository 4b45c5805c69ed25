/**
 * Counts beyond 3 and 6 sigma in the same pass as sigma itself, for types whose histogram leaves them open: mean and sigma are
 * guessed from a sample, values beyond rings around the guessed borders are counted, and those in the rings are kept until
 * the true borders are known. The counts are exact, or not there: when the true borders lie outside the rings, or the
 * rings held too many values, a second pass has to count.
 */
import type { SigmaCounts } from '../kernels/kernels';
import type { BandCounts, Bands } from '../kernels/valueFolds';
import { type SigmaThresholds, sigmaThresholds } from './finalizeStats';
import type { CountedStats } from './partialStats';

/** Half the width of a ring as a share of its radius. Of normal values about one in 400 lies in the rings. */
const guard = 0.05;
/** The same for a rough guess. About one value in 170. */
const roughGuard = 0.12;
/** Values kept of one part: 512 KB. */
export const bandCapacity = 65536;
/** Values kept of a whole tensor: 4 MB. */
const totalCapacity = 2 ** 19;

/** Rings around the borders that a sample suggests, wider where that may be far off; undefined when it suggests none. */
export function bandsAround(
  guess: (SigmaThresholds & { readonly isRough?: boolean | undefined }) | undefined,
): Bands | undefined {
  if (!guess || !(guess.sigma3 > 0) || !Number.isFinite(guess.sigma6)) return undefined;
  const { mean, sigma3, sigma6 } = guess;
  const share = guess.isRough ? roughGuard : guard;
  return {
    center: mean,
    low3: sigma3 * (1 - share),
    high3: sigma3 * (1 + share),
    low6: sigma6 * (1 - share),
    high6: sigma6 * (1 + share),
  };
}

/** Values of one ring that wait for the true border, and how many are already known to lie beyond it. */
class Ring {
  /** The first `size` places are filled. */
  #values = new Float64Array(1024);
  size = 0;

  constructor(
    public low: number,
    public high: number,
    public beyond = 0,
  ) {}

  /** Takes a value of the ring as it was at first: kept, counted or dropped by how it is now. */
  take(value: number, distance: number): void {
    if (distance > this.high) this.beyond++;
    else if (distance >= this.low) this.#keep(value);
  }

  #keep(value: number): void {
    if (this.size === this.#values.length) {
      const longer = new Float64Array(2 * this.size);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.size++] = value;
  }

  narrow(low: number, high: number, center: number): void {
    this.low = Math.max(this.low, low);
    this.high = Math.min(this.high, high);
    const [values, size] = [this.#values, this.size];
    this.size = 0;
    // What is kept moves towards the front, over values that have been looked at.
    for (let i = 0; i < size; i++) this.take(values[i]!, Math.abs(values[i]! - center));
  }

  /** All values farther than `border` from the mean. The border and the center's distance lie in the ring. */
  count(mean: number, border: number): number {
    let count = this.beyond;
    const values = this.#values;
    for (let i = 0; i < this.size; i++) if (Math.abs(values[i]! - mean) > border) count++;
    return count;
  }
}

/** The rings of a tensor's parts together, merged in their order. */
export class SigmaBands {
  readonly #bands: Bands;
  readonly #inner: Ring;
  readonly #outer: Ring;
  readonly #capacity: number;
  #failed = false;

  constructor(bands: Bands, capacity: number = totalCapacity) {
    this.#bands = bands;
    this.#capacity = capacity;
    this.#inner = new Ring(bands.low3, bands.high3);
    this.#outer = new Ring(bands.low6, bands.high6);
  }

  /** Takes a part's counts, made with the bands given at first; `soFar`: all parts up to this one. */
  merge(part: BandCounts | undefined, soFar: CountedStats): void {
    if (this.#failed) return;
    if (!part?.kept) {
      this.#failed = true;
      return;
    }
    const { center, high3 } = this.#bands;
    this.#inner.beyond += part.beyond3;
    this.#outer.beyond += part.beyond6;
    const { kept } = part;
    for (let i = 0; i < kept.length; i++) {
      const value = kept[i]!;
      const distance = Math.abs(value - center);
      (distance <= high3 ? this.#inner : this.#outer).take(value, distance);
    }
    const isFull = () => this.#inner.size + this.#outer.size > this.#capacity;
    if (isFull()) this.#narrow(sigmaThresholds(soFar));
    this.#failed = isFull();
  }

  /** The counts for the true mean and sigma; undefined when they do not follow. */
  counts(stats: CountedStats): SigmaCounts | undefined {
    const borders = sigmaThresholds(stats);
    if (this.#failed || !borders) return undefined;
    const { mean, sigma3, sigma6 } = borders;
    // Wherever on the line a border lies it must be in its ring, with room for rounding.
    const shift = Math.abs(mean - this.#bands.center) + 1e-9 * (Math.abs(mean) + sigma6);
    const holds = ({ low, high }: Ring, border: number) => low <= border - shift && border + shift <= high;
    if (!holds(this.#inner, sigma3) || !holds(this.#outer, sigma6)) return undefined;
    return { sigma3: this.#inner.count(mean, sigma3), sigma6: this.#outer.count(mean, sigma6) };
  }

  /** Narrows the rings to a quarter around what is known by now. */
  #narrow(known: SigmaThresholds | undefined): void {
    if (!known) return;
    const shift = Math.abs(known.mean - this.#bands.center);
    for (const [ring, border] of [
      [this.#inner, known.sigma3],
      [this.#outer, known.sigma6],
    ] as const) {
      const reach = (ring.high - ring.low) / 8 + shift;
      ring.narrow(border - reach, border + reach, this.#bands.center);
    }
  }
}
