import { f32FromBits } from '../../numeric/floats';
import { remembering } from '../remembering';
import type { Band, Knowledge, Setting, Survey } from '../scheme';
import { addTo } from '../surveys';
import { defaultRatio, type Pruning } from './pruning';

/** Magnitudes by their upper 15 bits, the sign left out; and the values of one such bin by their lower 16. */
const upperBins = 2 ** 15;
const lowerBins = 2 ** 16;

const upper: Survey = {
  start: () => new Float64Array(upperBins),
  add(state, { values }) {
    const patterns = new Uint32Array(values.buffer, values.byteOffset, values.length);
    for (let i = 0; i < patterns.length; i++) state[(patterns[i]! & 0x7fffffff) >>> 16]!++;
  },
  merge: addTo,
};

/** Bin that holds the n-th smallest (n from 1), and how many lie in the bins before it. */
function binOf(counts: Float64Array, n: number): { bin: number; before: number } {
  let before = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    if (before + counts[bin]! >= n) return { bin, before };
    before += counts[bin]!;
  }
  return { bin: counts.length - 1, before };
}

function prunedCount({ choice, rows, columns }: Pick<Setting, 'choice' | 'rows' | 'columns'>): number {
  return Math.floor(rows * columns * (choice.ratio ?? defaultRatio));
}

/** The bin of the first pass that the threshold lies in, of which the second pass counts the values. */
export function thresholdBin(setting: Setting, known: Knowledge): number {
  return binOf(known[0]!, prunedCount(setting)).bin;
}

/**
 * Magnitude pruning: the threshold is the n-th smallest |w|, n = floor(count * ratio); weights with |w| above it
 * stay, all others become 0, those that equal it too. The order of float32 magnitudes is that of their patterns, so two
 * counting passes give the threshold exactly.
 */
export function pruneMagnitude({ choice, rows, columns }: Setting): Pruning {
  const n = prunedCount({ choice, rows, columns });
  const lower: Survey = {
    start: () => new Float64Array(lowerBins),
    add(state, { values }, known) {
      const { bin } = binOf(known[0]!, n);
      const patterns = new Uint32Array(values.buffer, values.byteOffset, values.length);
      for (let i = 0; i < patterns.length; i++) {
        const magnitude = patterns[i]! & 0x7fffffff;
        if (magnitude >>> 16 === bin) state[magnitude & 0xffff]!++;
      }
    },
    merge: addTo,
  };
  const thresholdOf = remembering((known: Knowledge) => {
    if (n === 0) return -1;
    const { bin, before } = binOf(known[0]!, n);
    return f32FromBits((bin << 16) | binOf(known[1]!, n - before).bin);
  });
  return {
    unit: 1,
    surveys: [upper, lower],
    apply({ first, values }: Band, known) {
      const threshold = thresholdOf(known);
      return { first, values: values.map((value) => (Math.abs(value) > threshold ? value : 0)) };
    },
    rule: (known) => ({ kind: 'above', threshold: thresholdOf(known) }),
  };
}
