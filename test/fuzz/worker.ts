/**
 * The thread that runs the readers. First it explores: V8's precise coverage tells which inputs reach new code, and
 * those become seeds. Then it runs at full speed on what was found. The main thread watches over it.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { judge } from './judge';
import { type Material, mutate, type Random, randomOf } from './mutate';
import { type Target, targets } from './targets';
import { type FromWorker, layout, type WorkerOptions } from './watch';

const options = workerData as WorkerOptions;
const counters = new Int32Array(options.shared, 0, layout.words);
const current = new Uint8Array(options.shared, layout.words * 4);
const post = (message: FromWorker) => parentPort!.postMessage(message);
const session = new Session();
session.connect();
Error.stackTraceLimit = 0;

/** Heap over the start that is suspicious after a collection. */
const allowedGrowthBytes = 96 * 1024 * 1024;
const batchSize = 64;
const sliceSize = 2_000;

async function execute(target: Target, bytes: Uint8Array): Promise<void> {
  current.set(bytes);
  counters[layout.length] = bytes.length;
  Atomics.add(counters, layout.executions, 1);
  if ((await judge(target, bytes)) === undefined) return;
  // Once more, with stacks, which most of the time would go into otherwise.
  Error.stackTraceLimit = 20;
  const fault = (await judge(target, bytes)) ?? 'a fault that did not come again';
  Error.stackTraceLimit = 0;
  post({ kind: 'fault', target: target.name, fault, bytes });
}

/** Places in our own code that ran since the last call and had never run before. */
function newPlaces(seen: Set<string>): number {
  let found = 0;
  session.post('Profiler.takePreciseCoverage', (error, taken) => {
    if (error) throw error;
    for (const script of taken.result) {
      if (!script.url.endsWith('worker.mjs')) continue;
      for (const { ranges } of script.functions)
        for (const { startOffset, endOffset, count } of ranges) {
          // How often matters as well, roughly: a loop that runs eight times is another place.
          const key = `${startOffset} ${endOffset} ${count === 0 ? -1 : 31 - Math.clz32(count)}`;
          if (seen.has(key)) continue;
          seen.add(key);
          found++;
        }
    }
  });
  return found;
}

interface Hunt {
  readonly target: Target;
  readonly random: Random;
  readonly material: Material & { known: Uint8Array[] };
}

function next({ target, random, material }: Hunt): Uint8Array {
  return mutate(material, random, target.repair);
}

/** Looks for inputs that reach new code, and keeps them. */
async function explore(hunt: Hunt, untilMs: number): Promise<void> {
  const { target, material } = hunt;
  const seen = new Set<string>();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const runAlone = async (bytes: Uint8Array): Promise<boolean> => {
    await execute(target, bytes);
    return newPlaces(seen) > 0;
  };
  for (const bytes of [...material.known]) await runAlone(bytes);
  while (Date.now() < untilMs) {
    const batch = Array.from({ length: batchSize }, () => next(hunt));
    for (const bytes of batch) await execute(target, bytes);
    const probe = new Set(seen);
    if (newPlaces(probe) === 0) continue;
    for (const bytes of batch) {
      if (!(await runAlone(bytes))) continue;
      material.known.push(bytes);
      if (options.keep && bytes.length <= options.keptBytes) keep(target.name, bytes);
    }
    // Counts of many runs together are other places than those of one run.
    for (const key of probe) seen.add(key);
  }
  session.post('Profiler.stopPreciseCoverage');
  session.post('Profiler.disable');
}

function corpusOf(name: string): Uint8Array[] {
  const folder = join(options.corpus, name);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((file) => new Uint8Array(readFileSync(join(folder, file))));
}

function keep(name: string, bytes: Uint8Array): void {
  const folder = join(options.corpus, name);
  mkdirSync(folder, { recursive: true });
  if (readdirSync(folder).length >= options.keptFiles) return;
  writeFileSync(join(folder, createHash('sha256').update(bytes).digest('hex').slice(0, 12)), bytes);
}

async function main(): Promise<void> {
  const hunts = targets
    .filter(({ name }) => options.target === undefined || name === options.target)
    .map(
      (target, i): Hunt => ({
        target,
        random: randomOf(options.seed + i * 7919),
        material: { known: [...target.seeds, ...corpusOf(target.name)], words: target.words },
      }),
    );
  const exploreMs = (options.exploreShare * options.minutes * 60_000) / hunts.length;
  const collect = (globalThis as { gc?: () => void }).gc;
  for (const hunt of hunts) {
    counters[layout.target] = targets.indexOf(hunt.target);
    const before = counters[layout.executions]!;
    const known = hunt.material.known.length;
    await explore(hunt, Date.now() + exploreMs);
    const executions = counters[layout.executions]! - before;
    post({
      kind: 'explored',
      target: hunt.target.name,
      executions,
      found: hunt.material.known.length - known,
    });
  }
  collect?.();
  const heapAtStart = process.memoryUsage().heapUsed;
  for (;;) {
    for (const hunt of hunts) {
      const { target } = hunt;
      counters[layout.target] = targets.indexOf(target);
      const executions = sliceSize * target.share;
      for (let i = 0; i < executions; i++) await execute(target, next(hunt));
      collect?.();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      post({ kind: 'slice', target: target.name, executions });
      if (heapUsed - heapAtStart + arrayBuffers > allowedGrowthBytes)
        post({
          kind: 'fault',
          target: target.name,
          fault: `left ${heapUsed - heapAtStart} bytes of heap and ${arrayBuffers} of buffers behind`,
          bytes: new Uint8Array(0),
        });
    }
    // Lets the main thread's messages in.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

await main();
