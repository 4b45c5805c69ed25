/**
 * Throughput of the compute process on made-up models of about 400 MB, read from a warm file cache: statistics, and
 * INT8 with one scale a row from file to file, beside a plain loop of reads and ONNX Runtime's CPU provider.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineClient } from '../../src/engine/client';
import { planSafetensors } from '../../src/formats/safetensors/writer';

const rounds = 3;
const rows = 2048;
const columns = 4096;

/** Writes `tensors` matrices of values that are normally distributed, more or less. */
function writeModel(path: string, dtype: 'BF16' | 'F32', tensors: number): number {
  const values = new Float32Array(rows * columns);
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] =
      ((state & 0xff) + ((state >>> 8) & 0xff) + ((state >>> 16) & 0xff) + (state >>> 24) - 510) / 5000;
  }
  const words = new Uint32Array(values.buffer);
  const data = dtype === 'F32' ? values : Uint16Array.from(words, (word) => word >>> 16);
  const bytes = new Uint8Array(data.buffer);
  const entries = Array.from({ length: tensors }, (_, i) => ({
    name: `layers.${i}.proj.weight`,
    dtype,
    shape: [rows, columns],
  }));
  const plan = planSafetensors(entries);
  const file = openSync(path, 'w');
  writeSync(file, plan.headerBytes, 0, plan.headerBytes.length, 0);
  for (const { byteOffset } of plan.entries) writeSync(file, bytes, 0, bytes.length, byteOffset);
  closeSync(file);
  return plan.totalBytes;
}

async function medianSeconds(run: () => unknown): Promise<number> {
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await run();
    seconds.push((performance.now() - start) / 1000);
  }
  return seconds.sort((a, b) => a - b)[Math.floor(rounds / 2)]!;
}

function readWhole(path: string, totalBytes: number): void {
  const buffer = new Uint8Array(4 * 2 ** 20);
  const file = openSync(path, 'r');
  for (let at = 0; at < totalBytes; at += buffer.length) readSync(file, buffer, 0, buffer.length, at);
  closeSync(file);
}

/** Largest resident size that a process has had, in MB; undefined where the system does not tell. */
function peakMegabytes(pid: number | undefined): number | undefined {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1000;
  } catch {
    return undefined;
  }
}

execFileSync(process.execPath, [
  'esbuild.mjs',
  '--only=engine.js',
  '--only=worker.js',
  '--only=ortWorker.js',
]);
const folder = mkdtempSync(join(tmpdir(), 'tensor-loupe-bench-'));
try {
  for (const [dtype, tensors] of [
    ['BF16', 24],
    ['F32', 12],
  ] as const) {
    const path = join(folder, 'model.safetensors');
    const totalBytes = writeModel(path, dtype, tensors);
    const read = await medianSeconds(() => readWhole(path, totalBytes));
    const results: { job: string; seconds: number; peak: number | undefined }[] = [];

    const measure = async (job: string, run: (engine: EngineClient) => Promise<unknown>) => {
      const engine = new EngineClient({ enginePath: join(process.cwd(), 'dist/engine.js') });
      await engine.call('open', { path });
      const seconds = await medianSeconds(() => run(engine));
      results.push({ job, seconds, peak: peakMegabytes(engine.pid) });
      engine.dispose();
    };
    const indices = Array.from({ length: tensors }, (_, i) => i);
    const stats = (channels: 'none' | 'full') => (engine: EngineClient) =>
      engine.call('stats', { path, tensors: indices, channels });
    const quantize = (backend: 'cpu' | 'ort-cpu') => (engine: EngineClient) =>
      engine.call('quantize', {
        path,
        out: join(folder, 'out'),
        scheme: 'int8-absmax',
        granularity: 'row',
        backend,
        overwrite: true,
        pure: false,
        dryRun: false,
      });
    await measure('statistics', stats('none'));
    await measure('statistics with channels', stats('full'));
    await measure('INT8 per row, kernels', quantize('cpu'));
    await measure('INT8 per row, ONNX Runtime CPU', quantize('ort-cpu'));

    const ort = results.at(-1)!;
    console.log(
      `\n${dtype}, ${Math.round(totalBytes / 1e6)} MB; a plain loop of reads: ${gigabytes(read)} GB/s\n`,
    );
    console.log(
      '| job | seconds | GB/s of input | share of the read loop | times ONNX Runtime | peak memory |',
    );
    console.log('|---|---|---|---|---|---|');
    for (const { job, seconds, peak } of results) {
      const timesOrt = job.startsWith('INT8') ? (ort.seconds / seconds).toFixed(2) : '';
      const share = `${Math.round((100 * read) / seconds)} %`;
      const memory = peak === undefined ? '' : `${Math.round(peak)} MB`;
      console.log(
        `| ${job} | ${seconds.toFixed(2)} | ${gigabytes(seconds)} | ${share} | ${timesOrt} | ${memory} |`,
      );
    }
    function gigabytes(seconds: number): string {
      return (totalBytes / seconds / 1e9).toFixed(2);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
