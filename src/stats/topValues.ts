import { type PlacedValue, topCount } from './types';

/** Whether `a` goes before `b`: the larger magnitude, and of equal ones the lower index. */
function isBefore(a: PlacedValue, b: PlacedValue): boolean {
  const [magnitudeA, magnitudeB] = [Math.abs(a.value), Math.abs(b.value)];
  return magnitudeA > magnitudeB || (magnitudeA === magnitudeB && a.index < b.index);
}

/**
 * The finite values of largest magnitude among those that were offered, in any order: which ones they are does not depend
 * on how a tensor was cut.
 */
export class TopValues {
  readonly #values: PlacedValue[];
  readonly #limit: number;

  /** @param known values in order, at most `limit` */
  constructor(known: readonly PlacedValue[] = [], limit: number = topCount) {
    this.#values = [...known];
    this.#limit = limit;
  }

  /** Magnitude that a value of a higher index than all before must exceed to be taken; below 0 while there is room. */
  get threshold(): number {
    return this.#values.length < this.#limit ? -1 : Math.abs(this.#values.at(-1)!.value);
  }

  /** Takes a finite value if it is among the largest. */
  offer(value: PlacedValue): void {
    const values = this.#values;
    if (values.length === this.#limit) {
      if (!isBefore(value, values.at(-1)!)) return;
      values.pop();
    }
    let at = values.length;
    while (at > 0 && isBefore(value, values[at - 1]!)) at--;
    // -0 is told as 0.
    values.splice(at, 0, { index: value.index, value: value.value + 0 });
  }

  /** Offers the values of a run whose first one has the index `firstIndex`. */
  offerRun(run: Float32Array | Float64Array, firstIndex: number): void {
    for (let i = 0; i < run.length; i++) {
      const magnitude = Math.abs(run[i]!);
      if (magnitude > this.threshold && magnitude < Number.POSITIVE_INFINITY) {
        this.offer({ index: firstIndex + i, value: run[i]! });
      }
    }
  }

  /** Largest first. */
  list(): readonly PlacedValue[] {
    return [...this.#values];
  }
}
