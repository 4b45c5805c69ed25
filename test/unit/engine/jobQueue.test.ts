/** The queue by itself, and on the real engine. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { JobQueue } from '../../../src/engine/jobQueue';
import { LoupeError } from '../../../src/errors';
import { slowRequest, writeLarge } from './largeModel';
import { demoModel, failureOf, request, startEngine, temporaryFolder } from './support';

/** A job that runs until it is told to end. */
function openJob() {
  let end: () => void = () => {};
  let fail: (error: Error) => void = () => {};
  const done = new Promise<void>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  return { done, end, fail };
}

const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('the queue', () => {
  it('runs one at a time in order, tells positions, and goes on after a failure', async () => {
    const queue = new JobQueue();
    const jobs = [openJob(), openJob(), openJob()];
    const begun: number[] = [];
    const told: number[][] = [[], [], []];
    const { signal } = new AbortController();
    const runs = jobs.map((job, i) =>
      queue.run(
        signal,
        (before) => told[i]!.push(before),
        () => {
          begun.push(i);
          return job.done;
        },
      ),
    );
    await nextTurn();
    expect([begun, queue.size]).toEqual([[0], 3]);
    jobs[0]!.fail(new Error('broken'));
    await expect(runs[0]).rejects.toThrow('broken');
    await nextTurn();
    expect(begun).toEqual([0, 1]);
    jobs[1]!.end();
    await runs[1];
    await nextTurn();
    jobs[2]!.end();
    await runs[2];
    expect([begun, told, queue.size]).toEqual([[0, 1, 2], [[], [1], [2, 1]], 0]);
  });

  it('lets a waiting job leave, which never begins, and those behind it move up', async () => {
    const queue = new JobQueue();
    const first = openJob();
    const { signal } = new AbortController();
    const controller = new AbortController();
    const told: number[] = [];
    const running = queue.run(
      signal,
      () => {},
      () => first.done,
    );
    const leaving = queue.run(
      controller.signal,
      () => {},
      () => Promise.reject(new Error('it began')),
    );
    const last = queue.run(
      signal,
      (before) => told.push(before),
      async () => 'done',
    );
    controller.abort();
    await expect(leaving).rejects.toMatchObject({ code: 'cancelled' });
    expect(told).toEqual([2, 1]);
    first.end();
    await running;
    expect(await last).toBe('done');
    // One that was cancelled before it came never waits.
    await expect(
      queue.run(
        controller.signal,
        () => {},
        async () => 'done',
      ),
    ).rejects.toBeInstanceOf(LoupeError);
    expect(queue.size).toBe(0);
  });
});

describe('quantizations of one engine', () => {
  const engine = startEngine();
  const folder = temporaryFolder();

  it('wait for each other in order, one can be cancelled, and pictures and statistics answer meanwhile', async () => {
    const large = writeLarge(join(folder, 'large'));
    const ended: string[] = [];
    const waited = new Map<string, number[]>();
    const start = (name: string, path: string, controller = new AbortController()) => {
      const told: number[] = [];
      waited.set(name, told);
      const make = path === large ? slowRequest : request;
      const call = engine.call('quantize', make(path, join(folder, 'out', name)), {
        signal: controller.signal,
        progress: ({ waitingFor }) => waitingFor !== undefined && told.push(waitingFor),
      });
      const settled = call.then(
        () => ended.push(name),
        (thrown: LoupeError) => ended.push(`${name} ${thrown.code}`),
      );
      return { controller, settled };
    };
    const first = start('first', large);
    const second = start('second', demoModel);
    const third = start('third', demoModel);
    const fourth = start('fourth', demoModel);
    // A target that a waiting job will write is refused at once, and so is one that is there.
    const same = engine.call('quantize', request(demoModel, join(folder, 'out', 'second')));
    expect((await failureOf(same)).message).toContain('Another job');
    const taken = engine.call('quantize', request(demoModel, join(folder, 'large'), { overwrite: false }));
    expect((await failureOf(taken)).code).toBe('exists');
    third.controller.abort();
    await third.settled;
    const stats = await engine.call('stats', { path: demoModel, tensors: [0, 1], channels: 'none' });
    expect(stats.length).toBe(2);
    await engine.call('tile', { path: demoModel, tensor: 0, rows: 4, columns: 4 });
    const choice = { scheme: 'int8-absmax', granularity: 'row' } as const;
    expect((await engine.call('errors', { path: demoModel, choice, tensors: [0] })).length).toBe(1);
    // All of that while the first job ran: nothing but the cancelled one has ended.
    expect(ended).toEqual(['third cancelled']);
    await Promise.all([first, second, fourth].map(({ settled }) => settled));
    expect(ended).toEqual(['third cancelled', 'first', 'second', 'fourth']);
    expect(Object.fromEntries(waited)).toMatchObject({ first: [], second: [1], fourth: [3, 2, 1] });
    expect(existsSync(join(folder, 'out', 'third'))).toBe(false);
    expect(readdirSync(join(folder, 'out')).sort()).toEqual(['first', 'fourth', 'second']);
  }, 180_000);
});
