/**
 * Throughput of the compute process on made-up models of about 800 MB with two workers: all statistics from a warm and from a
 * cold file, beside a plain loop of reads, two threads that only read and run kernels, numpy and ONNX Runtime's CPU provider;
 * quantized files; memory of a large sparse file; and INT8 with one scale a row from file to file. Every goal is printed as
 * a ratio, with reached or missed.
 *
 * BENCH_SPARSE_GB: size of the sparse file, 4 by default; BENCH_ONLY: a word that the sections to run contain.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { EngineClient } from '../../src/engine/client';
import { makeGguf } from '../fixtures/makeCheckpoint';
import { randomBlocks } from '../unit/kernels/randomBlocks';
import {
  columns,
  makeCold,
  median,
  otherProgram,
  peakMegabytes,
  readWhole,
  rows,
  writeModel,
  writeSparseModel,
} from './support/benchModels';
import { ceiling, serveCeiling } from './support/ceiling';

const rounds = 5;
const support = join(process.cwd(), 'test/bench/support');
process.env.TENSOR_LOUPE_WORKERS ??= '2';

interface Job {
  readonly seconds: number;
  /** Of the fastest round, to be held against limits of which the fastest round counts too. */
  readonly best: number;
  readonly peak: number | undefined;
}

/** Median seconds of a job in an engine of its own, and the engine's peak memory. `before` runs ahead of each round. */
async function measure(
  path: string,
  run: (engine: EngineClient) => Promise<unknown>,
  before: () => void = () => {},
): Promise<Job> {
  const engine = new EngineClient({ enginePath: join(process.cwd(), 'dist/engine.js') });
  try {
    await engine.call('open', { path });
    // The first run starts the workers and compiles their code.
    await run(engine);
    const seconds: number[] = [];
    for (let round = 0; round < rounds; round++) {
      before();
      const start = performance.now();
      await run(engine);
      seconds.push((performance.now() - start) / 1000);
    }
    return { seconds: median(seconds), best: Math.min(...seconds), peak: peakMegabytes(engine.pid) };
  } finally {
    engine.dispose();
  }
}

const allStats = (path: string, tensors: number) => (engine: EngineClient) =>
  engine.call('stats', { path, tensors: Array.from({ length: tensors }, (_, i) => i), channels: 'full' });

/** One line: what was measured, the figure, and whether it is at least the goal. */
function tell(what: string, value: number, unit: string, goal?: number, isMost = false): void {
  const verdict =
    goal === undefined
      ? ''
      : `  goal ${isMost ? '<' : '>='} ${goal} ${unit}: ${(isMost ? value < goal : value >= goal) ? 'reached' : 'missed'} (${(value / goal).toFixed(2)} of it)`;
  console.log(`${what.padEnd(58)} ${value.toFixed(2).padStart(7)} ${unit}${verdict}`);
}

const wanted = (section: string) => !process.env.BENCH_ONLY || section.includes(process.env.BENCH_ONLY);

