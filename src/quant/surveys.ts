/** Passes over a whole tensor whose results several schemes need. */
import type { Survey } from './scheme';

/** [min, max]; the other way round infinities for no values. */
export const extremes: Survey = {
  start: () => Float64Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  add(state, { values }) {
    let [low, high] = [state[0]!, state[1]!];
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    state[0] = low;
    state[1] = high;
  },
  merge(into, from) {
    into[0] = Math.min(into[0]!, from[0]!);
    into[1] = Math.max(into[1]!, from[1]!);
  },
};

/** Smallest values of the columns, then their largest. */
export function columnExtremes(columns: number): Survey {
  return {
    start() {
      const state = new Float64Array(2 * columns);
      state.fill(Number.POSITIVE_INFINITY, 0, columns);
      state.fill(Number.NEGATIVE_INFINITY, columns);
      return state;
    },
    add(state, { first, values }) {
      let column = first % columns;
      for (let i = 0; i < values.length; i++) {
        const value = values[i]!;
        if (value < state[column]!) state[column] = value;
        if (value > state[columns + column]!) state[columns + column] = value;
        if (++column === columns) column = 0;
      }
    },
    merge(into, from) {
      for (let i = 0; i < columns; i++) into[i] = Math.min(into[i]!, from[i]!);
      for (let i = columns; i < 2 * columns; i++) into[i] = Math.max(into[i]!, from[i]!);
    },
  };
}

/** [sum of |x|, count]. */
export const magnitudes: Survey = {
  start: () => new Float64Array(2),
  add(state, { values }) {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]!);
    state[0]! += sum;
    state[1]! += values.length;
  },
  merge: addTo,
};

/** Merges sums and counts. */
export function addTo(into: Float64Array, from: Float64Array): void {
  for (let i = 0; i < into.length; i++) into[i]! += from[i]!;
}
