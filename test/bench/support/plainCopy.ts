/**
 * The least that a quantization must do, as a ceiling for it: two threads read a file from end to end and write an output of the
 * same length, which is synced, early and at its end, as an output of ours is. Nothing is computed.
 */
import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';

const threadCount = 2;

/** Copies runs of a megabyte, in turn with the other thread. */
const threadSource = `
const { openSync, readSync, writeSync, closeSync } = require('node:fs');
const { parentPort } = require('node:worker_threads');
const buffer = Buffer.alloc(2 ** 20);
parentPort.on('message', ({ input, output, inputBytes, outputBytes, next }) => {
  const [source, target] = [openSync(input, 'r'), openSync(output, 'r+')];
  const share = outputBytes / inputBytes;
  for (;;) {
    const at = Atomics.add(next, 0, 1) * buffer.length;
    if (at >= inputBytes) break;
    const end = Math.min(inputBytes, at + buffer.length);
    readSync(source, buffer, 0, end - at, at);
    const first = Math.floor(at * share);
    writeSync(target, buffer, 0, Math.floor(end * share) - first, first);
  }
  closeSync(source);
  closeSync(target);
  parentPort.postMessage('done');
});
parentPort.postMessage('ready');
`;

export class PlainCopy {
  private constructor(private readonly threads: readonly Worker[]) {}

  static async start(): Promise<PlainCopy> {
    const threads = Array.from({ length: threadCount }, () => new Worker(threadSource, { eval: true }));
    await Promise.all(threads.map((thread) => once(thread, 'message')));
    return new PlainCopy(threads);
  }

  /** Seconds that it takes to write `outputBytes` for `inputBytes` read. The output is removed. */
  async run(input: string, output: string, inputBytes: number, outputBytes: number): Promise<number> {
    await rm(output, { force: true });
    const started = performance.now();
    const handle = await open(output, 'w');
    try {
      await handle.truncate(outputBytes);
      const next = new Int32Array(new SharedArrayBuffer(4));
      let isDone = false;
      const all = Promise.all(
        this.threads.map((thread) => {
          const done = once(thread, 'message');
          thread.postMessage({ input, output, inputBytes, outputBytes, next });
          return done;
        }),
      ).then(() => {
        isDone = true;
      });
      while (!isDone) await handle.datasync();
      await all;
      await handle.sync();
      return (performance.now() - started) / 1000;
    } finally {
      await handle.close();
      await rm(output, { force: true });
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.terminate()));
  }
}
