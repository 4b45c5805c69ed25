import { expect, it } from 'vitest';
import type { TensorStats } from '../../../src/protocol/engineApi';
import {
  HistogramCounts,
  type HistogramCountsState,
} from '../../../webview-ui/views/histogram/histogramCounts';
import type { Distribution } from '../../../webview-ui/views/histogram/histogramSource';

const stats = {
  name: 'weight',
  outliers: { sigma3: 30, sigma6: 6 },
  histogram: { min: -1, max: 1, counts: Float64Array.of(1, 2) },
} as unknown as TensorStats;

it('never shows the count of another number of sigma that comes late', async () => {
  const answers = new Map<number, (count: number) => void>();
  const state: { now?: HistogramCountsState } = {};
  const counts = new HistogramCounts(
    {
      stats,
      distribution: ({ sigmas }) =>
        new Promise((resolve) => {
          const [sigma] = sigmas as readonly [number];
          answers.set(sigma, (count) =>
            resolve({
              histogram: null,
              beyond: [{ sigma, count, isExact: true }],
            } as unknown as Distribution),
          );
        }),
      pickOverlay: undefined,
      announce: undefined,
    },
    (now) => {
      state.now = now;
    },
    () => {},
  );
  const settled = () => new Promise((resolve) => setTimeout(resolve));
  counts.setSigmas(4);
  answers.get(4)!(17);
  await settled();
  expect(state.now?.beyond).toMatchObject({ sigma: 4, count: 17 });
  counts.setSigmas(5);
  // Known without asking, while 5 is still counted.
  counts.setSigmas(3);
  expect(state.now?.beyond).toMatchObject({ sigma: 3, count: 30 });
  answers.get(5)!(9);
  await settled();
  expect(state.now?.beyond).toMatchObject({ sigma: 3, count: 30 });
});
