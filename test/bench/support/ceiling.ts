/**
 * What the machine gives at the moment to two threads that do nothing but read a file, or read it and run the kernels of all
 * statistics over it: limits of the engine, which has tasks, merging and figures besides.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Kernels } from '../../../src/kernels/kernels';
import { SegmentStats } from '../../../src/stats/segmentStats';
import { columns } from './benchModels';

const threads = 2;
const rounds = 3;
const runBytes = 2 ** 19;
const partElements = 2 ** 22;

interface Share {
  readonly path: string;
  readonly dtype: 'BF16' | 'F32';
  readonly withKernels: boolean;
  /** Bytes of the file that are this thread's. */
  readonly from: number;
  readonly to: number;
}

/** Best seconds of some rounds in which two threads share a file of matrices out. The bundle must call `serveCeiling`. */
export async function ceiling(
  path: string,
  dtype: Share['dtype'],
  bytes: number,
  withKernels: boolean,
): Promise<number> {
  const each = Math.floor(bytes / threads / runBytes) * runBytes;
  const workers = Array.from({ length: threads }, (_, i) => {
    const share: Share = { path, dtype, withKernels, from: i * each, to: (i + 1) * each };
    return new Worker(new URL(import.meta.url), { workerData: share });
  });
  const answer = (worker: Worker) =>
    new Promise<number>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  await Promise.all(workers.map(answer));
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const done = workers.map(answer);
    for (const worker of workers) worker.postMessage('go');
    seconds.push(Math.max(...(await Promise.all(done))));
  }
  await Promise.all(workers.map((worker) => worker.terminate()));
  return (Math.min(...seconds) * bytes) / (each * threads);
}

/** What a thread of `ceiling` does: a round to compile the kernels, and one for each message. */
export function serveCeiling(): void {
  if (isMainThread) throw new Error('serveCeiling runs in a worker thread');
  const share = workerData as Share;
  const kernels = Kernels.instantiate(readFileSync(join(process.cwd(), 'dist/kernels.wasm')));
  round(kernels, share);
  parentPort!.postMessage(0);
  parentPort!.on('message', () => parentPort!.postMessage(round(kernels, share)));
}

function round(kernels: Kernels, { path, dtype, withKernels, from, to }: Share): number {
  const start = performance.now();
  const valueBytes = dtype === 'F32' ? 4 : 2;
  const file = openSync(path, 'r');
  let segment: SegmentStats | undefined;
  for (let at = from; at < to; at += runBytes) {
    if ((at - from) % (partElements * valueBytes) === 0) {
      segment?.finish();
      kernels.reset();
      if (withKernels) segment = newSegment(kernels, dtype);
    }
    const mark = kernels.mark();
    const pointer = kernels.alloc(runBytes);
    readSync(file, kernels.u8(pointer, runBytes), 0, runBytes, at);
    segment?.add(pointer, runBytes / valueBytes);
    kernels.reset(mark);
  }
  segment?.finish();
  closeSync(file);
  return (performance.now() - start) / 1000;
}

/** As a part of a tensor has it, with rings where the values of these models have 3 and 6 sigma. */
function newSegment(kernels: Kernels, dtype: Share['dtype']): SegmentStats {
  const sigma = 0.03;
  const ring = (k: number) => ({ low: 0.95 * k * sigma, high: 1.05 * k * sigma });
  const [three, six] = [ring(3), ring(6)];
  const bands = { center: 0, low3: three.low, high3: three.high, low6: six.low, high6: six.high };
  const place = { startElement: 0, elements: partElements, columns };
  return new SegmentStats(kernels, { dtype, ...place, bands, expectsFinite: true });
}