async function floats(folder: string, dtype: 'BF16' | 'F32', tensors: number): Promise<void> {
  const path = join(folder, `${dtype}.safetensors`);
  const bytes = writeModel(path, dtype, tensors);
  const rate = (seconds: number) => bytes / seconds / 1e9;
  console.log(`\n${dtype}, ${Math.round(bytes / 1e6)} MB`);
  const reads = () => median(Array.from({ length: rounds }, () => readWhole(path)));
  readWhole(path);
  const warmRead = reads();
  const warm = await measure(path, allStats(path, tensors));
  tell('warm: a plain loop of reads', rate(warmRead), 'GB/s');
  tell('warm: two threads that only read', rate(await ceiling(path, dtype, bytes, false)), 'GB/s');
  const limit = await ceiling(path, dtype, bytes, true);
  tell('warm: two threads that read and run the kernels', rate(limit), 'GB/s');
  tell('warm: all statistics', rate(warm.seconds), 'GB/s', dtype === 'F32' ? 3 : 2.5);
  tell('warm: best of the rounds', rate(warm.best), 'GB/s');
  tell('warm: share of the two threads with kernels', limit / warm.best, 'x');
  tell('warm: share of the plain loop', warmRead / warm.seconds, 'x');
  tell('peak memory', warm.peak ?? Number.NaN, 'MB', 300, true);

  if (makeCold(path)) {
    const coldReads: number[] = [];
    const cold = await measure(path, allStats(path, tensors), () => {
      // In turn with the engine, so that both meet the same disk.
      makeCold(path);
      coldReads.push(readWhole(path));
      makeCold(path);
    });
    tell('cold: a plain loop of reads', rate(median(coldReads)), 'GB/s');
    tell('cold: all statistics', rate(cold.seconds), 'GB/s');
    tell('cold: share of the plain loop', median(coldReads) / cold.seconds, 'x', 0.9);
  } else console.log('cold: left out, since /usr/bin/python3 is not there to empty the cache');

  readWhole(path);
  const numpy = otherProgram('/usr/bin/python3', [join(support, 'numpyReductions.py'), path, '1']);
  if (typeof numpy === 'string') console.log(`numpy: left out (${numpy})`);
  else tell('times numpy doing the same reductions', numpy / warm.seconds, 'x', 12);
  if (dtype === 'F32') {
    const ort = otherProgram(process.execPath, [join(support, 'ortReductions.mjs'), path, String(rounds)]);
    if (typeof ort === 'string') console.log(`ONNX Runtime: left out (${ort})`);
    else {
      tell('times ONNX Runtime CPU doing the reductions it has', ort / warm.seconds, 'x', 3);
      console.log('  (without histogram, percentiles, NaN, infinities, counts beyond sigma, largest values)');
    }
  }

  for (const backend of ['cpu', 'ort-cpu'] as const) {
    const job = await measure(path, (engine) =>
      engine.call('quantize', {
        path,
        out: join(folder, 'out'),
        scheme: 'int8-absmax',
        granularity: 'row',
        backend,
        overwrite: true,
        pure: false,
        dryRun: false,
      }),
    );
    tell(`INT8 per row, file to file, ${backend}`, rate(job.seconds), 'GB/s');
  }
  rmSync(path);
}

async function quantized(folder: string, dtype: 'Q4_K' | 'Q6_K'): Promise<void> {
  const path = join(folder, `${dtype}.gguf`);
  const tensors = 12;
  const data = randomBlocks(dtype, rows * columns, 1);
  const names = Array.from({ length: tensors }, (_, i) => `blk.${i}.ffn_up.weight`);
  writeFileSync(
    path,
    makeGguf({
      metadata: [{ key: 'general.architecture', type: 'string', value: 'llama' }],
      tensors: names.map((name) => ({ name, dtype, shape: [rows, columns], data })),
    }),
  );
  readWhole(path);
  const { seconds } = await measure(path, allStats(path, tensors));
  tell(
    `${dtype}: all statistics, of dequantized float32`,
    (4 * rows * columns * tensors) / seconds / 1e9,
    'GB/s',
    1.5,
  );
  rmSync(path);
}

/** The memory of one reading of zeros, of which the file system stores none. */
async function sparse(folder: string): Promise<void> {
  const gigabytes = Number(process.env.BENCH_SPARSE_GB ?? 4);
  for (const bytes of [0.4e9, gigabytes * 1e9]) {
    const path = join(folder, 'sparse.safetensors');
    const total = writeSparseModel(path, bytes);
    const engine = new EngineClient({ enginePath: join(process.cwd(), 'dist/engine.js') });
    const { tensors } = await engine.call('open', { path });
    const start = performance.now();
    await allStats(path, tensors.names.length)(engine);
    const seconds = (performance.now() - start) / 1000;
    const peak = peakMegabytes(engine.pid);
    engine.dispose();
    rmSync(path);
    const name = `${(total / 1e9).toFixed(1)} GB of zeros`;
    tell(`${name}: all statistics`, total / seconds / 1e9, 'GB/s');
    tell(`${name}: peak memory`, peak ?? Number.NaN, 'MB', 300, true);
  }
}

async function main(): Promise<void> {
  execFileSync(process.execPath, [
    'esbuild.mjs',
    '--only=engine.js',
    '--only=worker.js',
    '--only=ortWorker.js',
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'tensor-loupe-bench-'));
  try {
    if (wanted('BF16')) await floats(folder, 'BF16', 24);
    if (wanted('F32')) await floats(folder, 'F32', 12);
    if (wanted('quantized')) {
      console.log('\nQuantized files');
      await quantized(folder, 'Q4_K');
      await quantized(folder, 'Q6_K');
    }
    if (wanted('sparse')) {
      console.log('\nMemory');
      await sparse(folder);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (isMainThread) await main();
else serveCeiling();
