/**
 * Peak memory of the compute process while it quantizes a model far larger than that, to written and synced shards. The model is a sparse
 * file of BENCH_GB billion bytes (40 by default), of whose tensors the first 8 MiB hold values; the output takes about an eighth of that on
 * the disk. The limit is 400 MB.
 */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineClient } from '../../src/engine/client';
import { planSafetensors } from '../../src/formats/safetensors/writer';
import { binarySize } from '../../src/numeric/sizeText';
import { peakMegabytes } from './support/benchModels';

const limitMegabytes = 400;
const asked = Number(process.env.BENCH_GB ?? 40);
const rows = 32_768;
const columns = 8192;
const filledBytes = 8 * 2 ** 20;

/** Writes the model and returns its size. */
function writeSparse(path: string): number {
  const bytesEach = 4 * rows * columns;
  const count = Math.max(1, Math.round((asked * 1e9) / bytesEach));
  const entries = Array.from({ length: count }, (_, i) => ({
    name: `model.layers.${i}.mlp.up_proj.weight`,
    dtype: 'F32',
    shape: [rows, columns],
  }));
  const plan = planSafetensors(entries, { format: 'pt' });
  const values = new Float32Array(filledBytes / 4);
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 31 - 1;
  }
  const file = openSync(path, 'w');
  ftruncateSync(file, plan.totalBytes);
  writeSync(file, plan.headerBytes, 0, plan.headerBytes.length, 0);
  for (const { byteOffset } of plan.entries) writeSync(file, values, 0, filledBytes, byteOffset);
  closeSync(file);
  return plan.totalBytes;
}

const folder = mkdtempSync(join(process.env.BENCH_FOLDER ?? tmpdir(), 'tensor-loupe-bench-'));
try {
  const { bavail, bsize } = statfsSync(folder);
  const needed = 0.2 * asked * 1e9;
  if (bavail * bsize < needed) {
    console.log(
      `Left out: ${binarySize(needed)} are needed for the output, ${binarySize(bavail * bsize)} are free.`,
    );
  } else {
    const path = join(folder, 'model.safetensors');
    const totalBytes = writeSparse(path);
    const engine = new EngineClient({ enginePath: join(process.cwd(), 'dist/engine.js') });
    await engine.call('open', { path });
    const idle = peakMegabytes(engine.pid);
    const report = await engine.call('quantize', {
      path,
      out: join(folder, 'out'),
      scheme: 'int4-absmax',
      granularity: 'row',
      backend: 'cpu',
      overwrite: false,
      pure: false,
      dryRun: false,
      maxShardBytes: 2_000_000_000,
    });
    const peak = peakMegabytes(engine.pid);
    engine.dispose();
    console.log('| input | output | seconds | GB/s | idle | peak | of the limit of 400 MB |');
    console.log('|---|---|---|---|---|---|---|');
    const megabytes = (value: number | undefined) => (value === undefined ? '' : `${Math.round(value)} MB`);
    const share = peak === undefined ? '' : `${Math.round((100 * peak) / limitMegabytes)} %`;
    console.log(
      `| ${(totalBytes / 1e9).toFixed(1)} GB | ${(report.bytesAfter / 1e9).toFixed(1)} GB in ${report.outputs.filter((file) => file.endsWith('.safetensors')).length} shards | ${report.seconds.toFixed(0)} | ${(totalBytes / 1e9 / report.seconds).toFixed(2)} | ${megabytes(idle)} | ${megabytes(peak)} | ${share} |`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
