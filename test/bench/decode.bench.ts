/**
 * Speed of every decoder to float32 against the plain TypeScript reference, on one thread: GB/s of float32 written,
 * and the ratio. Run it with `node scripts/bench.mjs decode`; it is no part of the test suite.
 */
import { readFileSync } from 'node:fs';
import { Kernels } from '../../src/kernels/kernels';
import { decodeReference } from '../../src/kernels/reference/decode';
import { byteSize, decodableDtypes, findDtype, wideDtypes } from '../../src/numeric/dtypes';
import { f32BitsToF16 } from '../../src/numeric/floats';
import { randomBlocks } from '../unit/kernels/randomBlocks';
import { randomBytes, randomNormal } from '../unit/kernels/randomValues';

/** Values as weights have them; random patterns of a float would be special ones far too often. */
function normalHalves(): Uint8Array {
  const values = randomNormal(elements, 3, 0, 0.02);
  const patterns = new Uint32Array(values.buffer);
  return new Uint8Array(Uint16Array.from(patterns, f32BitsToF16).buffer);
}

/** As `normalHalves` for F8: -0 and the largest magnitudes are left out, among them infinities and NaN. */
const smallCodes = (): Uint8Array =>
  randomBytes(elements, 1).map((code) => (code === 0x80 || (code & 0x7f) > 0x77 ? 8 : code));

const sample = (dtype: string): Uint8Array => {
  if (dtype === 'F16') return normalHalves();
  return dtype.startsWith('F8') ? smallCodes() : randomBlocks(dtype, elements, 1);
};

/** What a worker decodes at once. */
const elements = 2 ** 18;
const plainElements = 2 ** 15;
const kernels = Kernels.instantiate(readFileSync('dist/kernels.wasm'));
const dst = kernels.alloc(4 * elements);

/** Seconds of one run, the median of some. Warms up until the compiler has surely exchanged its first quick code. */
function seconds(run: () => void, repeats: number): number {
  const begin = performance.now();
  while (performance.now() < begin + 150) run();
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
  const bytes = sample(dtype);
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
