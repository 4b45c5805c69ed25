/**
 * Speed of every decoder to float32 against the plain TypeScript reference, on one thread: GB/s of float32 written,
 * and the ratio. Run it with `node scripts/bench.mjs decode`; it is no part of the test suite.
 */
import { readFileSync } from 'node:fs';
import { Kernels } from '../../src/kernels/kernels';
import { decodeReference } from '../../src/kernels/reference/decode';
import { byteSize, decodableDtypes, findDtype, wideDtypes } from '../../src/numeric/dtypes';
import { randomBlocks } from '../unit/kernels/randomBlocks';

/** What a worker decodes at once. */
const elements = 2 ** 18;
const plainElements = 2 ** 15;
const kernels = Kernels.instantiate(readFileSync('dist/kernels.wasm'));
const dst = kernels.alloc(4 * elements);

/** Seconds of one run, the median of some after a warm-up. */
function seconds(run: () => void, repeats: number): number {
  for (let i = 0; i < repeats; i++) run();
  const times = Array.from({ length: repeats }, () => {
    const start = process.hrtime.bigint();
    run();
    return Number(process.hrtime.bigint() - start) / 1e9;
  });
  return times.sort((a, b) => a - b)[repeats >> 1]!;
}

console.log(`${elements} values, GB/s of float32 written, one thread`);
for (const dtype of decodableDtypes) {
  if (wideDtypes.has(dtype)) continue;
  const bytes = randomBlocks(dtype, elements, 1);
  const mark = kernels.mark();
  const src = kernels.alloc(byteSize(findDtype(dtype)!, elements)!);
  kernels.u8(src, bytes.length).set(bytes);
  const speed = (4 * elements) / seconds(() => kernels.decode(dtype, src, dst, elements), 40) / 1e9;
  const plainSeconds = seconds(() => decodeReference(dtype, bytes, plainElements), 5);
  const plainSpeed = (4 * plainElements) / plainSeconds / 1e9;
  kernels.reset(mark);
  const columns = [
    dtype.padEnd(12),
    `${speed.toFixed(2).padStart(6)} GB/s`,
    `plain ${plainSpeed.toFixed(3).padStart(6)} GB/s`,
    `${(speed / plainSpeed).toFixed(1).padStart(6)} x`,
  ];
  console.log(columns.join('  '));
}
