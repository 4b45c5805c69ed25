/**
 * `npm run fuzz -- [--minutes N] [--executions N] [--target NAME] [--keep] [--seed N]`: attacks every reader with mutated
 * inputs until the time or the count is over. Any outcome but a LoupeError or sound tensors is a fault, and so are a
 * second without an answer and memory that stays. Exit code 1 when there was one; its input is written to out/fuzz.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { targets } from './targets';
import { type FromWorker, layout, sharedBytes, type WorkerOptions } from './watch';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    executions: { type: 'string', default: 'Infinity' },
    target: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() & 0x7fffffff) },
    keep: { type: 'boolean', default: false },
    explore: { type: 'string', default: '0.15' },
  },
});
if (values.target !== undefined && !targets.some(({ name }) => name === values.target)) {
  console.error(
    `There is no reader "${values.target}"; there are ${targets.map(({ name }) => name).join(', ')}.`,
  );
  process.exit(2);
}
const minutes = Number(values.minutes);
const mostExecutions = Number(values.executions);
const endsAtMs = Date.now() + minutes * 60_000;
/** No answer for so long is a hang: a second, and what a busy machine may add. */
const longestMs = 2_500;

const totals = new Map<string, number>();
let faults = 0;
let worker: Worker;
let shared: SharedArrayBuffer;
let seed = Number(values.seed);

const told = new Map<string, number>();

/** Tells of the first input of each kind of fault; numbers make no kind of their own. */
function report(target: string, fault: string, bytes: Uint8Array): void {
  faults++;
  const kind = `${target} ${fault.replace(/"[^"]*"|\d+/g, '#').slice(0, 200)}`;
  const times = (told.get(kind) ?? 0) + 1;
  told.set(kind, times);
  if (times > 1) return;
  const folder = resolve('out/fuzz', target);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, createHash('sha256').update(bytes).digest('hex').slice(0, 12));
  writeFileSync(path, bytes);
  console.log(`FAULT in ${target}: ${fault}\n  input: ${path}`);
  if (told.size >= 20) finish();
}

function currentInput(): { target: string; bytes: Uint8Array } {
  const words = new Int32Array(shared, 0, layout.words);
  const length = words[layout.length]!;
  const bytes = new Uint8Array(shared, layout.words * 4, length).slice();
  return { target: targets[words[layout.target]!]!.name, bytes };
}

function start(exploreShare: number): void {
  shared = new SharedArrayBuffer(sharedBytes);
  const workerData: WorkerOptions = {
    shared,
    seed,
    minutes,
    exploreShare,
    target: values.target,
    corpus: resolve('test/fuzz/corpus'),
    keep: values.keep,
    keptBytes: 1_024,
    keptFiles: 48,
  };
  const started = new Worker(new URL('./worker.mjs', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: 384 },
  });
  worker = started;
  started.on('message', (message: FromWorker) => {
    if (message.kind === 'fault') return report(message.target, message.fault, message.bytes);
    totals.set(message.target, (totals.get(message.target) ?? 0) + message.executions);
    if (message.kind === 'explored')
      console.log(
        `${message.target}: ${message.found} inputs reach new code after ${message.executions} executions`,
      );
    const done = [...totals.values()].reduce((sum, count) => sum + count, 0);
    if (done >= mostExecutions) finish();
  });
  started.on('error', (error) => {
    const { target, bytes } = currentInput();
    report(target, `ended the thread: ${error.message}`, bytes);
    restart(started);
  });
}

/** Goes on with other inputs after one that cannot be survived. */
function restart(dead: Worker): void {
  if (worker !== dead) return;
  seed = (seed * 31 + 17) & 0x7fffffff;
  start(0.02);
}

function finish(): void {
  const total = [...totals.values()].reduce((sum, count) => sum + count, 0);
  console.log(
    `\nNode ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model}, seed ${values.seed}`,
  );
  for (const [name, count] of totals)
    console.log(`${name.padEnd(14)}${count.toLocaleString('en-US').padStart(14)}`);
  console.log(
    `${'all'.padEnd(14)}${total.toLocaleString('en-US').padStart(14)} executions, ${faults} faults`,
  );
  process.exit(faults > 0 ? 1 : 0);
}

let lastExecution = -1;
let lastChangeMs = Date.now();
setInterval(() => {
  const now = Date.now();
  const execution = new Int32Array(shared, 0, layout.words)[layout.executions]!;
  if (execution !== lastExecution) {
    lastExecution = execution;
    lastChangeMs = now;
  } else if (execution > 0 && now - lastChangeMs > longestMs) {
    const hung = worker;
    const { target, bytes } = currentInput();
    report(target, `gave no answer for ${now - lastChangeMs} ms`, bytes);
    lastChangeMs = now;
    void hung.terminate();
    restart(hung);
  }
  if (now > endsAtMs) finish();
}, 100);

start(Number(values.explore));
