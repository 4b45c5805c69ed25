/**
 * Quantizing whole made-up models of about 400 MB from a warm file cache to written, synced files: INT8 by rows, NF4, and
 * INT4 by blocks of 32, with errors measured while writing and left for later, in turn. No other quantizer measures errors: rows of
 * "later" are those to hold against others, and numpy leaves errors out there too. Beside it a plain copy of the same bytes by two threads, taken in turn with our rounds: what this machine
 * allows at that moment, so that a goal that it cannot reach is told from one that we miss. Then ONNX Runtime's CPU provider, and
 * numpy with the same formula and file writes over a few of the tensors, since it would take minutes. CPU seconds are those of the
 * engine's process with all its threads; they tell more than the clock where others use the machine too.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineClient } from '../../src/engine/client';
import { planSafetensors } from '../../src/formats/safetensors/writer';
import type { ErrorTiming } from '../../src/protocol/engineApi';
import type { SchemeChoice } from '../../src/quant/types';
import { PlainCopy } from './support/plainCopy';

const rounds = Number(process.env.ROUNDS ?? 4);
/** `OTHERS=no`: without numpy and ONNX Runtime, which take most of the time. */
const withOthers = process.env.OTHERS !== 'no';
/** Those of ONNX Runtime, and tensors that numpy takes. */
const otherRounds = 1;
const numpyTensors = 2;
const rows = 2048;
const columns = 4096;
/** Goals of input per second on two cores, in GB. */
const goals = { F32: 2.5, BF16: 1.5 } as const;

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

/** User and system seconds of a process with its threads; undefined where the system does not tell. */
function cpuSeconds(pid: number | undefined): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}

const median = (values: readonly number[]): number =>
  values.slice().sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

interface Job {
  readonly name: string;
  readonly choice: SchemeChoice;
  /** Of the numpy program. */
  readonly formula: string;
  readonly ort: boolean;
}

const jobs: readonly Job[] = [
  { name: 'INT8 per row', choice: { scheme: 'int8-absmax', granularity: 'row' }, formula: 'int8', ort: true },
  { name: 'NF4, block 64', choice: { scheme: 'nf4', granularity: 'block' }, formula: 'nf4', ort: false },
  {
    name: 'INT4, block 32',
    choice: { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 },
    formula: 'int4',
    ort: true,
  },
];

/**
 * The same formulas over the same file, a tensor at a time: codes, packing, and where errors are measured dequantized values and
 * the sum of squared errors, written and synced. Arguments: model, output, dtype, tensors, rows, columns, formula, errors.
 */
const numpyProgram = `
import os, sys, time
import numpy as np
path, out, dtype, tensors, rows, columns, formula, errors = sys.argv[1:]
tensors, rows, columns = int(tensors), int(rows), int(columns)
levels = np.array([-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
  -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634,
  0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1], np.float32)
middles = (levels[1:] + levels[:-1]) / 2
one = np.float32(1)
started = time.perf_counter()
begin = os.times()
header = int(np.fromfile(path, np.uint64, 1)[0]) + 8
each = rows * columns
squares = 0.0
with open(out, 'wb') as file:
  for i in range(tensors):
    size = 4 if dtype == 'F32' else 2
    raw = np.fromfile(path, np.float32 if size == 4 else np.uint16, each, offset=header + i * each * size)
    x = raw if size == 4 else (raw.astype(np.uint32) << 16).view(np.float32)
    width = {'int8': columns, 'nf4': 64, 'int4': 32}[formula]
    x = x.reshape(-1, width)
    absmax = np.abs(x).max(axis=1, keepdims=True)
    if formula == 'nf4':
      codes = np.searchsorted(middles, x * (one / absmax)).astype(np.uint8)
      if errors == 'writing':
        y = levels[codes] * absmax
      packed = (codes.ravel()[0::2] << 4) | codes.ravel()[1::2]
      scale = absmax
    else:
      steps = 127 if formula == 'int8' else 7
      scale = absmax / np.float32(steps)
      q = np.rint(x * (one / scale))
      if errors == 'writing':
        y = q * scale
      codes = (q + np.float32(steps + 1)).astype(np.uint8)
      packed = codes if formula == 'int8' else codes.ravel()[0::2] | (codes.ravel()[1::2] << 4)
    if errors == 'writing':
      error = x - y
      squares += float(np.dot(error.ravel(), error.ravel()))
    packed.tofile(file)
    scale.tofile(file)
  file.flush()
  os.fsync(file.fileno())
end = os.times()
print(time.perf_counter() - started, end.user - begin.user + end.system - begin.system)
`;

interface Timing {
  readonly seconds: number;
  readonly cpu: number | undefined;
}

const medianOf = (timings: readonly Timing[]): Timing => ({
  seconds: median(timings.map(({ seconds }) => seconds)),
  cpu: timings.some(({ cpu }) => cpu === undefined) ? undefined : median(timings.map(({ cpu }) => cpu!)),
});

/** Debian's interpreter where it has numpy, else undefined. */
function python(): string | undefined {
  return ['/usr/bin/python3', 'python3'].find((name) => spawnSync(name, ['-c', 'import numpy']).status === 0);
}

execFileSync(process.execPath, [
  'esbuild.mjs',
  '--only=engine.js',
  '--only=worker.js',
  '--only=ortWorker.js',
]);
const interpreter = python();
if (interpreter === undefined) console.log('numpy is not installed; its columns stay empty.');
/** An engine that has the model open, and writes it to `out` again and again. */
class Writer {
  private readonly engine = new EngineClient({ enginePath: join(process.cwd(), 'dist/engine.js') });

