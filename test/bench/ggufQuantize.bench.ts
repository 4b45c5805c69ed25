/**
 * Whole runs of `tensor-loupe quantize` beside llama.cpp's llama-quantize: a made-up F16 llama of 386 million parameters, from a
 * warm file cache, two threads, the start of each process included. Run it with `node scripts/bench.mjs ggufQuantize`; names of
 * mixes in BENCH_MIXES choose some.
 *
 * LLAMA_QUANTIZE names the other program. Without it only our own figures are printed. With it rounds are taken in turn, and tensors'
 * data are compared byte for byte. Processor time is that of all processes and threads of a run; ours syncs what it writes to
 * the disk, and computes the error of every tensor.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileSource } from '../../src/bytes/byteSource';
import { readGguf } from '../../src/formats/gguf/reader';
import { readWhole } from './support/benchModels';
import { parameterCount, writeGgufModel } from './support/ggufModel';

const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
/** At most so much of llama-quantize's time. */
const goals: Readonly<Record<string, number>> = { Q8_0: 1, Q4_0: 1, Q4_K_M: 0.5, Q6_K: 0.5 };
const mixes = process.env.BENCH_MIXES?.split(',') ?? Object.keys(goals);
const memoryGoal = 300;
const peer = process.env.LLAMA_QUANTIZE;

interface Run {
  readonly seconds: number;
  readonly cpu: number;
  /** Of the process that takes most of it, in MB. */
  readonly peakMegabytes: number;
}

/** User and system seconds of a process so far, and the most memory that it had; undefined once it is gone. */
function usage(pid: number): { cpu: number; megabytes: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return { cpu: (Number(fields[11]) + Number(fields[12])) / 100, megabytes: Number(peak?.[1] ?? 0) / 1000 };
  } catch {
    return undefined;
  }
}

function children(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const lists = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'));
    return lists.flatMap((list) => list.trim().split(' ').filter(Boolean).map(Number));
  } catch {
    return [];
  }
}

/** Runs a program; looks at it and its children every few milliseconds. */
async function measured(command: string, args: readonly string[]): Promise<Run> {
  const seen = new Map<number, { cpu: number; megabytes: number }>();
  const start = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => {
    stderr = (stderr + data.toString()).slice(-2000);
  });
  const look = () => {
    for (const pid of [child.pid!, ...children(child.pid!)]) {
      const used = usage(pid);
      // A process that has just ended has no memory any more.
      if (used)
        seen.set(pid, { ...used, megabytes: Math.max(used.megabytes, seen.get(pid)?.megabytes ?? 0) });
    }
  };
  const timer = setInterval(look, 10);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const seconds = (performance.now() - start) / 1000;
  clearInterval(timer);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${stderr}`);
  const all = [...seen.values()];
  return {
    seconds,
    cpu: all.reduce((sum, { cpu }) => sum + cpu, 0),
    peakMegabytes: Math.max(...all.map(({ megabytes }) => megabytes)),
  };
}

/** A hash of each tensor's name, type and data, in the file's order. */
async function dataHashes(path: string): Promise<string[]> {
  const source = await openFileSource(path);
  try {
    const { tensors } = await readGguf(source);
    const file = openSync(path, 'r');
    const buffer = new Uint8Array(2 ** 22);
    const hashes = tensors.map(({ name, dtype, byteOffset, bytes }) => {
      const hash = createHash('sha256');
      for (let done = 0; done < bytes; ) {
        const got = readSync(file, buffer, 0, Math.min(buffer.length, bytes - done), byteOffset + done);
        if (got === 0) throw new Error(`${path} ends early`);
        hash.update(buffer.subarray(0, got));
        done += got;
      }
      return `${name} ${dtype} ${hash.digest('hex')}`;
    });
    closeSync(file);
    return hashes;
  } finally {
    await source.close();
  }
}

const median = (values: readonly number[]): number =>
  values.slice().sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const shown = (runs: readonly Run[]) => {
  const seconds = runs.map((run) => run.seconds);
  return `${median(seconds).toFixed(2)}, ${Math.min(...seconds).toFixed(2)}`;
};

/** What the program says of itself; built without CMake it may not know. */
function versionOf(program: string): string {
  const { stdout, stderr } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return /version[:=].*/i.exec(`${stdout}\n${stderr}`)?.[0].trim() ?? 'it does not tell its version';
}

execFileSync(process.execPath, ['esbuild.mjs', '--only=cli.js', '--only=engine.js', '--only=worker.js']);
const folder = mkdtempSync(join(tmpdir(), 'tensor-loupe-gguf-'));
try {
  const model = join(folder, 'model.gguf');
  writeGgufModel(model);
  readWhole(model);
  const bytes = statSync(model).size;
  console.log(
    `${(parameterCount / 1e6).toFixed(0)} million parameters, F16, ${(bytes / 1e6).toFixed(0)} MB; ${rounds} rounds in turn`,
  );
  console.log(
    peer ? `LLAMA_QUANTIZE: ${peer} (${versionOf(peer)})` : 'LLAMA_QUANTIZE is not set: no comparison',
  );
  console.log(
    '\n| mix | s: median, least | CPU s | errors later, s | CPU s | peak MB | llama-quantize, s | CPU s | peak MB | ratio (CPU), later | goal | bytes |',
  );
  console.log(`|${'---|'.repeat(12)}`);
  const [own, other] = [join(folder, 'own.gguf'), join(folder, 'other.gguf')];
  for (const mix of mixes) {
    const owns: Run[] = [];
    const laters: Run[] = [];
    const others: Run[] = [];
    for (let round = 0; round < rounds; round++) {
      rmSync(own, { force: true });
      const args = ['dist/cli.js', 'quantize', model, '--scheme', mix.toLowerCase(), '--out', own];
      owns.push(await measured(process.execPath, args));
      rmSync(own, { force: true });
      // The other program measures no errors.
      laters.push(await measured(process.execPath, [...args, '--errors', 'later']));
      if (!peer) continue;
      rmSync(other, { force: true });
      others.push(await measured(peer, [model, other, mix, '2']));
    }
    const cpu = median(owns.map((run) => run.cpu));
    const laterCpu = median(laters.map((run) => run.cpu));
    const peak = Math.max(...owns.map((run) => run.peakMegabytes));
    const cells = [
      mix,
      shown(owns),
      cpu.toFixed(2),
      shown(laters),
      laterCpu.toFixed(2),
      `${peak.toFixed(0)}${peak < memoryGoal ? '' : ' (too much)'}`,
    ];
    if (peer) {
      const ratio = median(owns.map((run) => run.seconds)) / median(others.map((run) => run.seconds));
      const later = median(laters.map((run) => run.seconds)) / median(others.map((run) => run.seconds));
      const otherCpu = median(others.map((run) => run.cpu));
      const goal = goals[mix];
      const isSame = (await dataHashes(own)).join('\n') === (await dataHashes(other)).join('\n');
      if (!isSame) process.exitCode = 1;
      cells.push(
        shown(others),
        otherCpu.toFixed(2),
        Math.max(...others.map((run) => run.peakMegabytes)).toFixed(0),
        `${ratio.toFixed(2)} (${(cpu / otherCpu).toFixed(2)}), ${later.toFixed(2)} (${(laterCpu / otherCpu).toFixed(2)})`,
        goal === undefined ? '' : `${goal}: ${ratio <= goal ? 'reached' : 'missed'}`,
        isSame ? 'the same' : 'OTHERS',
      );
    }
    console.log(`| ${cells.join(' | ')} |`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
