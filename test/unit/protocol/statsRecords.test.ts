/** Figures as columns: what goes in comes out, null and -0 and the last bit included. */
import { expect, it } from 'vitest';
import {
  decodeRecord,
  encodeRecords,
  joinRecords,
  pickRecords,
  StatsStore,
  withoutTop,
} from '../../../src/protocol/statsRecords';
import type { TensorStats } from '../../../src/stats/types';

/** Every figure is another number. */
const full = (name: string, seed: number): TensorStats => ({
  name,
  count: seed + 1,
  min: -0,
  max: seed + 0.1,
  mean: seed + 1 / 3,
  std: Number.MIN_VALUE,
  skewness: -seed - 0.7,
  absmax: Number.MAX_VALUE,
  rms: Number.POSITIVE_INFINITY,
  crest: seed + 2,
  kurtosis: seed + 3,
  entropy: seed + 4,
  nan: seed + 5,
  inf: 2 * seed + 13,
  posInf: seed + 6,
  negInf: seed + 7,
  zeros: seed + 8,
  denormals: seed + 9,
  outliers: { sigma3: seed + 10, sigma6: seed + 11 },
  percentiles: { '0.1': seed + 12, '1': seed + 13, '50': seed + 14, '99': seed + 15, '99.9': seed + 16 },
  top: [
    { index: 2 ** 40 + seed, value: -1e300 },
    { index: 0, value: 0.1 },
  ],
  histogram: null,
  outlierChannels: { rows: 1, columns: 2, rowEnergy: 0.3, columnEnergy: 0.4, int8Columns: 5 },
});
const empty = (name: string): TensorStats => {
  const { outlierChannels: _, ...rest } = full(name, 0);
  const none = { min: null, max: null, mean: null, std: null, skewness: null, absmax: null, rms: null };
  const percentiles = { '0.1': null, '1': null, '50': null, '99': null, '99.9': null };
  return { ...rest, ...none, crest: null, kurtosis: null, entropy: null, percentiles, top: [] };
};
const entries = [
  { index: 7, stats: full('seven', 7) },
  { index: 2, stats: null },
  { index: 0, stats: empty('none') },
  { index: 9, stats: full('nine', 9) },
];

it('gives back each tensor as it was', () => {
  const records = encodeRecords(entries);
  expect([...records.index]).toEqual(entries.map(({ index }) => index));
  const back = entries.map(({ stats }, i) => decodeRecord(records, i, stats?.name ?? ''));
  expect(back).toEqual(entries.map(({ stats }) => stats));
  expect(Object.is(back[0]!.min, -0)).toBe(true);
});

it('leaves out histograms, arrays of channels, and on request the largest values', () => {
  const axis = {
    absmax: new Float32Array(2),
    rms: new Float32Array(2),
    outliers: [],
    outlierEnergy: 0,
    median: 0,
  };
  const stats: TensorStats = {
    ...full('x', 1),
    histogram: { min: 0, max: 1, counts: new Float64Array(96) },
    channels: { rows: axis, columns: axis, int8Columns: [] },
  };
  const records = encodeRecords([{ index: 0, stats }]);
  expect(decodeRecord(records, 0, 'x')).toEqual(full('x', 1));
  expect(decodeRecord(withoutTop(records), 0, 'x')).toEqual({ ...full('x', 1), top: [] });
});

it('picks and joins runs, and the newest record of a tensor holds', () => {
  const records = encodeRecords(entries);
  const joined = joinRecords([pickRecords(records, [3]), pickRecords(records, [1, 0])]);
  expect([...joined.index]).toEqual([9, 2, 7]);
  expect([0, 1, 2].map((i) => decodeRecord(joined, i, 'n'))).toEqual([
    { ...full('n', 9) },
    null,
    { ...full('n', 7) },
  ]);
  const store = new StatsStore(8);
  store.add(records);
  // Tensor 9 is beyond the store's end.
  expect([store.size, store.has(9), store.get(2, ''), store.get(1, '')]).toEqual([3, false, null, undefined]);
  store.add(encodeRecords([{ index: 2, stats: full('two', 2) }]));
  expect([store.size, store.get(2, 'two')]).toEqual([3, full('two', 2)]);
  const again = new StatsStore(8);
  again.add(store.records());
  expect([again.get(7, 'seven'), again.get(2, 'two'), again.get(0, 'none')]).toEqual([
    full('seven', 7),
    full('two', 2),
    empty('none'),
  ]);
  expect([...store.records([7, 3]).index]).toEqual([7]);
});

it('stays as small as its tensors, however often they are told anew', () => {
  const store = new StatsStore(4);
  for (let i = 0; i < 10_000; i++) store.add(encodeRecords([{ index: i % 4, stats: full('x', i) }]));
  expect(store.size).toBe(4);
  expect(store.records().index.length).toBe(4);
  expect(store.get(3, 'x')).toEqual(full('x', 9999));
});
