/**
 * Speed of the encoders of ggml's types, kernels against the plain code, without and with an importance matrix, on one thread: GB of float32
 * that are encoded in a second of the processor's time, dequantized values not included. Run it with `node scripts/bench.mjs ggml`; it is no part of the test suite. BENCH_TYPES=Q3_K,IQ1_S chooses some.
 *
 * GGML_ENCODE may name a program that calls ggml's own quantizers: TYPE COLUMNS VALUES OUTPUT [IMPORTANCE], files of float32, which prints
 * "N s", the processor's time of the call. Its bytes are compared, and the kernels' speed is printed as a multiple of its own.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kernels } from '../../src/kernels/kernels';
import { findDtype } from '../../src/numeric/dtypes';
import { settingFor } from '../../src/quant/choice';
import { encodingFor } from '../../src/quant/encoding';
import { blockTypes } from '../../src/quant/schemes/ggml/blockTypes';
import { randomNormal } from '../unit/kernels/randomValues';

const [rows, columns] = [256, 4096];
const elements = rows * columns;
const plainRows = 8;
const kernels = Kernels.instantiate(readFileSync('dist/kernels.wasm'));
const values = randomNormal(elements, 3).map((value) => value * 0.02);
const importance = randomNormal(columns, 4).map((value) => value * value);
const [x, output, weights] = [4 * elements, 4 * elements, 4 * columns].map((bytes) =>
  kernels.alloc(bytes),
) as [number, number, number];
kernels.f32(x, elements).set(values);
kernels.f32(weights, columns).set(importance);

/** Least seconds of the processor's time of some runs: other work on the machine only adds. */
function seconds(run: () => void, repeats: number): number {
  const times = Array.from({ length: repeats }, () => {
    const start = process.cpuUsage();
    run();
    return process.cpuUsage(start).user / 1e6;
  });
  return Math.min(...times);
}

const folder = mkdtempSync(join(tmpdir(), 'tensor-loupe-ggml-'));
const files = { values: join(folder, 'x'), importance: join(folder, 'w'), output: join(folder, 'out') };
writeFileSync(files.values, new Uint8Array(values.buffer));
writeFileSync(files.importance, new Uint8Array(importance.buffer));

/** Seconds of the peer, best of three; undefined without one. Throws where its bytes are others. */
function peerSeconds(type: string, weighted: boolean, own: Uint8Array): number | undefined {
  const program = process.env.GGML_ENCODE;
  if (!program) return undefined;
  const names = [files.values, files.output, ...(weighted ? [files.importance] : [])];
  const times = Array.from({ length: 3 }, () => {
    const { stdout, stderr } = spawnSync(program, [type, String(columns), ...names], { encoding: 'utf8' });
    return Number(/([\d.]+) s\b/.exec(stdout + stderr)?.[1]);
  });
  if (Buffer.compare(own, readFileSync(files.output)) !== 0) throw new Error(`${type}: other bytes`);
  return Math.min(...times);
}

function measure(name: (typeof blockTypes)[number]['name'], type: string, weighted: boolean): void {
  const setting = settingFor({ scheme: name, granularity: 'none' }, 'F32', { rows, columns });
  const encoding = encodingFor(weighted ? { ...setting, importance } : setting);
  const few = values.slice(0, plainRows * columns);
  const plain = (4 * few.length) / seconds(() => encoding.encode({ first: 0, values: few }, []), 2) / 1e9;
  const encoder = kernels.blockEncoder(type);
  const label = `${type}${weighted ? ', weighted' : ''}`.padEnd(18);
  if (!encoder) {
    console.log(`${label} ${plain.toFixed(4)} GB/s by the plain code`);
    return;
  }
  const { blockElements, blockBytes } = findDtype(type)!;
  const speed =
    (4 * elements) / seconds(() => encoder(x, output, elements, weighted ? weights : 0, columns), 5) / 1e9;
  const peer = peerSeconds(type, weighted, kernels.u8(output, (elements / blockElements) * blockBytes));
  const times = `${(speed / plain).toFixed(0).padStart(4)} x plain`;
  const beside = peer === undefined ? '' : `  ${((speed * 1e9 * peer) / (4 * elements)).toFixed(2)} x ggml`;
  console.log(`${label} ${speed.toFixed(3).padStart(7)} GB/s ${times}${beside}`);
}

console.log(`${elements} values; peer: ${process.env.GGML_ENCODE ?? 'none (GGML_ENCODE is not set)'}`);
const wanted = process.env.BENCH_TYPES?.split(',');
const ignoring = new Set(['Q8_0', 'MXFP4', 'TQ1_0', 'TQ2_0']);
try {
  for (const { name, type, needsImportance } of blockTypes) {
    if (wanted && !wanted.includes(type)) continue;
    if (!needsImportance) measure(name, type, false);
    if (!ignoring.has(type)) measure(name, type, true);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
