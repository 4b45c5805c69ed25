/**
 * Speed of the kernels against the plain TypeScript references, in one run on one thread, printed as ratios.
 * Run it with `node scripts/bench.mjs kernels`; it is no part of the test suite.
 */
import { readFileSync } from 'node:fs';
import { Kernels } from '../../src/kernels/kernels';
import { channelsReference } from '../../src/kernels/reference/channels';
import { decodeCodes8Reference, encode8Reference } from '../../src/kernels/reference/codes';
import { decodeReference } from '../../src/kernels/reference/decode';
import { histogramF32Reference } from '../../src/kernels/reference/histogram';
import { rowRangeReference } from '../../src/kernels/reference/rowRange';
import { errorSumsReference, momentsReference } from '../../src/kernels/reference/sums';
import type { ChannelPlace } from '../../src/kernels/valueFolds';
import { SegmentStats } from '../../src/stats/segmentStats';

const rows = 256;
const columns = 4096;
const elements = rows * columns;
const kernels = Kernels.instantiate(readFileSync('dist/kernels.wasm'));

const values = new Float32Array(elements);
let state = 1;
for (let i = 0; i < elements; i++) {
  let sum = 0;
  for (let k = 0; k < 4; k++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    sum += state / 2 ** 32 - 0.5;
  }
  values[i] = sum / 20;
}
const halves = new Uint16Array(elements);
const bits = new Uint32Array(values.buffer);
for (let i = 0; i < elements; i++) halves[i] = bits[i]! >>> 16;

const src = kernels.alloc(elements * 4);
const src16 = kernels.alloc(elements * 2);
const dst = kernels.alloc(elements * 4);
const codes = kernels.alloc(elements);
const [inverses, scales, zeros, mins, maxs] = [1, 2, 3, 4, 5].map(() => kernels.alloc(rows * 4)) as [
  number,
  number,
  number,
  number,
  number,
];
kernels.f32(src, elements).set(values);
kernels.u16(src16, elements).set(halves);
const rowArrays = {
  inverses: new Float32Array(rows).fill(1270),
  scales: new Float32Array(rows).fill(1 / 1270),
  zeros: new Float32Array(rows).fill(128),
};
kernels.f32(inverses, rows).set(rowArrays.inverses);
kernels.f32(scales, rows).set(rowArrays.scales);
kernels.f32(zeros, rows).set(rowArrays.zeros);

/** Median seconds of some runs after a warm-up. */
function seconds(run: () => void, repeats: number): number {
  run();
  const times = Array.from({ length: repeats }, () => {
    const start = process.hrtime.bigint();
    run();
    return Number(process.hrtime.bigint() - start) / 1e9;
  });
  return times.sort((a, b) => a - b)[repeats >> 1]!;
}

function compare(name: string, bytes: number, fast: () => void, plain?: () => void): void {
  const speed = bytes / seconds(fast, 15) / 1e9;
  let ratio = '';
  if (plain !== undefined) {
    const plainSpeed = bytes / seconds(plain, 3) / 1e9;
    ratio = `  plain ${plainSpeed.toFixed(2).padStart(6)} GB/s  ${(speed / plainSpeed).toFixed(1).padStart(6)} x`;
  }
  console.log(`${name.padEnd(34)} ${speed.toFixed(2).padStart(6)} GB/s${ratio}`);
}

function stats(dtype: string, pointer: number, channels: boolean): void {
  const mark = kernels.mark();
  const segment = new SegmentStats(kernels, {
    dtype,
    startElement: 0,
    elements,
    columns: channels ? columns : undefined,
  });
  segment.add(pointer, elements);
  segment.finish();
  kernels.reset(mark);
}

function plainStats(): void {
  momentsReference(values, 0);
  histogramF32Reference(values);
  channelsReference(values, 0, columns);
}

const bytes16 = new Uint8Array(halves.buffer);
console.log(`${elements} values, GB/s of input bytes, one thread`);
compare(
  'decode BF16',
  elements * 2,
  () => kernels.decode('BF16', src16, dst, elements),
  () => decodeReference('BF16', bytes16, elements),
);
compare(
  'decode F16',
  elements * 2,
  () => kernels.decode('F16', src16, dst, elements),
  () => decodeReference('F16', bytes16, elements),
);
compare(
  'row extremes',
  elements * 4,
  () => kernels.rowRange(src, rows, columns, mins, maxs),
  () => rowRangeReference(values, rows, columns),
);
compare(
  'encode to 8 bits',
  elements * 4,
  () => kernels.encode8(src, codes, rows, columns, columns, inverses, zeros, 1, 255),
  () => encode8Reference(values, columns, columns, rowArrays.inverses, rowArrays.zeros, 1, 255),
);
compare(
  'encode, decode, error sums',
  elements * 4,
  () => {
    for (let row = 0; row < rows; row++) {
      const x = src + row * columns * 4;
      kernels.encode8(x, codes, 1, columns, columns, inverses, zeros, 1, 255);
      kernels.decodeCodes8(codes, dst, 1, columns, columns, scales, zeros);
      kernels.errorSums(x, dst, columns);
    }
  },
  () => {
    const coded = encode8Reference(values, columns, columns, rowArrays.inverses, rowArrays.zeros, 1, 255);
    const back = decodeCodes8Reference(coded, columns, columns, rowArrays.scales, rowArrays.zeros);
    errorSumsReference(values, back);
  },
);
compare(
  'moments',
  elements * 4,
  () => kernels.moments(src, elements, 0),
  () => momentsReference(values, 0),
);
const histogram = kernels.alloc(65536 * 4);
const channelArrays = [4 * rows, 4 * columns, 8 * rows, 8 * columns].map((bytes) => kernels.alloc(bytes));
const place = [0, columns, ...channelArrays] as unknown as ChannelPlace;
compare(
  'moments, counts and channels at once',
  elements * 4,
  () => kernels.folds.foldFinite(src, elements, place, histogram),
  () => {
    momentsReference(values, 0);
    channelsReference(values, 0, columns);
    histogramF32Reference(values);
  },
);
compare('counts and channels of BF16', elements * 2, () =>
  kernels.folds.foldPatterns(src16, elements, place, histogram),
);
compare('channels of BF16', elements * 2, () => kernels.folds.channelsBF16(src16, elements, place));
compare(
  'histogram of F32',
  elements * 4,
  () => kernels.histogramF32(src, elements, histogram),
  () => histogramF32Reference(values),
);
compare('histogram of 16 bits', elements * 2, () => kernels.histogramU16(src16, elements, histogram));
compare('all statistics of F32', elements * 4, () => stats('F32', src, true), plainStats);
compare('all but channels of F32', elements * 4, () => stats('F32', src, false));
compare('all statistics of BF16', elements * 2, () => stats('BF16', src16, true));
compare('all but channels of BF16', elements * 2, () => stats('BF16', src16, false));