  constructor(
    private readonly path: string,
    private readonly out: string,
    private readonly choice: SchemeChoice,
    private readonly backend: 'cpu' | 'ort-cpu',
  ) {}

  async round(errors: ErrorTiming): Promise<Timing> {
    const { engine, path, out, choice, backend } = this;
    rmSync(out, { recursive: true, force: true });
    await engine.call('open', { path });
    const cpu = cpuSeconds(engine.pid);
    const started = performance.now();
    const flags = { overwrite: false, pure: false, dryRun: false };
    await engine.call('quantize', { path, out, ...choice, backend, errors, ...flags });
    const seconds = (performance.now() - started) / 1000;
    const used = cpuSeconds(engine.pid);
    return { seconds, cpu: cpu === undefined || used === undefined ? undefined : used - cpu };
  }

  /** Bytes of the last output. */
  get bytes(): number {
    return readdirSync(this.out).reduce((sum, name) => sum + statSync(join(this.out, name)).size, 0);
  }

  dispose(): void {
    this.engine.dispose();
    rmSync(this.out, { recursive: true, force: true });
  }
}

const text = (value: number | undefined, digits: number): string => value?.toFixed(digits) ?? '';
const ratio = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined || b === 0 ? undefined : a / b;

const folder = mkdtempSync(join(tmpdir(), 'tensor-loupe-bench-'));
const copy = await PlainCopy.start();
try {
  for (const [dtype, tensors] of [
    ['BF16', 24],
    ['F32', 12],
  ] as const) {
    const path = join(folder, `${dtype}.safetensors`);
    const totalBytes = writeModel(path, dtype, tensors);
    const gigabytes = totalBytes / 1e9;
    const goal = goals[dtype];

    const numpy = (formula: string, errors: ErrorTiming): Timing | undefined => {
      if (interpreter === undefined) return undefined;
      const args = [path, join(folder, 'numpy.bin'), dtype, numpyTensors, rows, columns, formula, errors];
      const told = execFileSync(interpreter, ['-c', numpyProgram, ...args.map(String)], { encoding: 'utf8' });
      const [seconds, cpu] = told.trim().split(' ').map(Number) as [number, number];
      const factor = tensors / numpyTensors;
      return { seconds: seconds * factor, cpu: cpu * factor };
    };
    const graph = async (choice: SchemeChoice, errors: ErrorTiming): Promise<Timing> => {
      const writer = new Writer(path, join(folder, 'out'), choice, 'ort-cpu');
      try {
        await writer.round(errors);
        const timings: Timing[] = [];
        for (let round = 0; round < otherRounds; round++) timings.push(await writer.round(errors));
        return medianOf(timings);
      } finally {
        writer.dispose();
      }
    };

    console.log(`\n${dtype}, ${Math.round(totalBytes / 1e6)} MB, goal ${goal} GB/s of input\n`);
    const heads = [
      ...['job', 'errors', 'GB/s, median and best', 'of the goal', 'plain copy, GB/s, median and best'],
      ...['of the copy', 'CPU s, median and best', 'GB/s of two idle cores, by CPU s', 'times numpy (CPU)'],
      'times ONNX Runtime CPU',
    ];
    console.log(`| ${heads.join(' | ')} |`);
    console.log(`|${'---|'.repeat(heads.length)}`);
    for (const { name, choice, formula, ort } of jobs) {
      const writer = new Writer(path, join(folder, 'out'), choice, 'cpu');
      const timings: Record<ErrorTiming, Timing[]> = { writing: [], later: [] };
      const copies: number[] = [];
      try {
        // The first run starts threads and compiles kernels.
        await writer.round('writing');
        const { bytes } = writer;
        for (let round = 0; round < rounds; round++) {
          copies.push(await copy.run(path, join(folder, 'copy.bin'), totalBytes, bytes));
          // Each is first as often as the other.
          const order = round % 2 === 0 ? (['writing', 'later'] as const) : (['later', 'writing'] as const);
          for (const errors of order) timings[errors].push(await writer.round(errors));
        }
      } finally {
        writer.dispose();
      }
      for (const errors of ['writing', 'later'] as const) {
        const own = medianOf(timings[errors]);
        const other = withOthers ? numpy(formula, errors) : undefined;
        const ortTiming = ort && withOthers ? await graph(choice, errors) : undefined;
        const speed = gigabytes / own.seconds;
        const copied = gigabytes / median(copies);
        const best = gigabytes / Math.min(...timings[errors].map(({ seconds }) => seconds));
        const bestCopy = gigabytes / Math.min(...copies);
        const cpus = timings[errors].flatMap(({ cpu }) => cpu ?? []);
        const leastCpu = cpus.length > 0 ? Math.min(...cpus) : undefined;
        const verdict = speed >= goal ? 'reached' : copied < goal ? 'the copy misses it too' : 'missed';
        const cells = [
          ...[`${dtype}, ${name}`, errors],
          `${speed.toFixed(2)}, ${best.toFixed(2)}`,
          `${(speed / goal).toFixed(2)}, ${verdict}`,
          `${copied.toFixed(2)}, ${bestCopy.toFixed(2)}`,
          (speed / copied).toFixed(2),
          `${text(own.cpu, 2)}, ${text(leastCpu, 2)}`,
          text(ratio(2 * gigabytes, own.cpu), 2),
          other
            ? `${text(ratio(other.seconds, own.seconds), 1)} (${text(ratio(other.cpu, own.cpu), 1)})`
            : '',
          text(ratio(ortTiming?.seconds, own.seconds), 1),
        ];
        console.log(`| ${cells.join(' | ')} |`);
      }
    }
    rmSync(path);
  }
} finally {
  await copy.stop();
  rmSync(folder, { recursive: true, force: true });
}
